"""Vectors of which most are copies of each other: each distinct one is scored once.

The entities around a hub have the same neighbours, and entities without any data have the same row of zeros. All pairs
of 100,000 such vectors are 10^10 scores, all pairs of the distinct ones a few.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..records import Record
from ..typing import FloatArray, IntArray
from .neighbors import Neighbors, sort_neighbors

LEAST_ROWS = 2048  # fewer rows are scored quickly anyway
COPIES = 4  # rows per distinct row, on average, from which the distinct ones are scored in place of all
SAMPLED = 16  # columns that are compared first
LARGEST_K = 64  # more neighbours are not searched among distinct rows
BLOCK_VALUES = 1 << 22


@dataclass(frozen=True, eq=False, repr=False)
class Distinct(Record):
    """The distinct rows of a matrix, in the order in which they first occur.

    Args:
        first: first row of each, int64 ``[U]``, ascending.
        place: position in ``first`` of each row, int64 ``[N]``.
        counts: number of rows equal to each, int64 ``[U]``.
    """

    first: Tensor
    place: Tensor
    counts: Tensor


def distinct_rows(rows: Tensor) -> Distinct | None:
    """The distinct rows of a float32 matrix ``[N, d]``; ``None`` if there are few copies, which is the usual case."""
    if len(rows) < LEAST_ROWS:
        return None
    few = torch.linspace(0, rows.shape[1] - 1, min(SAMPLED, rows.shape[1]), device=rows.device).long()
    if len(_hashes(rows[:, few]).unique()) * COPIES > len(rows):
        return None
    codes, place = _hashes(rows).unique(return_inverse=True)
    if len(codes) * COPIES > len(rows):
        return None
    first = place.new_full((len(codes),), len(rows))
    first.scatter_reduce_(0, place, torch.arange(len(rows), device=rows.device), "amin")
    order = first.argsort()
    place, first = order.argsort()[place], first[order]
    step = max(1, BLOCK_VALUES // rows.shape[1])
    for start in range(0, len(rows), step):
        if not torch.equal(rows[start : start + step], rows.index_select(0, first[place[start : start + step]])):
            return None  # two rows with one hash
    return Distinct(first, place, torch.bincount(place, minlength=len(first)))


def every_row(rows: Tensor) -> Distinct:
    """Each row by itself, where ``distinct_rows`` is ``None``."""
    places = torch.arange(len(rows), device=rows.device)
    return Distinct(places, places, torch.ones_like(places))


def _hashes(rows: Tensor) -> Tensor:
    """A hash of the bits of each row, int64 ``[N]``."""
    factors = torch.randint(1 << 62, (rows.shape[1],), generator=torch.Generator().manual_seed(1)) * 2 + 1
    factors, found = factors.to(rows.device), torch.empty(len(rows), dtype=torch.int64, device=rows.device)
    step = max(1, BLOCK_VALUES // rows.shape[1])
    for start in range(0, len(rows), step):
        bits = rows[start : start + step].contiguous().view(torch.int32)
        found[start : start + step] = (bits * factors).sum(dim=1)
    return found


class DistinctBase:
    """Base rows of an index of which most are copies.

    Args:
        rows: base ``[N, d]``.
        distinct: its distinct rows.
    """

    def __init__(self, rows: Tensor, distinct: Distinct) -> None:
        self.rows, self.distinct = rows.index_select(0, distinct.first), distinct
        self.order = distinct.place.argsort(stable=True)  # the rows, by distinct row, ascending
        self.starts = distinct.counts.cumsum(0) - distinct.counts

    def spread(self, found: Neighbors, k: int) -> Neighbors:
        """The k best base rows from the k best distinct ones of each query.

        Args:
            found: distinct rows of each query in the order (-score, position), ``[Q, W]``, as many as there are or k.
            k: at most the number of base rows.
        """
        step = max(1, BLOCK_VALUES // (found.ids.shape[1] * k))
        offsets = torch.arange(k, device=self.order.device)
        ids = torch.empty(len(found), k, dtype=torch.int64)
        scores = torch.empty(len(found), k, dtype=torch.float32)
        for start in range(0, len(found), step):
            columns = torch.from_numpy(found.ids[start : start + step]).to(self.order.device)
            inside = offsets < self.distinct.counts[columns][:, :, None]
            places = (self.starts[columns][:, :, None] + offsets).clamp(max=len(self.order) - 1)
            each = torch.where(inside, self.order[places], -1).flatten(1).cpu()
            values = torch.from_numpy(found.scores[start : start + step])[:, :, None].expand(-1, -1, k).flatten(1)
            best = sort_neighbors(each.numpy(), values.numpy())
            ids[start : start + step] = torch.from_numpy(best.ids[:, :k])
            scores[start : start + step] = torch.from_numpy(best.scores[:, :k])
        return Neighbors(ids.numpy(), scores.numpy())


def repeated(found: Neighbors, place: Tensor) -> Neighbors:
    """The neighbours of all queries from those of the distinct ones; ``place`` is that of ``Distinct``."""
    rows: IntArray = place.cpu().numpy()
    scores: FloatArray = found.scores[rows]
    return Neighbors(found.ids[rows], scores)
