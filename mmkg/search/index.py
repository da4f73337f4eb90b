"""The index kinds by name, and ``build_index(vectors, kind=..., device=...)``."""

from typing import TYPE_CHECKING, Any, TypeVar, get_args, overload

from ..compute.devices import torch_device
from ..compute.host import isolated
from ..errors import UsageError, brief, nearest
from ..registry import Registry
from ..settings import parse
from .config import IndexConfig
from .given import Vectors
from .kind import Index, IndexKind, Metric, Searcher

if TYPE_CHECKING:
    import torch

LARGEST_FLAT = 200_000
LONGEST = 128  # more neighbours of each row are not found by one pass for both sides
METRICS: tuple[Metric, ...] = get_args(Metric)
S = TypeVar("S", bound=Searcher)


def _auto(vectors: Vectors, metric: Metric, device: "str | torch.device", config: IndexConfig, progress: bool) -> Index:
    import torch

    on_cpu = str(device) == "cpu" or (str(device) == "auto" and not torch.cuda.is_available())
    if len(vectors) > LARGEST_FLAT and on_cpu:
        chosen, where = ("parts", "cpu") if len(config.parts) > 1 else ("ivf", device)
        return INDEXES[chosen].build(vectors, metric, where, config, progress)
    return INDEXES["flat"].build(vectors, metric, device, config, progress)


AUTO = IndexKind(_auto, extendable="parts", exact=True, on_gpu=lambda: True)
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
    return INDEXES[kind].extendable is None or size <= LARGEST_FLAT or device != "cpu"


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
        kind: ``auto`` (flat up to 200,000 rows, above it parts if ``parts`` are given, else ivf; on CUDA always
            exact or flat), ``exact`` (torch), ``flat``, ``ivf``, ``hnsw`` (FAISS), ``fp16`` and ``sq8`` (rows of 16
            and 8 bits per value, see ``ScalarIndex``), ``pq4`` (codes of four bits and exact rescoring, see
            ``PQIndex``), ``parts`` (IVF lists of each modality's part, see ``PartsIndex``), another
            name registered in ``INDEXES``, or an object with
            ``search(queries, k)``, which is returned as it is.
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
        UsageError: unknown kind, metric, device or option.
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
    return INDEXES[kind].build(vectors, metric, device, config, progress)
