"""Exact search by blocks of inner products in torch, on the CPU or on CUDA: the reference of all kinds."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..compute.devices import resolve_device
from .neighbors import Neighbors, pad_neighbors, sort_neighbors
from .tiles import pad_rows, score_tiles, slice_rows, top_values
from .vectors import Vectors, check_count, prepare

Metric = Literal["cosine", "ip"]


class ExactIndex:
    """All nearest neighbours, exactly, in the order (-score, id), at the k-th place too.

    Args:
        vectors: base ``[N, d]``; copied.
        metric: ``cosine``, or ``ip`` for the plain inner product. A row of zeros has cosine 0 to all.
        device: ``auto``, ``cpu`` or ``cuda``.
        memory_bytes: for one block of scores; ``None`` = 64 MiB, on CUDA 1 GiB.

    Raises:
        InputError: NaN, infinity, no rows, not a matrix.
        UsageError: the device is not there.
    """

    kind = "exact"

    def __init__(
        self,
        vectors: Vectors,
        *,
        metric: Metric = "cosine",
        device: str | torch.device = "auto",
        memory_bytes: int | None = None,
    ) -> None:
        self.metric: Metric = metric
        self.device = resolve_device(device)
        rows = prepare(vectors, "base vectors", normalise=metric == "cosine", device=self.device)
        self._set(rows if metric == "cosine" else rows.clone())
        self.memory_bytes = None if memory_bytes is None else check_count(memory_bytes, "memory_bytes")

    def _set(self, rows: Tensor) -> None:
        self.size, self.dim = len(rows), rows.shape[1]
        self._base = pad_rows(rows)

    @classmethod
    def from_stored(cls, rows: Tensor, *, metric: Metric, device: str | torch.device = "auto") -> "ExactIndex":
        """An index over rows that ``stored`` gave, taken as they are."""
        index = cls.__new__(cls)
        index.metric, index.device, index.memory_bytes = metric, resolve_device(device), None
        index._set(rows.to(index.device))
        return index

    @property
    def stored(self) -> Tensor:
        """The rows searched, ``[N, d]``; of unit length if the metric is cosine."""
        return self._base[: self.size]

    def search(self, queries: Vectors, k: int) -> Neighbors:
        """The k best base rows of each query ``[Q, d]``; id -1 and score -inf beyond the size of the base.

        Raises:
            InputError: NaN, infinity, another width, not a matrix, no query.
            UsageError: k < 1.
        """
        k = check_count(k, "k")
        rows = prepare(queries, "queries", normalise=self.metric == "cosine", dim=self.dim, device=self.device)
        width = min(k, self.size)
        ids = np.empty((len(rows), width), dtype=np.int64)
        scores = np.empty((len(rows), width), dtype=np.float32)
        for start, tile in score_tiles(rows, self._base, self.size, memory_bytes=self.memory_bytes):
            for part in tile.split(slice_rows(tile)):
                best, columns = best_columns(part, width)
                stop = start + len(part)
                scores[start:stop], ids[start:stop] = best.cpu().numpy(), columns.cpu().numpy()
                start = stop
        return pad_neighbors(sort_neighbors(ids, scores), k)

    def save(self, path: str | Path) -> None:
        """Write the index and its sidecar; see ``save_index``."""
        from .storage import save_index  # storage knows all kinds

        save_index(self, path)


def best_columns(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of each row with their columns, the lowest columns among equals; ``[R, k]`` each, any order."""
    best, columns = top_values(scores, k)
    last = best[:, -1:]
    tied = ((scores >= last).sum(dim=1) > k).nonzero()[:, 0]  # more rows than places reach the k-th score
    if len(tied):
        rows, last = scores[tied], last[tied]
        above, equal = rows > last, rows == last
        places = k - above.sum(dim=1, keepdim=True)
        kept = above | (equal & (equal.cumsum(dim=1) <= places))
        columns[tied] = kept.nonzero()[:, 1].view(len(tied), k)
        best[tied] = rows.gather(1, columns[tied])
    return best, columns
