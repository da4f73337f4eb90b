"""Neighbours of both sides by IVF lists that they share: each list is one matrix product, which serves both sides."""

import logging
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ..compute.products import add_product
from ..progress import tracked
from ..typing import FloatArray, IntArray
from .config import IndexConfig
from .faiss_index import build_faiss, learn_centroids
from .grouped import merge_best
from .lists import TUNE_LOSS, list_count, sample_rows
from .neighbors import Neighbors, sort_neighbors
from .parts_index import NO_LIST, columns_of, nearest_lists
from .tiles import pad_rows
from .vectors import Rows, Vectors

logger = logging.getLogger(__name__)
SAMPLE = 1000  # left rows on whose nearest right rows the numbers of lists are chosen
MOST_LISTS = 12  # lists of one part that a row can be in
LEARNT = 16  # rows of either side per list for k-means
MOST_MET = 6  # rows that a row meets on average, per list of a part: scoring them then costs about what the lists do
CROWD = 16  # times the mean number of rows in a list, from which it is left out
LEAST_LENGTH = 1e-15  # of a row; a shorter one counts as zeros
BLOCK_BYTES = 16 << 20  # scores that are computed at once


def neighbors_by_shared_lists(
    left: Vectors, right: Vectors, k: int, *, config: IndexConfig
) -> tuple[Neighbors, Neighbors]:
    """The k best right rows of each left row, and the reverse, by cosine among the rows that meet in a list.

    Every part of the vectors has lists of its own, learnt from both sides. Each row is in the lists of its nearest
    centroids, a few of each part that is not all zeros. A list that holds far more rows than others is left out:
    k-means cannot divide rows that are equal in a part, and other parts tell them apart. Two rows meet if
    they are in one list of any part, so that it is enough that they agree in one part, and one product of the rows of
    a list scores them for both sides. Compared with an index per side, lists are learnt and found once, and a pair is
    found if either row is near to the other's list.

    Rows that are not each other's nearest afterwards meet in more lists, unless ``nprobe`` is given. With each turn
    they are fewer, and are in more lists for the same work.

    Args:
        left: ``[n1, d]``; compared by cosine, a row of zeros has no neighbours.
        right: ``[n2, d]``.
        k: >= 1.
        config: ``parts`` (widths, in order), ``nlist`` (per part; ``None`` = 2 sqrt(N)), ``nprobe`` (lists that a row
            is in, per part; ``None`` = chosen so that at most 0.1 % of 1,000 sampled left rows do not meet their
            nearest right row, within a limit), ``seed``.

    Returns:
        Neighbours in the order (-score, id); id -1 and score -inf where a row meets fewer than k.

    Raises:
        InputError: NaN, infinity, no rows, widths that differ.
    """
    sides = _Side(left, "left vectors"), _Side(right, "right vectors", dim=np.shape(left)[1])
    nlist = list_count(max(len(sides[0]), len(sides[1])), config)
    most = MOST_LISTS if config.nprobe is None else min(config.nprobe, nlist)
    near = _nearest_of_both(sides, nlist, min(most, nlist), config)
    numbers = _numbers(sides, near, nlist, config) if config.nprobe is None else [near[0].shape[2]] * len(near[0])
    found = _Best(len(sides[0]), min(k, len(sides[1]))), _Best(len(sides[1]), min(k, len(sides[0])))
    everyone = torch.arange(len(sides[0])), torch.arange(len(sides[1]))
    _score(sides, near, everyone, numbers, found)
    reached, limit = min(numbers), MOST_MET * nlist * max(len(side) for side in sides)
    while config.nprobe is None and reached < near[0].shape[2]:
        rest = _not_mutual(*found), _not_mutual(*found[::-1])
        some = near[0][:, rest[0].numpy()], near[1][:, rest[1].numpy()]
        met = np.sum([_numbers_met(mine, theirs, nlist) for mine, theirs in zip(*some, strict=True)], axis=0)
        number = int(np.searchsorted(met, limit / 2, side="right"))
        if number <= reached:
            break
        _score(sides, some, rest, [number] * len(numbers), found)
        reached = number
    return found[0].neighbors(), found[1].neighbors()


