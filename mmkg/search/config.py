"""Settings of the index kinds."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ..errors import UsageError, nearest
from .vectors import check_count


@dataclass(frozen=True)
class IndexConfig:
    """What an index kind may be told; each kind reads its own fields.

    Args:
        nlist: ivf, parts: number of lists (of each part); ``None`` = 2 sqrt(N), at most N / 39 so that each
            list can be learnt.
        parts: width of each modality's part of the vectors, in order; ``auto`` takes it into account.
        nprobe: ivf, parts: lists read per query (of each part); ``None`` = chosen at the first large search so
            that at most 0.1 % of sampled queries lose their nearest neighbour, within a limit, see
            ``FaissIndex.tune``.
        seed: ivf: of the k-means that makes the lists, and of the sample of queries.
        hnsw_m: hnsw: links per vector and layer.
        ef_construction: hnsw: width of the search while building.
        ef_search: hnsw: width of a search; at least k is used.
        memory_bytes: exact: for one block of scores; ``None`` = 64 MiB, on CUDA 1 GiB.

    Raises:
        UsageError: a value is not a whole number in its range.
    """

    nlist: int | None = None
    nprobe: int | None = None
    seed: int = 0
    hnsw_m: int = 32
    ef_construction: int = 200
    ef_search: int = 128
    memory_bytes: int | None = None
    parts: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        least = {"seed": 0, "hnsw_m": 2}
        object.__setattr__(self, "parts", tuple(check_count(width, "a width of parts") for width in self.parts))
        for field in fields(self):
            if field.name == "parts":
                continue
            value = getattr(self, field.name)
            if value is not None or field.default is not None:
                check_count(value, field.name, least=least.get(field.name, 1))

    @staticmethod
    def of(options: Mapping[str, Any]) -> "IndexConfig":
        """From a mapping; a key nobody knows is a UsageError that names the nearest one."""
        known = [field.name for field in fields(IndexConfig)]
        for key in options:
            if key not in known:
                raise UsageError(f"unknown index option {key!r}; {nearest(key, known)}")
        return IndexConfig(**options)


FAISS_KINDS = ("flat", "ivf", "hnsw")
