"""Nearest neighbours of two sets of vectors in each other, and their CSLS means, from one pass over all scores."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..compute.devices import resolve_device
from ..compute.host import isolated
from ..errors import InputError
from ..records import Record
from ..typing import FloatArray
from .csls import all_pair_means
from .exact import ExactIndex, best_columns
from .neighbors import Neighbors, sort_neighbors
from .repeats import distinct_rows
from .tiles import merge_column_tops, score_tiles, slice_rows, top_values
from .vectors import Vectors, check_count, prepare

CANDIDATES = (24, 4)  # columns that are kept of each row, beside so many for each neighbour, until all means are known
LEAST_COSINE = -1.01  # with rounding
COLUMN_HITS = 2  # new candidates per column, on average, from which they are merged into the lists of the columns

Means = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, eq=False, repr=False)
class BothWays(Record):
    """The nearest neighbours of left rows among right rows, and of right rows among left rows.

    Args:
        left: for each left row, ``[n1, K]``, K at most n2.
        right: for each right row, ``[n2, K]``, K at most n1.
        means: CSLS means of the left rows ``[n1]`` and of the right rows ``[n2]``; ``None`` = scores are cosines.
    """

    left: Neighbors
    right: Neighbors
    means: Means | None = None

    def _facts(self) -> dict[str, int]:
        return {"left": len(self.left), "right": len(self.right), "neighbors_each": self.left.ids.shape[1]}


@isolated
def nearest_both_ways(
    left: Vectors,
    right: Vectors,
    k: int,
    *,
    csls_k: int = 0,
    means: Means | None = None,
    device: str | torch.device = "auto",
    memory_bytes: int | None = None,
) -> BothWays:
    """The k nearest rows of either side for each row of the other, by cosine or CSLS, exactly.

    Equal to the CSLS means and a search of an exact index in each direction, which compute the products of all pairs
    three times or four; here it is once, and a second time for the few left rows of which it is not proven that their
    neighbours are found.

    Args:
        left: ``[n1, d]``; compared by cosine.
        right: ``[n2, d]``.
        k: number of neighbours, >= 1.
        csls_k: neighbourhood size of CSLS; 0 = cosine.
        means: CSLS means ``[n1]`` and ``[n2]``, if they are known already.
        device: ``auto``, ``cpu`` or ``cuda``.
        memory_bytes: memory for one block of scores; ``None`` = 64 MiB, on CUDA 1 GiB. The result does not depend on
            it.

    Returns:
        Neighbours in the order (-score, id); among equal scores at the k-th place the lowest ids stay.

    Raises:
        InputError: NaN, infinity, no rows, widths that differ, means of another length.
        UsageError: k < 1 or ``csls_k`` < 0.
    """
    where = resolve_device(device)
    lefts = prepare(left, "left vectors", normalise=True, device=where)
    rights = prepare(right, "right vectors", normalise=True, dim=lefts.shape[1], device=where)
    return both_ways_of_rows(lefts, rights, k, csls_k=csls_k, means=means, memory_bytes=memory_bytes)


def both_ways_of_rows(
    lefts: Tensor,
    rights: Tensor,
    k: int,
    *,
    csls_k: int,
    means: Means | None = None,
    memory_bytes: int | None = None,
) -> BothWays:
    """``nearest_both_ways`` for rows that are already checked and normalised."""
    k, csls_k, where = check_count(k, "k"), check_count(csls_k, "csls_k", least=0), lefts.device
    given: tuple[Tensor, Tensor] | None = None
    if csls_k and means is not None:
        if means[0].shape != lefts.shape[:1] or means[1].shape != rights.shape[:1]:
            raise InputError(
                f"expected means of {len(lefts)} left and {len(rights)} right rows, "
                f"got {means[0].shape} and {means[1].shape}"
            )
        of_left, of_right = (torch.as_tensor(mean, dtype=torch.float32, device=where) for mean in means)
        given = of_left, of_right
    if distinct_rows(lefts) is not None or distinct_rows(rights) is not None:
        return _of_copies(lefts, rights, k, csls_k, given, memory_bytes)
    if csls_k and given is None:
        return _with_means(lefts, rights, k, csls_k, memory_bytes)
    there, back = _RowLists(lefts, rights, k), _ColumnLists(lefts, rights, k)
    for start, tile in score_tiles(lefts, rights, memory_bytes=memory_bytes):
        for part in torch.split(tile, slice_rows(tile)):
            if given is None:
                there.add(start, part)
                back.add(start, part)
            else:
                there.add(start, torch.add(-given[1], part, alpha=2))
                back.add(start, torch.add(-given[0][start : start + len(part), None], part, alpha=2))
            start += len(part)
    return _both(there.neighbors(), back.neighbors(), given)


def _with_means(lefts: Tensor, rights: Tensor, k: int, csls_k: int, memory_bytes: int | None) -> BothWays:
    """``nearest_both_ways`` by CSLS, whose means come from the same pass.

    The mean of a left row is known once its scores are. The mean of a right row grows with each left row, and what it
    is so far gives an upper bound of the scores: the neighbours of a left row are among those with the largest bounds
    if enough of these are kept. Left rows of which this is not proven at the end are scored again.
    """
    of_left = torch.empty(len(lefts), device=lefts.device)
    best = torch.full((len(rights), min(csls_k, len(lefts))), LEAST_COSINE, device=lefts.device)
    there, back = _RowCandidates(lefts, rights, k), _ColumnLists(lefts, rights, k)
    for start, tile in score_tiles(lefts, rights, memory_bytes=memory_bytes):
        merge_column_tops(best, tile)
        so_far = best.mean(dim=1)
        for part in torch.split(tile, slice_rows(tile)):
            means = top_values(part, min(csls_k, len(rights)))[0].mean(dim=1)
            of_left[start : start + len(part)] = means
            there.add(start, part, torch.add(-so_far, part, alpha=2))
            back.add(start, torch.add(-means[:, None], part, alpha=2))
            start += len(part)
    of_right = best.mean(dim=1)
    return _both(there.neighbors(of_right, memory_bytes), back.neighbors(), (of_left, of_right))


def _of_copies(
    lefts: Tensor,
    rights: Tensor,
    k: int,
    csls_k: int,
    given: tuple[Tensor, Tensor] | None,
    memory_bytes: int | None,
) -> BothWays:
    """``nearest_both_ways`` of rows of which most are copies, each distinct one of which is scored once."""
    if csls_k and given is None:
        given = all_pair_means(lefts, rights, csls_k, memory_bytes=memory_bytes)
    found = []
    for queries, base, side in ((lefts, rights, 1), (rights, lefts, 0)):
        if given is not None:
            queries = torch.cat([2 * queries, queries.new_ones(len(queries), 1)], dim=1)
            base = torch.cat([base, -given[side][:, None]], dim=1)
        index = ExactIndex(base, metric="ip", device=base.device, memory_bytes=memory_bytes)
        found.append(index.search(queries, min(k, len(base))))
    return _both(found[0], found[1], given)


def _both(left: Neighbors, right: Neighbors, means: tuple[Tensor, Tensor] | None) -> BothWays:
    """With the score of CSLS, which still lacks the mean of the querying row."""
    if means is None:
        return BothWays(left, right)
    of_left, of_right = means[0].cpu().numpy(), means[1].cpu().numpy()
    left = Neighbors(left.ids, left.scores - of_left[:, None])
    return BothWays(left, Neighbors(right.ids, right.scores - of_right[:, None]), (of_left, of_right))


class _RowLists:
    """The k best columns of each row."""

    def __init__(self, lefts: Tensor, rights: Tensor, k: int) -> None:
        self.k = min(k, len(rights))
        self.ids = np.empty((len(lefts), self.k), np.int64)
        self.scores = np.empty((len(lefts), self.k), np.float32)

    def add(self, start: int, scores: Tensor) -> None:
        """Read the scores of some rows, from row ``start``, ``[R, n2]``."""
        best, columns = best_columns(scores, self.k)
        rows = slice(start, start + len(scores))
        self.scores[rows], self.ids[rows] = best.cpu().numpy(), columns.cpu().numpy()

    def neighbors(self) -> Neighbors:
        return sort_neighbors(self.ids, self.scores)


class _RowCandidates:
    """The k best columns of each row by ``2 s - mean``, of which the means are known at the end only."""

    def __init__(self, lefts: Tensor, rights: Tensor, k: int) -> None:
        self.lefts, self.rights, self.k = lefts, rights, min(k, len(rights))
        self.width = min(CANDIDATES[0] + CANDIDATES[1] * k, len(rights))
        self.ids = torch.empty(len(lefts), self.width, dtype=torch.int32, device=lefts.device)
        self.scores = torch.empty(len(lefts), self.width, device=lefts.device)
        self.bound = torch.empty(len(lefts), device=lefts.device)

    def add(self, start: int, scores: Tensor, bounds: Tensor) -> None:
        """Read the scores ``s`` of some rows, from row ``start``, and upper bounds of ``2 s - mean``, ``[R, n2]``."""
        rows = slice(start, start + len(scores))
        best, columns = top_values(bounds, self.width)
        self.ids[rows], self.scores[rows], self.bound[rows] = columns, scores.gather(1, columns), best[:, -1]

    def neighbors(self, means: Tensor, memory_bytes: int | None) -> Neighbors:
        """With the means of the columns, ``[n2]``; the scores of columns that are not kept are at most the bound."""
        values = torch.add(-means[self.ids], self.scores, alpha=2)
        open_rows = torch.zeros(len(values), dtype=torch.bool, device=values.device)
        if self.width < len(self.rights):
            open_rows = values.topk(self.k, dim=1).values[:, -1] <= self.bound
        found = sort_neighbors(self.ids.cpu().numpy(), values.cpu().numpy())
        ids, scores = found.ids[:, : self.k].copy(), found.scores[:, : self.k].copy()
        again = open_rows.nonzero()[:, 0]
        if len(again):
            rows = again.cpu().numpy()
            lists = _RowLists(again, self.rights, self.k)
            for start, tile in score_tiles(self.lefts[again], self.rights, memory_bytes=memory_bytes):
                for part in torch.split(tile, slice_rows(tile)):
                    lists.add(start, torch.add(-means, part, alpha=2))
                    start += len(part)
            exact = lists.neighbors()
            ids[rows], scores[rows] = exact.ids, exact.scores
        return Neighbors(ids, scores)


class _ColumnLists:
    """The k best rows of each column, from slices of rows in ascending order.

    Few scores of a slice are among the k best so far of their column, except at the beginning. They are collected, and
    merged when there are ``COLUMN_HITS`` per column.
    """

    def __init__(self, lefts: Tensor, rights: Tensor, k: int) -> None:
        size, self.k = len(rights), min(k, len(lefts))
        self.best = torch.full((size, self.k), -torch.inf, device=rights.device)
        self.ids = torch.full((size, self.k), -1, dtype=torch.int64, device=rights.device)
        self.least = self.best[:, -1].clone()
        self.seen = self.waiting = 0
        self.hits: list[tuple[Tensor, Tensor, Tensor]] = []

    def add(self, start: int, scores: Tensor) -> None:
        """Read the scores of some rows, from row ``start``, ``[R, n2]``; a later call has later rows."""
        if self.seen == 0:
            width = min(self.k, len(scores))
            rows = best_columns(scores.T.contiguous(), width)[1].sort(dim=1).values
            self.best[:, :width], order = scores.T.gather(1, rows).sort(dim=1, descending=True, stable=True)
            self.ids[:, :width] = rows.gather(1, order) + start
            self.least = self.best[:, -1].clone()
        else:
            some = (scores.amax(dim=0) > self.least).nonzero()[:, 0]
            values = scores.index_select(1, some)
            rows, places = (values > self.least[some]).nonzero(as_tuple=True)
            self.hits.append((rows + start, some[places], values[rows, places]))
            self.waiting += len(rows)
            if self.waiting > COLUMN_HITS * len(self.best):
                self._merge()
        self.seen += len(scores)

    def _merge(self) -> None:
        rows, columns, values = (torch.cat(each) for each in zip(*self.hits, strict=True))
        self.hits, self.waiting = [], 0
        order = values.argsort(descending=True, stable=True)
        order = order[columns[order].argsort(stable=True)]  # by column, then score, then row
        rows, columns, values = rows[order], columns[order], values[order]
        changed, counts = columns.unique_consecutive(return_counts=True)
        group = torch.arange(len(changed), device=columns.device).repeat_interleave(counts, output_size=len(columns))
        place = torch.arange(len(columns), device=columns.device) - (counts.cumsum(0) - counts)[group]
        kept = place < self.k
        best, ids = self.best[changed], self.ids[changed]
        more, more_ids = torch.full_like(best, -torch.inf), torch.full_like(ids, -1)
        more[group[kept], place[kept]], more_ids[group[kept], place[kept]] = values[kept], rows[kept]
        # a stable sort keeps earlier rows first among equal scores
        best, order = torch.cat([best, more], dim=1).sort(dim=1, descending=True, stable=True)
        self.best[changed] = best[:, : self.k]
        self.ids[changed] = torch.cat([ids, more_ids], dim=1).gather(1, order)[:, : self.k]
        self.least = self.best[:, -1].clone()

    def neighbors(self) -> Neighbors:
        if self.hits:
            self._merge()
        return sort_neighbors(self.ids.cpu().numpy(), self.best.cpu().numpy())
