"""Exact search by blocks of inner products in torch, on the CPU or on CUDA; the reference for the other kinds."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..compute.devices import resolve_device
from ..compute.host import isolated_class
from ..errors import InputError
from .config import IndexConfig
from .kind import Index, IndexKind, Metric, ShownIndex
from .neighbors import Neighbors, pad_neighbors, sort_neighbors
from .repeats import LARGEST_K, DistinctBase, distinct_rows, repeated
from .sidecar import check_vectors, read_tensors, write_tensors
from .tiles import pad_rows, score_tiles, slice_rows, top_values
from .vectors import Vectors, check_count, prepare


@isolated_class
class ExactIndex(ShownIndex, Index):
    """Exact nearest neighbours in the order (-score, id); among equal scores at the k-th place the lowest ids stay.

    Args:
        vectors: base ``[N, d]``; copied.
        metric: ``cosine``, or ``ip`` for the plain inner product. The cosine of a row of zeros is 0.
        device: ``auto``, ``cpu`` or ``cuda``.
        memory_bytes: memory for one block of scores; ``None`` = 64 MiB, on CUDA 1 GiB.

    Raises:
        InputError: NaN, infinity, no rows, not a matrix.
        UsageError: the device is missing, or ``memory_bytes`` < 1.
    """

    kind = "exact"
    plain = True

    def __init__(
        self,
        vectors: Vectors,
        *,
        metric: Metric = "cosine",
        device: str | torch.device = "auto",
        memory_bytes: int | None = None,
    ) -> None:
        self.metric = metric
        self.config = IndexConfig(memory_bytes=memory_bytes)
        self.device = resolve_device(device)
        rows = prepare(vectors, "base vectors", normalise=metric == "cosine", device=self.device)
        self._set(rows if metric == "cosine" else rows.clone())

    def _set(self, rows: Tensor) -> None:
        self.size, self.dim = len(rows), rows.shape[1]
        self._base = pad_rows(rows)
        self._distinct: DistinctBase | None = None
        self._compared = False

    @classmethod
    def from_stored(
        cls, rows: Tensor, *, metric: Metric, config: IndexConfig | None = None, device: str | torch.device = "auto"
    ) -> "ExactIndex":
        """An index over the ``stored`` rows of another one, taken as they are."""
        index = cls.__new__(cls)
        index.metric, index.config, index.device = metric, config or IndexConfig(), resolve_device(device)
        index._set(rows.to(index.device))
        return index

    @property
    def stored(self) -> Tensor:
        """The base rows, ``[N, d]``; of unit length if the metric is cosine."""
        return self._base[: self.size]

    def search(self, queries: Vectors, k: int) -> Neighbors:
        """The k best base rows of each query ``[Q, d]``; id -1 and score -inf where k exceeds the number of base rows.

        Raises:
            InputError: NaN, infinity, another width, not a matrix, no queries.
            UsageError: k < 1.
        """
        k = check_count(k, "k")
        rows = prepare(queries, "queries", normalise=self.metric == "cosine", dim=self.dim, device=self.device)
        width = min(k, self.size)
        memory_bytes = self.config.memory_bytes
        if width <= LARGEST_K and (base := self._distinct_base()) is not None:
            return pad_neighbors(search_distinct(rows, base, width, memory_bytes=memory_bytes), k)
        return pad_neighbors(search_rows(rows, self._base, self.size, width, memory_bytes=memory_bytes), k)

    def _distinct_base(self) -> DistinctBase | None:
        if not self._compared:
            found, self._compared = distinct_rows(self.stored), True
            self._distinct = None if found is None else DistinctBase(self.stored, found)
        return self._distinct

    def write(self, path: Path) -> None:
        """Write ``stored`` as a safetensors file."""
        write_tensors(path, {"vectors": self.stored})


def build_exact(
    vectors: Vectors, metric: Metric, device: str | torch.device, config: IndexConfig, progress: bool
) -> ExactIndex:
    """Build an exact index; ``progress`` has no effect."""
    return ExactIndex(vectors, metric=metric, device=device, memory_bytes=config.memory_bytes)


def load_exact(path: Path, metric: Metric, config: IndexConfig, device: str | torch.device) -> ExactIndex:
    """Read a file that ``ExactIndex.write`` wrote.

    Raises:
        InputError: the file does not hold one float32 matrix.
    """
    tensors = read_tensors(path)
    if set(tensors) != {"vectors"} or tensors["vectors"].ndim != 2 or tensors["vectors"].dtype != torch.float32:
        raise InputError("expected one float32 matrix named 'vectors'", path)
    check_vectors(tensors["vectors"], "vectors of the index", path)
    return ExactIndex.from_stored(tensors["vectors"], metric=metric, config=config, device=device)


EXACT = IndexKind(build_exact, load_exact, exact=True, on_gpu=lambda: True)


def search_rows(queries: Tensor, base: Tensor, size: int, k: int, *, memory_bytes: int | None = None) -> Neighbors:
    """The k best of the first ``size`` rows of a padded base, ``[Q, k]``; k is at most ``size``."""
    copies = distinct_rows(queries)
    rows = queries if copies is None else queries.index_select(0, copies.first)
    ids = np.empty((len(rows), k), dtype=np.int64)
    scores = np.empty((len(rows), k), dtype=np.float32)
    for start, tile in score_tiles(rows, base, size, memory_bytes=memory_bytes):
        for part in torch.split(tile, slice_rows(tile)):
            best, columns = best_columns(part, k)
            stop = start + len(part)
            scores[start:stop], ids[start:stop] = best.cpu().numpy(), columns.cpu().numpy()
            start = stop
    found = sort_neighbors(ids, scores)
    return found if copies is None else repeated(found, copies.place)


def search_distinct(queries: Tensor, base: DistinctBase, k: int, *, memory_bytes: int | None = None) -> Neighbors:
    """The k best rows of a base of which most are copies, ``[Q, k]``; k is at most its size."""
    size = len(base.rows)
    return base.spread(search_rows(queries, pad_rows(base.rows), size, min(k, size), memory_bytes=memory_bytes), k)


def best_columns(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of each row and their columns, ``[R, k]`` each, in any order; among equals the lowest columns."""
    width = scores.shape[1]
    best, columns = top_values(scores, min(k + 1, width))
    best, columns, after = best[:, :k].clone(), columns[:, :k].clone(), best[:, k:]
    last = best[:, -1:]
    tied = (after == last).nonzero()[:, 0]  # more rows than places reach the k-th score
    if len(tied):
        rows, last = scores[tied], last[tied]
        above, equal = rows > last, rows == last
        places = k - above.sum(dim=1, keepdim=True)
        kept = above | (equal & (equal.cumsum(dim=1) <= places))
        columns[tied] = kept.nonzero()[:, 1].view(len(tied), k)
        best[tied] = rows.gather(1, columns[tied])
    return best, columns
