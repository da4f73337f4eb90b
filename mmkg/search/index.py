"""The index kinds by name, and ``build_index(vectors, kind=..., device=...)``."""

import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, get_args, overload

import numpy as np

from ..compute.devices import torch_device
from ..compute.host import isolated
from ..errors import Advice, Setting, UsageError, brief, nearest
from ..registry import Registry
from ..settings import parse, shown_bytes
from .config import IndexConfig
from .given import Vectors
from .kind import Index, IndexKind, Metric, Searcher

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)
LARGEST_FLAT = 200_000
LONGEST = 128  # more neighbours of each row are not found by one pass for both sides
METRICS: tuple[Metric, ...] = get_args(Metric)
S = TypeVar("S", bound=Searcher)


def _auto(vectors: Vectors, metric: Metric, device: "str | torch.device", config: IndexConfig, progress: bool) -> Index:
    import torch

    on_cpu = str(device) == "cpu" or (str(device) == "auto" and not torch.cuda.is_available())
    size, dim = np.shape(vectors) if np.ndim(vectors) == 2 else (1, 1)  # other shapes are refused by the kind
    kind, config = ("flat", config) if not on_cpu else kind_within(size, dim, config)
    return INDEXES[kind].build(vectors, metric, "cpu" if on_cpu else device, config, progress)


def kind_within(size: int, dim: int, config: IndexConfig) -> tuple[str, IndexConfig]:
    """The kind that ``auto`` takes on the CPU, and its settings: the first of these that fits into ``config.memory``.

    Up to ``LARGEST_FLAT`` rows: flat, fp16, sq8, all of which score every row. Above: parts (ivf without ``parts``),
    pq4, pq4 that rescores from 8 bits, sq8.

    Args:
        size: number of rows.
        dim: their width.
        config: settings.

    Raises:
        UsageError: none fits; the message states the least memory.
    """
    if size <= LARGEST_FLAT:
        tried = [("flat", config), ("fp16", config), ("sq8", config)]
    else:
        listed = "parts" if len(config.parts) > 1 else "ivf"
        tried = [(listed, config), ("pq4", config), ("pq4", replace(config, refine="sq8")), ("sq8", config)]
    needed = [memory_of(kind, size, dim, settings) for kind, settings in tried]
    for chosen, number in zip(tried, needed, strict=True):
        if config.memory is None or number <= config.memory:
            logger.info("index of kind %s for %d vectors of width %d: %s", chosen[0], size, dim, shown_bytes(number))
            return chosen
    least = min(needed)
    kind = tried[needed.index(least)][0]
    raise _too_little(f"takes at least {shown_bytes(least)} (kind {kind})", size, dim, config.memory, least)


def memory_of(kind: str, size: int, dim: int, config: Any) -> float:
    """Estimated bytes of a built index of ``size`` vectors of width ``dim``."""
    return INDEXES[kind].needs(size, dim, config)


def check_memory(kind: str, size: int, dim: int, config: Any) -> None:
    """Refuse an index that is larger than ``config.memory``, before any of it is built; of ``auto``, if no kind fits.

    Raises:
        UsageError: the message states the estimate, and the kinds that fit.
    """
    if (memory := getattr(config, "memory", None)) is None:
        return
    if kind == "auto":
        kind_within(size, dim, config)
        return
    if (number := memory_of(kind, size, dim, config)) > memory:
        own = [name for name, each in INDEXES.items() if name != "auto" and each.config is IndexConfig]
        fitting = [name for name in own if memory_of(name, size, dim, config) <= memory]
        what = f"of kind {kind!r} takes {shown_bytes(number)}"
        raise _too_little(f"{what}; {', '.join(fitting) or 'no kind'} would fit", size, dim, memory, number)


def _too_little(what: str, size: int, dim: int, memory: int | None, needed: float) -> UsageError:
    limit = f"its memory is limited to {shown_bytes(memory or 0)}"
    return UsageError(
        f"an index of {size:,} vectors of width {dim:,} {what}, and {limit}",
        advice=Advice("use {}", Setting("search.memory", f"{math.ceil(needed / 1e6)}MB", argument="memory")),
    )


AUTO = IndexKind(_auto, exact=True, limited=True, on_gpu=lambda: True)
INDEXES: Registry[IndexKind] = Registry(
    {
        "auto": ".index:AUTO",
        "exact": ".exact:EXACT",
        "flat": ".faiss_index:FLAT",
        "ivf": ".faiss_index:IVF",
        "hnsw": ".faiss_index:HNSW",
        "fp16": ".scalar_index:FP16",
        "sq8": ".scalar_index:SQ8",
        "pq4": ".pq_index:PQ4",
        "parts": ".parts_index:PARTS",
    },
    __name__,
)


