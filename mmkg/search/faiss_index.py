"""FAISS indexes (flat, ivf, hnsw) with one search interface."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..compute.devices import resolve_device, torch_device
from ..compute.host import isolated_class
from ..errors import ON_CPU, Advice, Setting, UsageError
from ..progress import progress_bar
from ..typing import FloatArray, IntArray
from .config import IndexConfig
from .exact import ExactIndex, build_exact, search_distinct
from .faiss_check import check_content
from .faiss_module import faiss_sees_gpu, import_faiss, read_object
from .grouped import search_lists
from .kind import Index, IndexKind, Metric, ShownIndex
from .lists import STEPS, TUNE_QUERIES, choose_probes, learning_rows, list_count, most_probes, sample_rows, tuning_rows
from .neighbors import Neighbors, pad_neighbors, sort_neighbors
from .repeats import LARGEST_K, DistinctBase, distinct_rows
from .vectors import Rows, Vectors, check_count

GPU_LARGEST_K = 2048
GPU_NPROBE = 64
QUERY_BYTES = 128 << 20  # size of a block of queries that an ivf index searches at once
GROUPED_FROM = 256  # queries per list from which one product for all of them beats one scan for each
SWAP = "pip uninstall -y faiss-cpu && pip install --force-reinstall faiss-gpu"


@isolated_class
class FaissIndex(ShownIndex, Index):
    """A built FAISS index with its metric.

    Args:
        index: the FAISS object; its rows are of unit length if ``metric`` is cosine.
        kind: flat, ivf or hnsw.
        metric: ``cosine`` or ``ip``.
        config: settings of the search.
        gpu: CUDA device number, ``None`` for the CPU.

    Results are in the order (-score, id). ``flat`` also keeps the lowest ids among equal scores at the k-th
    place; ``ivf`` and ``hnsw`` are approximate. Several threads build ``hnsw``, so that two builds can differ;
    save it to get the same answers again.

    ``ivf`` with ``nprobe=None`` is tuned by the first search of 2,000 queries or more (see ``tune``). Until then it
    reads every list, so that its results are exact.
    """

    def __init__(self, index: Any, *, kind: str, metric: Metric, config: IndexConfig, gpu: int | None = None) -> None:
        self.kind, self.metric, self.config, self.gpu = kind, metric, config, gpu
        self.size, self.dim = int(index.ntotal), int(index.d)
        self.plain = kind == "flat"
        self._index = index
        self._distinct: DistinctBase | None = None
        self._compared = False
        if gpu is not None:
            faiss = import_faiss()
            self._resources = faiss.StandardGpuResources()
            self._index = faiss.index_cpu_to_gpu(self._resources, gpu, index)

    def search(self, queries: Vectors, k: int, *, progress: bool = False) -> Neighbors:
        """The k best base rows of each query ``[Q, d]``; id -1 and score -inf where none was found.

        Queries are read in blocks, so that a memory map of them is never in memory as a whole.

        Args:
            queries: ``[Q, d]``.
            k: >= 1.
            progress: show a progress bar, on a terminal only.

        Raises:
            InputError: NaN, infinity, another width, not a matrix, no queries.
            UsageError: k < 1, or k > 2048 on a GPU.
        """
        k = check_count(k, "k")
        width = min(k, self.size)
        if self.gpu is not None and width > GPU_LARGEST_K:
            what = f"FAISS on a GPU finds at most {GPU_LARGEST_K} neighbours, got k = {k}"
            raise UsageError(what, advice=Advice("use {}", Setting("search.index", "exact", argument="kind")))
        rows = self._queries(queries)
        if self.kind == "ivf" and self.gpu is None and self.config.nprobe is None and len(rows) >= TUNE_QUERIES:
            self._tune(rows)
        ids = np.empty((len(rows), width), dtype=np.int64)
        scores = np.empty((len(rows), width), dtype=np.float32)
        with progress_bar("searching", len(rows), enabled=progress) as advance:
            for start, block in rows.blocks(rows.step(QUERY_BYTES) if self.kind == "ivf" else None):
                found = self._search(block, width)
                ids[start : start + len(block)], scores[start : start + len(block)] = found.ids, found.scores
                advance(len(block))
        return pad_neighbors(Neighbors(ids, scores), k)

    def _distinct_base(self) -> DistinctBase | None:
        """The distinct rows of a flat index of which most are copies; ``None`` of other indexes."""
        if not self._compared:
            rows, self._compared = torch.from_numpy(self._rows()), True
            found = distinct_rows(rows)
            self._distinct = None if found is None else DistinctBase(rows, found)
        return self._distinct

    def tuning_rows(self, size: int) -> IntArray:
        """A sample of ``size`` queries for an ivf index on the CPU whose ``nprobe`` is not chosen yet; else none."""
        return tuning_rows(size, self.config) if self.kind == "ivf" and self.gpu is None else super().tuning_rows(size)

    def tune(self, queries: Vectors) -> int:
        """Choose ``nprobe`` of an ivf index on the CPU, and store it in ``config``, which is saved with the index.

        It becomes the smallest power of two at which, of at most 2,000 queries drawn with the index's seed,
        no more than one in a thousand misses the list of its exact nearest neighbour: Hits@1 on the sample drops
        by at most 0.001. Recall of lower ranks can drop more. ``nprobe`` is at most a 32nd of the lists; if that is not
        enough, a warning reports how many queries lose their nearest neighbour.

        Args:
            queries: a sample of the queries to come, ``[Q, d]``.

        Returns:
            The number of lists to read.

        Raises:
            InputError: as for ``search``.
            UsageError: the index is not an ivf index on the CPU.
        """
        if self.kind != "ivf" or self.gpu is not None:
            raise UsageError(f"only kind 'ivf' on the CPU has nprobe to tune, got kind {self.kind!r}")
        return self._tune(self._queries(queries))

    def _queries(self, queries: Vectors) -> Rows:
        return Rows(queries, "queries", normalise=self.metric == "cosine", dim=self.dim)

    def _tune(self, queries: Rows) -> int:
        nlist, count = self._index.nlist, min(TUNE_QUERIES, len(queries))
        chosen = sample_rows(len(queries), count, seed=self.config.seed)
        rows = queries.take(chosen)
        probes = self._index.quantizer.search(rows.numpy(), nlist)[1]
        nearest = search_lists(rows, probes, self._read_list, 1)[0][:, 0]
        lists = np.empty(self.size, dtype=np.int64)
        for number in range(nlist):
            lists[self._read_list(number)[0].numpy()] = number
        place = (probes == lists[nearest][:, None]).argmax(
            axis=1
        )  # lists read before the one with the nearest neighbour
        nprobe = choose_probes(place, most_probes(nlist), nlist)
        self.config = replace(self.config, nprobe=nprobe)
        return nprobe

    def _search(self, rows: Tensor, k: int) -> Neighbors:
        if self.kind == "ivf" and self.gpu is None:
            return self._search_ivf(rows, k)
        if self.kind == "flat" and self.gpu is None and k <= LARGEST_K and (base := self._distinct_base()) is not None:
            return search_distinct(rows, base, k)
        settings = None
        if self.kind == "hnsw":
            settings = import_faiss().SearchParametersHNSW(efSearch=max(self.config.ef_search, k))
        repair = self.kind == "flat" and self.gpu is None and k < self.size
        scores, ids = self._index.search(rows.numpy(), k + 1 if repair else k, params=settings)
        found = sort_neighbors(ids, scores)
        if not repair:
            return found
        ids, scores = found.ids[:, :k].copy(), found.scores[:, :k].copy()
        tied = found.scores[:, k - 1] == found.scores[:, k]  # FAISS keeps any of the equals
        if tied.any():
            exact = ExactIndex.from_stored(torch.from_numpy(self._rows()), metric="ip", device="cpu")
            again = exact.search(rows.numpy()[tied], k)
            ids[tied], scores[tied] = again.ids, again.scores
        return Neighbors(ids, scores)

    def _search_ivf(self, rows: Tensor, k: int) -> Neighbors:
        nlist = self._index.nlist
        nprobe = nlist if self.config.nprobe is None else min(self.config.nprobe, nlist)
        if len(rows) * nprobe < GROUPED_FROM * nlist:
            faiss = import_faiss()
            scores, ids = self._index.search(rows.numpy(), k, params=faiss.SearchParametersIVF(nprobe=nprobe))
            return sort_neighbors(ids, scores)
        probes = self._index.quantizer.search(rows.numpy(), nprobe)[1]
        return sort_neighbors(*search_lists(rows, probes, self._read_list, k))

    def _read_list(self, number: int) -> tuple[Tensor, Tensor]:
        """Ids and rows of a list of an ivf index, not copied."""
        faiss, lists = import_faiss(), self._index.invlists
        size = lists.list_size(number)
        if size == 0:
            return torch.empty(0, dtype=torch.int64), torch.empty(0, self.dim)
        ids = faiss.rev_swig_ptr(lists.get_ids(number), size)
        codes = faiss.rev_swig_ptr(lists.get_codes(number), size * 4 * self.dim)
        return torch.from_numpy(ids), torch.from_numpy(codes.view(np.float32).reshape(size, self.dim))

    def _rows(self) -> FloatArray:
        """The rows of a flat index on the CPU, not copied."""
        faiss = import_faiss()
        rows: FloatArray = faiss.rev_swig_ptr(self._index.get_xb(), self.size * self.dim)
        return rows.reshape(self.size, self.dim)

    def write(self, path: Path) -> None:
        """Write the FAISS object."""
        faiss = import_faiss()
        faiss.write_index(self._index if self.gpu is None else faiss.index_gpu_to_cpu(self._index), str(path))


def learn_centroids(rows: FloatArray, count: int, *, seed: int) -> FloatArray:
    """Spherical k-means: at most ``count`` centroids ``[C, d]`` of unit length; one centroid of zeros without rows."""
    if len(rows) == 0:
        return np.zeros((1, rows.shape[1]), dtype=np.float32)
    faiss = import_faiss()
    means = faiss.Kmeans(
        rows.shape[1], min(count, len(rows)), niter=STEPS, seed=seed, spherical=True, min_points_per_centroid=1
    )
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    means.train(rows / np.maximum(lengths, np.finfo(np.float32).tiny))
    centroids: FloatArray = means.centroids
    return centroids


def build_faiss(
    vectors: Vectors,
    *,
    kind: str,
    metric: Metric = "cosine",
    config: IndexConfig | None = None,
    gpu: int | None = None,
    progress: bool = False,
) -> FaissIndex:
    """Build any FAISS kind; the only place where a FAISS object gets its metric, which is always the inner product.

    Vectors are added block by block: memory holds the index, one block and, for ivf, the rows that train it.

    Raises:
        InputError: NaN, infinity, no rows, not a matrix.
        UsageError: kind ``hnsw`` on a GPU.
    """
    config = IndexConfig() if config is None else config
    if kind == "hnsw" and gpu is not None:
        advice = Advice("use {}, or kind 'flat' or 'ivf' on the GPU", ON_CPU)
        raise UsageError("kind 'hnsw' runs on the CPU only", advice=advice)
    rows = Rows(vectors, "base vectors", normalise=metric == "cosine")
    faiss = import_faiss()
    size, dim = len(rows), rows.dim
    product = faiss.METRIC_INNER_PRODUCT
    if kind == "flat":
        index = faiss.IndexFlat(dim, product)
    elif kind == "ivf":
        nlist = list_count(size, config)
        index = faiss.IndexIVFFlat(faiss.IndexFlat(dim, product), dim, nlist, product)
        index.cp.seed, index.cp.niter = config.seed, STEPS
        index.cp.spherical = True  # centroids of unit length: longer ones would attract more rows
        index.cp.min_points_per_centroid = 1  # else FAISS prints a warning
        index.train(rows.take(learning_rows(size, nlist, seed=config.seed)).numpy())
    elif kind == "hnsw":
        index = faiss.IndexHNSWFlat(dim, config.hnsw_m, product)
        index.hnsw.efConstruction = config.ef_construction
    else:
        raise ValueError(f"expected flat, ivf or hnsw, got {kind!r}")
    with progress_bar("indexing", size, enabled=progress) as advance:
        for _, block in rows.blocks():
            index.add(block.numpy())
            advance(len(block))
    if kind == "ivf" and gpu is not None:
        index.nprobe = min(GPU_NPROBE if config.nprobe is None else config.nprobe, nlist)
    return FaissIndex(index, kind=kind, metric=metric, config=config, gpu=gpu)


def read_faiss(path: Path, *, kind: str, metric: Metric, config: IndexConfig, gpu: int | None = None) -> FaissIndex:
    """Read a file that ``FaissIndex.write`` wrote. Verify its hash first: FAISS loads damaged files without an error.

    Raises:
        InputError: FAISS cannot read the file, or it holds another kind or metric.
    """
    faiss = import_faiss()
    index = read_object(
        path, {"flat": faiss.IndexFlat, "ivf": faiss.IndexIVFFlat, "hnsw": faiss.IndexHNSWFlat}[kind], kind
    )
    check_content(faiss, index, kind, path)
    if kind == "ivf" and gpu is not None:
        index.nprobe = min(GPU_NPROBE if config.nprobe is None else config.nprobe, index.nlist)
    return FaissIndex(index, kind=kind, metric=metric, config=config, gpu=gpu)


def build_on_device(
    kind: str, vectors: Vectors, metric: Metric, device: str | torch.device, config: IndexConfig, progress: bool
) -> Index:
    """Build a FAISS kind; on a GPU that FAISS does not see, kind flat is the exact search in torch.

    Raises:
        UsageError: FAISS cannot build this kind on the device.
    """
    if str(device) == "cpu" or (str(device) == "auto" and (kind == "hnsw" or not torch.cuda.is_available())):
        return build_faiss(vectors, kind=kind, metric=metric, config=config, progress=progress)
    if faiss_sees_gpu():
        gpu = 0 if str(device) == "auto" else torch.device(device).index or 0
        return build_faiss(vectors, kind=kind, metric=metric, config=config, gpu=gpu, progress=progress)
    if kind == "flat":
        return build_exact(vectors, metric, device, config, progress)
    if str(device) == "auto":
        return build_faiss(vectors, kind=kind, metric=metric, config=config, progress=progress)
    resolve_device(device)  # a missing device has its own message
    raise UsageError(
        f"kind {kind!r} on {str(device)!r} needs a FAISS that sees a GPU, and this one does not",
        advice=Advice(f"use kind 'flat' or 'exact' (torch, same device), {{}}, or swap the package: {SWAP}", ON_CPU),
    )


def load_faiss(kind: str, path: Path, metric: Metric, config: IndexConfig, device: str | torch.device) -> FaissIndex:
    """Read a file that ``FaissIndex.write`` wrote; device ``auto`` is the CPU.

    Raises:
        InputError: see ``read_faiss``.
        UsageError: CUDA, where FAISS sees no GPU.
    """
    gpu = None
    if str(device) != "auto" and torch_device(device).type == "cuda":
        if not faiss_sees_gpu():
            what = f"FAISS sees no GPU: this index of kind {kind!r} is for the CPU"
            raise UsageError(what, advice=Advice("use {}", ON_CPU))
        gpu = torch_device(device).index or 0
    return read_faiss(path, kind=kind, metric=metric, config=config, gpu=gpu)


def faiss_bytes(kind: str, size: int, dim: int, config: IndexConfig) -> float:
    """Bytes of the values, and of the lists with their centroids or of the links of the graph."""
    if kind == "ivf":
        return size * (4 * dim + 8) + 4 * dim * list_count(size, config)
    return size * (4 * dim + (4 * (2 * config.hnsw_m + 5) if kind == "hnsw" else 0))


FLAT, IVF, HNSW = (
    IndexKind(
        partial(build_on_device, kind),
        partial(load_faiss, kind),
        exact=kind == "flat",
        on_gpu=on_gpu,
        needs=partial(faiss_bytes, kind),
    )
    for kind, on_gpu in (("flat", lambda: True), ("ivf", faiss_sees_gpu), ("hnsw", lambda: False))
)
