"""Settings of the index kinds that mmkg brings."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from ..settings import Bytes, configuration

Count = Annotated[int, Field(ge=1)]


@configuration
@dataclass(frozen=True)
class IndexConfig:
    """Settings of an index; each kind reads its own fields.

    Args:
        nlist: ivf, parts, pq4: number of lists (of each part); ``None`` = 2 sqrt(N), of pq4 sqrt(N), at most N / 39 so
            that the rows suffice to learn each list.
        nprobe: ivf, parts, pq4: lists read per query (of each part); ``None`` = chosen at the first large search so
            that at most 0.1 % of sampled queries lose their nearest neighbour, within a limit, see
            ``FaissIndex.tune``.
        seed: ivf, parts, pq4: random seed of the k-means that makes the lists, of the sample of queries, and of the
            rotation of pq4.
        hnsw_m: hnsw: links per vector and layer.
        ef_construction: hnsw: width of the search while building.
        ef_search: hnsw: width of a search; at least k is used.
        rescored: pq4: rows per query that are scored by their stored vectors; ``None`` = chosen at the first large
            search, see ``PQIndex.tune``. At least 4 k are.
        refine: pq4: type of the stored vectors, ``fp16`` (16-bit floats) or ``sq8`` (8 bits per value).
        memory_bytes: exact: memory for one block of scores; ``None`` = 64 MiB, on CUDA 1 GiB.
        memory: most memory that a built index may take, in bytes or as text, e.g. ``2GB``; ``auto`` chooses the first
            kind that fits, see ``kind_within``, and another kind that does not fit is refused. ``None`` = any.
        parts: width of each modality's part of the vectors, in order; read by parts, and by auto to choose a kind.

    Raises:
        UsageError: a value is not a whole number in its range.
    """

    nlist: Count | None = None
    nprobe: Count | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    hnsw_m: Annotated[int, Field(ge=2)] = 32
    ef_construction: Count = 40
    ef_search: Count = 128
    rescored: Count | None = None
    refine: Literal["fp16", "sq8"] = "fp16"
    memory_bytes: Count | None = None
    memory: Bytes | None = None
    parts: tuple[Count, ...] = ()