def scores_all_pairs(kind: str, size: int, device: str) -> bool:
    """Whether a kind compares so many rows with all others, so that neighbours of both sides may come from one pass.

    Args:
        kind: name in ``INDEXES``; others are not known to.
        size: number of rows of the larger side.
        device: type of the device where scores are computed.
    """
    if kind not in INDEXES or not INDEXES[kind].exact:
        return False
    return not INDEXES[kind].limited or size <= LARGEST_FLAT or device != "cpu"


@overload
def build_index(
    vectors: Vectors,
    *,
    kind: str = "auto",
    metric: Metric = "cosine",
    device: "str | torch.device" = "auto",
    config: Any = None,
    progress: bool = False,
    **options: Any,
) -> Index: ...


@overload
def build_index(vectors: Vectors, *, kind: S, **options: Any) -> S: ...


@isolated
def build_index(
    vectors: Vectors,
    *,
    kind: str | Searcher = "auto",
    metric: Metric = "cosine",
    device: "str | torch.device" = "auto",
    config: Any = None,
    progress: bool = False,
    **options: Any,
) -> Searcher:
    """Index vectors for nearest-neighbour search; scores are larger-is-better, whatever the kind.

    An index can be searched from several threads. A process that has searched must not be forked: FAISS and torch wait
    for OpenMP threads that the child does not have. Start worker processes with
    ``multiprocessing.get_context("spawn")``, and load the index in each of them.

    Args:
        vectors: base ``[N, d]``, array or tensor; copied, never written to.
        kind: ``auto``, ``exact`` (torch), ``flat``, ``ivf``, ``hnsw`` (FAISS), ``fp16`` and ``sq8`` (rows of 16 and 8
            bits per value, see ``ScalarIndex``), ``pq4`` (codes of four bits and exact rescoring, see ``PQIndex``),
            ``parts`` (IVF lists of each modality's part, see ``PartsIndex``), another name registered in ``INDEXES``,
            or an object with ``search(queries, k)``, which is returned as it is. ``auto`` is flat up to 200,000 rows
            and on CUDA, above it parts if ``parts`` are given, else ivf, and a smaller kind where ``memory`` is
            limited, see ``kind_within``.
        metric: ``cosine`` (a row of zeros scores 0) or ``ip``, the inner product of the vectors as they are.
        device: ``auto``, ``cpu`` or ``cuda``. On CUDA, ``flat`` is the exact search in torch unless the
            installed FAISS is a GPU build.
        config: settings, an instance of the configuration class of the kind (``IndexConfig`` for those above); or give
            its fields as keywords, e.g. ``nprobe=16``.
        progress: show a bar while rows are added to a FAISS or parts index, on a terminal only.

    Returns:
        An ``Index``, with ``search(queries, k) -> Neighbors``, ``save(path)``, ``size``, ``dim``, ``kind``, ``metric``,
        ``config``; or the object given as ``kind``.

    Raises:
        InputError: vectors that are not a finite matrix with at least one row.
        UsageError: unknown kind, metric, device or option, or an index that is larger than ``memory``.
        MissingPackageError: FAISS is not installed.
    """
    if not isinstance(kind, str):
        if isinstance(kind, type) or not callable(getattr(kind, "search", None)):
            raise UsageError(f"kind must be a name or an object with search(queries, k), got {brief(kind)}")
        return kind
    if kind not in INDEXES:
        raise UsageError(f"unknown index kind {brief(kind)}; {nearest(kind, INDEXES)}")
    if metric not in METRICS:
        raise UsageError(f"unknown metric {brief(metric)}; {nearest(str(metric), METRICS)}")
    if config is not None and options:
        raise UsageError("give the index settings as config or as keywords, not as both")
    if str(device) != "auto":
        torch_device(device)  # an unknown name is refused whatever the kind
    expected = INDEXES[kind].config
    if config is None:
        config = parse(expected(), options, "") if options else expected()
    elif not isinstance(config, expected):
        raise UsageError(f"index kind {kind!r} is configured by {expected.__name__}, got {type(config).__name__}")
    if np.ndim(vectors) == 2:
        check_memory(kind, len(vectors), vectors.shape[1], config)
    return INDEXES[kind].build(vectors, metric, device, config, progress)