def _score(
    sides: tuple["_Side", "_Side"],
    near: tuple[np.ndarray, np.ndarray],
    names: tuple[Tensor, Tensor],
    numbers: Sequence[int],
    found: tuple["_Best", "_Best"],
) -> None:
    """Score the rows that meet, and add them to the best found.

    Args:
        sides: all rows.
        near: nearest lists of each part for some rows of either side, ``[parts, R, most]``.
        names: these rows, ascending.
        numbers: of these lists, how many of each part a row is in.
        found: the best so far.
    """
    nlist = 1 + max(int(each.max(initial=NO_LIST)) for each in near)
    for part, number in enumerate(numbers):
        for left, right in _meetings(near[0][part, :, :number], near[1][part, :, :number], nlist):
            rows, cols = names[0].index_select(0, left), names[1].index_select(0, right)
            others = pad_rows(sides[1].take(cols))  # products with odd widths take a third longer
            for some in torch.split(rows, max(1, BLOCK_BYTES // (4 * len(others)))):
                scores = torch.empty(len(some), len(others))
                scores = add_product(scores, sides[0].take(some), others.t(), beta=0)[:, : len(cols)]
                found[0].add(some, scores, cols)
                found[1].add(cols, scores.t(), some)


def _not_mutual(mine: "_Best", theirs: "_Best") -> Tensor:
    """Rows that are not the nearest of their nearest row, ascending."""
    nearest = mine.ids[:, 0]
    mutual = (nearest != NO_LIST) & (theirs.ids[nearest, 0] == torch.arange(len(nearest)))
    return (~mutual).nonzero()[:, 0]


class _Side:
    """The rows of one side, scaled to unit length where they are read."""

    def __init__(self, vectors: Vectors, what: str, dim: int | None = None) -> None:
        self.rows = Rows(vectors, what, normalise=False, dim=dim)
        lengths = torch.cat([block.norm(dim=1) for _, block in self.rows.blocks()])
        self.scale = torch.where(lengths > LEAST_LENGTH, 1 / lengths, 0)[:, None]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, some: Tensor) -> Tensor:
        return self.rows.take(some.numpy()).mul_(self.scale.index_select(0, some))


class _Best:
    """The k best rows of the other side for each row, so far."""

    def __init__(self, size: int, k: int) -> None:
        self.scores = torch.full((size, k), -torch.inf)
        self.ids = torch.full((size, k), NO_LIST, dtype=torch.int64)

    def add(self, rows: Tensor, scores: Tensor, others: Tensor) -> None:
        """Add the scores of some rows with some others, ``[R, C]``; pairs may come again."""
        merge_best(self.scores, self.ids, rows, scores, others, True)

    def neighbors(self) -> Neighbors:
        return sort_neighbors(self.ids.numpy(), self.scores.numpy())


def _nearest_of_both(
    sides: tuple[_Side, _Side], nlist: int, most: int, config: IndexConfig
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest lists of each part for the rows of either side, int32 ``[parts, n, most]``; -1 = none."""
    parts = columns_of(config.parts)
    few = []
    for number, side in enumerate(sides):
        drawn = np.random.default_rng([config.seed, 2 + number]).permutation(len(side))[: LEARNT * nlist]
        few.append(side.rows.take(np.sort(drawn)))
    sample = torch.cat(few)
    coarse = []
    for columns in parts:
        known = sample[:, columns]
        coarse.append(
            build_faiss(learn_centroids(known[known.any(dim=1)].numpy(), nlist, seed=config.seed), kind="flat")
        )
    found = []
    for side in sides:
        near = np.full((len(parts), len(side), most), NO_LIST, np.int32)
        for start, block in side.rows.blocks(1 << 16):
            for part, columns in enumerate(parts):
                lists = nearest_lists(coarse[part], block[:, columns], min(most, coarse[part].size))
                near[part, start : start + len(block), : lists.shape[1]] = lists
        found.append(near)
    for part in range(len(parts)):
        _leave_out_crowds((found[0][part], found[1][part]), nlist)
    return found[0], found[1]


def _leave_out_crowds(near: tuple[np.ndarray, np.ndarray], nlist: int) -> None:
    """Write ``NO_LIST`` for lists that are the nearest of ``CROWD`` times as many rows of a side as the mean list."""
    crowds = np.zeros(nlist + 1, bool)  # the last for -1
    for each in near:
        first = each[:, 0]
        crowds[:nlist] |= np.bincount(first[first != NO_LIST], minlength=nlist) > CROWD * len(each) / nlist
    for each in near:
        each[crowds[each]] = NO_LIST


def _numbers(
    sides: tuple[_Side, _Side], near: tuple[np.ndarray, np.ndarray], nlist: int, config: IndexConfig
) -> list[int]:
    """The number of lists of each part that a row is in.

    Beginning with one of each part, the part and number are raised that let most sampled pairs meet per further pair
    of rows that is scored.
    """
    needed = _lists_needed(sides, near, config)
    parts, most = len(needed), near[0].shape[2]
    met = np.stack([_numbers_met(near[0][part], near[1][part], nlist) for part in range(parts)])
    limit = MOST_MET * nlist * max(len(side) for side in sides)
    numbers = np.ones(parts, np.int64)
    while True:
        missed = (needed > numbers[:, None]).all(axis=0)
        if missed.mean() <= TUNE_LOSS:
            break
        room = limit - sum(met[part, numbers[part] - 1] for part in range(parts))
        choices = []
        for part in range(parts):
            for number in range(numbers[part] + 1, most + 1):
                more = met[part, number - 1] - met[part, numbers[part] - 1]
                gained = int((missed & (needed[part] <= number)).sum())
                if gained and more <= room:
                    choices.append((gained / max(more, 1.0), part, number))
        if not choices:
            break
        _, part, number = max(choices)
        numbers[part] = number
    if missed.mean() > TUNE_LOSS:
        logger.warning(
            "of %d sampled entities %.1f %% do not meet their nearest neighbour in %s of %d lists of each part; "
            "raise nprobe to search more, or use the index kind flat",
            missed.size,
            100 * missed.mean(),
            ", ".join(map(str, numbers)),
            nlist,
        )
    return [int(number) for number in numbers]


def _lists_needed(sides: tuple[_Side, _Side], near: tuple[np.ndarray, np.ndarray], config: IndexConfig) -> IntArray:
    """Lists of each part that rows are in where a sampled left row meets its nearest right row, ``[parts, S]``."""
    chosen = sample_rows(len(sides[0]), min(SAMPLE, len(sides[0])), seed=config.seed)
    queries = sides[0].take(torch.from_numpy(chosen))
    best, nearest = torch.full((len(queries),), -torch.inf), torch.zeros(len(queries), dtype=torch.int64)
    for start, block in sides[1].rows.blocks():
        scores = (queries @ block.t()).mul_(sides[1].scale[start : start + len(block), 0])
        values, places = scores.max(dim=1)
        nearest = torch.where(values > best, places + start, nearest)
        best = torch.maximum(best, values)
    most = near[0].shape[2]
    ranks = np.maximum.outer(np.arange(1, most + 1), np.arange(1, most + 1))
    needed = np.full((len(near[0]), len(chosen)), most + 1)
    for part in range(len(needed)):
        mine, theirs = near[0][part, chosen], near[1][part, nearest.numpy()]
        same = (mine[:, :, None] == theirs[:, None, :]) & (mine[:, :, None] != NO_LIST)
        needed[part] = np.where(same, ranks, most + 1).min(axis=(1, 2))
    return needed


def _numbers_met(left: np.ndarray, right: np.ndarray, nlist: int) -> FloatArray:
    """Pairs of rows that share a list, once per list, if rows are in their first 1, 2, ... lists, ``[most]``."""
    sizes = [
        np.cumsum([np.bincount(column[column != NO_LIST], minlength=nlist) for column in near.T], axis=0)
        for near in (left, right)
    ]
    met: FloatArray = (sizes[0].astype(np.float64) * sizes[1]).sum(axis=1)
    return met


def _meetings(left: np.ndarray, right: np.ndarray, nlist: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The left and the right rows in each list that has both, ascending."""
    members = []
    for near in (left, right):
        wanted = near.ravel() + 1  # 0 = none
        wanted = wanted.astype(np.uint16) if nlist < 1 << 16 else wanted  # 16 bits sort by radix
        order = np.argsort(wanted, kind="stable")
        ends = np.searchsorted(wanted[order], np.arange(nlist + 1), side="right")
        members.append((torch.from_numpy(order // near.shape[1]), ends))
    (rows, row_ends), (cols, col_ends) = members
    for number in tracked(range(nlist), "scoring lists"):
        some = rows[row_ends[number] : row_ends[number + 1]]
        others = cols[col_ends[number] : col_ends[number + 1]]
        if len(some) and len(others):
            yield some, others
