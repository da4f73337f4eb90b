"""One door to all indexes: ``build_index(vectors, kind=..., device=...)``."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch

from ..compute.devices import resolve_device, torch_device
from ..errors import UsageError, nearest
from .config import IndexConfig
from .exact import ExactIndex, Metric
from .faiss_index import SWAP, FaissIndex, build_faiss, faiss_sees_gpu
from .neighbors import Neighbors
from .parts_index import PartsIndex
from .vectors import Vectors

LARGEST_FLAT = 200_000
AnyIndex = ExactIndex | FaissIndex | PartsIndex


@runtime_checkable
class Index(Protocol):
    """What every index can do; any object with this ``search`` is welcome."""

    def search(self, queries: Vectors, k: int) -> Neighbors:
        """The k best base rows of each query, ``[Q, d]``."""


def _exact(
    vectors: Vectors, metric: Metric, device: str | torch.device, config: IndexConfig, progress: bool
) -> ExactIndex:
    return ExactIndex(vectors, metric=metric, device=device, memory_bytes=config.memory_bytes)


def _faiss(
    kind: str, vectors: Vectors, metric: Metric, device: str | torch.device, config: IndexConfig, progress: bool
) -> ExactIndex | FaissIndex:
    if str(device) == "cpu" or (str(device) == "auto" and (kind == "hnsw" or not torch.cuda.is_available())):
        return build_faiss(vectors, kind=kind, metric=metric, config=config, progress=progress)
    if faiss_sees_gpu():
        gpu = 0 if str(device) == "auto" else torch.device(device).index or 0
        return build_faiss(vectors, kind=kind, metric=metric, config=config, gpu=gpu, progress=progress)
    if kind == "flat":
        return _exact(vectors, metric, device, config, progress)
    if str(device) == "auto":
        return build_faiss(vectors, kind=kind, metric=metric, config=config, progress=progress)
    resolve_device(device)  # a device that is not there has its own message
    raise UsageError(
        f"kind {kind!r} on {str(device)!r} needs a FAISS that sees a GPU, and this one does not. "
        f"Use kind='flat' or 'exact' (torch, same device), device='cpu', or swap the package: {SWAP}"
    )


def _parts(
    vectors: Vectors, metric: Metric, device: str | torch.device, config: IndexConfig, progress: bool
) -> PartsIndex:
    if str(device) not in ("auto", "cpu"):
        raise UsageError(
            f"kind 'parts' runs on the CPU only, not on {str(device)!r}; use device='cpu', or kind 'flat' or 'exact'"
        )
    return PartsIndex(vectors, metric=metric, config=config, progress=progress)


def _auto(
    vectors: Vectors, metric: Metric, device: str | torch.device, config: IndexConfig, progress: bool
) -> AnyIndex:
    on_cpu = str(device) == "cpu" or (str(device) == "auto" and not torch.cuda.is_available())
    if len(vectors) > LARGEST_FLAT and on_cpu and len(config.parts) > 1:
        return _parts(vectors, metric, "cpu", config, progress)
    kind = "ivf" if len(vectors) > LARGEST_FLAT and on_cpu else "flat"
    return _faiss(kind, vectors, metric, device, config, progress)


INDEXES: dict[str, Callable[[Vectors, Metric, str | torch.device, IndexConfig, bool], AnyIndex]] = {
    "auto": _auto,
    "exact": _exact,
    "flat": partial(_faiss, "flat"),
    "ivf": partial(_faiss, "ivf"),
    "hnsw": partial(_faiss, "hnsw"),
    "parts": _parts,
}


def build_index(
    vectors: Vectors,
    *,
    kind: str | Index = "auto",
    metric: Metric = "cosine",
    device: str | torch.device = "auto",
    config: IndexConfig | None = None,
    progress: bool = False,
    **options: Any,
) -> Any:
    """Index vectors for nearest-neighbour search; scores are larger-is-better, whatever the kind.

    Args:
        vectors: base ``[N, d]``, array or tensor; copied, never written to.
        kind: ``auto`` (flat up to 200,000 rows, above it parts if ``parts`` are given, else ivf; on CUDA always
            exact or flat), ``exact`` (torch), ``flat``, ``ivf``, ``hnsw`` (FAISS), ``parts`` (IVF lists of each
            modality's part, see ``PartsIndex``), or an object with ``search(queries, k)``, which
            is returned as it is.
        metric: ``cosine`` (a row of zeros scores 0) or ``ip``, the inner product as it stands.
        device: ``auto``, ``cpu`` or ``cuda``. On CUDA, ``flat`` is the exact search in torch unless the
            installed FAISS is a GPU build.
        config: settings of the kind; or give its fields as keywords, e.g. ``nprobe=16``.
        progress: show a bar while FAISS takes the rows in, on a terminal only.

    Returns:
        An index with ``search(queries, k) -> Neighbors``, ``save(path)``, ``size``, ``dim``, ``kind``, ``metric``.

    Raises:
        InputError: vectors that are not a finite matrix with at least one row.
        UsageError: unknown kind, metric, device or option.
        MissingPackageError: FAISS is not installed.
    """
    if not isinstance(kind, str):
        if isinstance(kind, type) or not callable(getattr(kind, "search", None)):
            raise UsageError(f"kind must be a name or an object with search(queries, k), got {kind!r}")
        return kind
    if kind not in INDEXES:
        raise UsageError(f"unknown index kind {kind!r}; {nearest(kind, INDEXES)}")
    if metric not in ("cosine", "ip"):
        raise UsageError(f"unknown metric {metric!r}; {nearest(str(metric), ('cosine', 'ip'))}")
    if config is not None and options:
        raise UsageError("give the index settings as config or as keywords, not as both")
    if str(device) != "auto":
        torch_device(device)  # an unknown name is refused whatever the kind
    return INDEXES[kind](vectors, metric, device, IndexConfig.of(options) if config is None else config, progress)
