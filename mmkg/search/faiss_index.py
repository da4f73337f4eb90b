"""FAISS indexes (flat, ivf, hnsw) behind one search; the only file that imports faiss."""

import math
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError, MissingPackageError, UsageError
from ..typing import FloatArray
from .blas import fast_blas
from .config import IndexConfig
from .exact import ExactIndex, Metric
from .neighbors import Neighbors, sort_neighbors
from .vectors import Vectors, check_count, prepare

FAISS_KINDS = ("flat", "ivf", "hnsw")
GPU_LARGEST_K = 2048
SWAP = "pip uninstall -y faiss-cpu && pip install --force-reinstall faiss-gpu"


def import_faiss() -> Any:
    """The faiss module, loaded with a fast BLAS kernel.

    Raises:
        MissingPackageError: it is not installed.
    """
    with fast_blas():
        try:
            import faiss
        except ImportError as error:
            raise MissingPackageError("this index needs FAISS: pip install faiss-cpu") from error
    return faiss


def faiss_sees_gpu() -> bool:
    """Whether the installed FAISS is a GPU build and finds a GPU."""
    faiss = import_faiss()
    return hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0


class FaissIndex:
    """A built FAISS index with its metric.

    Args:
        index: the FAISS object; its rows are of unit length if ``metric`` is cosine.
        kind: flat, ivf or hnsw.
        metric: ``cosine`` or ``ip``.
        config: how to search it.
        gpu: CUDA device number, ``None`` for the CPU.

    Results are in the order (-score, id). ``flat`` also keeps the lowest ids among equals at the k-th
    place; ``ivf`` and ``hnsw`` are approximate. ``hnsw`` is built by several threads at once, so that two
    builds can differ; save it to get the same answers again.
    """

    def __init__(self, index: Any, *, kind: str, metric: Metric, config: IndexConfig, gpu: int | None = None) -> None:
        self.kind, self.metric, self.config, self.gpu = kind, metric, config, gpu
        self.size, self.dim = int(index.ntotal), int(index.d)
        self._index = index
        if gpu is not None:
            faiss = import_faiss()
            self._resources = faiss.StandardGpuResources()
            self._index = faiss.index_cpu_to_gpu(self._resources, gpu, index)

    def search(self, queries: Vectors, k: int) -> Neighbors:
        """The k best base rows of each query ``[Q, d]``; id -1 and score -inf where none was found.

        Raises:
            InputError: NaN, infinity, another width, not a matrix, no query.
            UsageError: k < 1, or beyond 2048 on a GPU.
        """
        k = check_count(k, "k")
        if self.gpu is not None and k > GPU_LARGEST_K:
            raise UsageError(f"FAISS on a GPU finds at most {GPU_LARGEST_K} neighbours, got k = {k}; use kind='exact'")
        rows: FloatArray = prepare(queries, "queries", normalise=self.metric == "cosine", dim=self.dim).numpy()
        settings = None
        if self.kind == "hnsw":
            settings = import_faiss().SearchParametersHNSW(efSearch=max(self.config.ef_search, k))
        repair = self.kind == "flat" and self.gpu is None and k < self.size
        scores, ids = self._index.search(rows, k + 1 if repair else k, params=settings)
        found = sort_neighbors(ids, scores)
        if not repair:
            return found
        ids, scores = found.ids[:, :k].copy(), found.scores[:, :k].copy()
        tied = found.scores[:, k - 1] == found.scores[:, k]  # FAISS keeps any of the equals
        if tied.any():
            exact = ExactIndex.from_stored(torch.from_numpy(self._rows()), metric="ip", device="cpu")
            again = exact.search(rows[tied], k)
            ids[tied], scores[tied] = again.ids, again.scores
        return Neighbors(ids, scores)

    def _rows(self) -> FloatArray:
        """The rows of a flat index on the CPU, without a copy."""
        faiss = import_faiss()
        return faiss.rev_swig_ptr(self._index.get_xb(), self.size * self.dim).reshape(self.size, self.dim)

    def save(self, path: str | Path) -> None:
        """Write the index and its sidecar; see ``save_index``."""
        from .storage import save_index  # storage knows all kinds

        save_index(self, path)

    def write(self, path: Path) -> None:
        """Write the FAISS object alone; ``save_index`` adds the sidecar."""
        faiss = import_faiss()
        faiss.write_index(self._index if self.gpu is None else faiss.index_gpu_to_cpu(self._index), str(path))


def build_faiss(
    vectors: Vectors, *, kind: str, metric: Metric = "cosine", config: IndexConfig | None = None, gpu: int | None = None
) -> FaissIndex:
    """Build any FAISS kind; the one place where a FAISS object gets its metric (inner product, always).

    Raises:
        InputError: NaN, infinity, no rows, not a matrix.
        UsageError: kind ``hnsw`` on a GPU.
    """
    config = IndexConfig() if config is None else config
    if kind == "hnsw" and gpu is not None:
        raise UsageError("kind 'hnsw' runs on the CPU only; use device='cpu', or kind 'flat' or 'ivf' on the GPU")
    rows: FloatArray = prepare(vectors, "base vectors", normalise=metric == "cosine").numpy()
    faiss = import_faiss()
    size, dim = rows.shape
    product = faiss.METRIC_INNER_PRODUCT
    if kind == "flat":
        index = faiss.IndexFlat(dim, product)
    elif kind == "ivf":
        nlist = config.nlist if config.nlist is not None else max(1, min(round(4 * math.sqrt(size)), size // 39))
        nlist = min(nlist, size)
        index = faiss.IndexIVFFlat(faiss.IndexFlat(dim, product), dim, nlist, product)
        index.cp.seed = config.seed
        index.cp.min_points_per_centroid = 1  # else FAISS prints a warning
        index.nprobe = min(config.nprobe, nlist)
        index.train(rows)
    elif kind == "hnsw":
        index = faiss.IndexHNSWFlat(dim, config.hnsw_m, product)
        index.hnsw.efConstruction = config.ef_construction
    else:
        raise ValueError(f"expected one of {FAISS_KINDS}, got {kind!r}")
    index.add(rows)
    return FaissIndex(index, kind=kind, metric=metric, config=config, gpu=gpu)


def read_faiss(path: Path, *, kind: str, metric: Metric, config: IndexConfig, gpu: int | None = None) -> FaissIndex:
    """Read what ``FaissIndex.write`` wrote. Verify the file's hash first: FAISS loads damaged files.

    Raises:
        InputError: FAISS cannot read it, or it is of another kind or metric.
    """
    faiss = import_faiss()
    expected = {"flat": faiss.IndexFlat, "ivf": faiss.IndexIVFFlat, "hnsw": faiss.IndexHNSWFlat}[kind]
    limit = getattr(faiss, "set_deserialization_vector_byte_limit", None)  # FAISS >= 1.14
    before = faiss.get_deserialization_vector_byte_limit() if limit is not None else 0
    try:
        if limit is not None:
            limit(max(path.stat().st_size, 1 << 20))  # nothing in the file can be larger than the file
        index = faiss.read_index(str(path))
    except RuntimeError as error:
        raise InputError(f"FAISS cannot read this index: {str(error).splitlines()[0]}", path) from None
    finally:
        if limit is not None:
            limit(before)
    if not isinstance(index, expected) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise InputError(f"expected an inner-product index of kind {kind!r}, got {type(index).__name__}", path)
    if kind == "ivf":
        index.nprobe = min(config.nprobe, index.nlist)
    return FaissIndex(index, kind=kind, metric=metric, config=config, gpu=gpu)
