"""Exact ranks of the right answers, with ties at their mean rank, without sorting and without a Q x N matrix."""

import numpy as np
import torch
from torch import Tensor

from ..compute.devices import resolve_device
from ..compute.host import isolated
from ..errors import InputError
from ..search.csls import all_pair_means, pair_means, row_means
from ..search.repeats import distinct_rows, every_row
from ..search.tiles import ScorePasses, score_tiles, slice_rows
from ..search.vectors import Vectors, check_count, prepare
from ..typing import FloatArray, IntArray
from .record import Ranks

Gold = np.ndarray | Tensor


@isolated
def ranks(
    queries: Vectors,
    candidates: Vectors,
    gold: Gold,
    *,
    csls_k: int = 0,
    col_mean: FloatArray | None = None,
    normalise: bool = True,
    device: str | torch.device = "auto",
    memory_bytes: int | None = None,
    others: tuple[IntArray, IntArray] | None = None,
) -> Ranks:
    """Rank the right candidate of each query among all candidates, exactly.

    Memory: the vectors and one block of scores. The score of the right candidate is read from the same block as those
    of its competitors, and its own column is not counted.

    Args:
        queries: ``[Q, d]``.
        candidates: ``[N, d]``.
        gold: position in ``candidates`` of the right answer of each query, whole numbers ``[Q]``.
        csls_k: neighbourhood size of CSLS; 0 = plain scores. The row mean of CSLS is the same for all
            candidates of a query, so that only the candidates' means matter.
        col_mean: mean score of each candidate in its neighbourhood, ``[N]``; ``None`` = over its ``csls_k``
            nearest ``queries``.
        normalise: rank by cosine; else by the inner product of the vectors as given.
        device: ``auto``, ``cpu`` or ``cuda``.
        memory_bytes: memory for one block of scores; ``None`` = 64 MiB, on CUDA 1 GiB.
        others: positions of queries, ascending, and of candidates that are no competitors there, ``[X]`` each; see
            ``other_answers``.

    Raises:
        InputError: NaN, infinity, widths that differ, a gold position out of range.
        UsageError: ``csls_k`` < 0.

    Source:
        CSLS: Conneau et al., ICLR 2018, Sec. 2.3. Realistic rank: Berrendorf et al., 2020.
    """
    check_count(csls_k, "csls_k", least=0)
    where = resolve_device(device)
    right = prepare(candidates, "candidates", normalise=normalise, device=where)
    left = prepare(queries, "queries", normalise=normalise, dim=right.shape[1], device=where)
    columns = _gold_columns(gold, len(left), len(right)).to(where)
    means: Tensor | None = None
    if csls_k > 0:
        if col_mean is None:
            means = row_means(right, left, csls_k, memory_bytes=memory_bytes)
        else:
            if col_mean.shape != (len(right),):
                raise InputError(f"expected one column mean for each of {len(right)} candidates, got {col_mean.shape}")
            means = torch.as_tensor(col_mean, dtype=torch.float32, device=where)
    if others is None and (found := _copied_ranks(left, right, columns, means, memory_bytes)) is not None:
        return found
    left_out = None if others is None else _LeftOut(*others)
    counts = torch.empty(2, len(left), dtype=torch.int64, device=where)
    for start, tile in score_tiles(left, right, memory_bytes=memory_bytes):
        for part in torch.split(tile, slice_rows(tile)):
            rows = slice(start, start + len(part))
            if left_out is not None:
                left_out.lower(part, start)
            counts[:, rows] = _row_counts(part, columns[rows], means, part.new_empty(2, *part.shape))
            start += len(part)
    numbers = counts.cpu().numpy()
    return Ranks(numbers[0], numbers[1])


@isolated
def both_directions(
    left: Vectors,
    right: Vectors,
    *,
    pairs: int | None = None,
    csls_k: int = 0,
    normalise: bool = True,
    device: str | torch.device = "auto",
    memory_bytes: int | None = None,
) -> tuple[Ranks, Ranks]:
    """Ranks of row i of ``right`` for row i of ``left`` among all rows of ``right``, and vice versa.

    Equal to two calls of ``ranks``, with one pass of products if all scores fit into memory, else two.

    Args:
        left: ``[n1, d]``.
        right: ``[n2, d]``, row i is the right answer of row i of ``left``.
        pairs: the first ``pairs`` rows are pairs, the other rows of either side are candidates only; ``None`` = all
            rows, and n1 = n2.
        csls_k: neighbourhood size of CSLS; 0 = plain scores.
        normalise: rank by cosine; else by the inner product of the vectors as given.
        device: ``auto``, ``cpu`` or ``cuda``.
        memory_bytes: memory for scores; ``None`` = 512 MiB, 1 GiB on CUDA. The result does not depend on it.

    Raises:
        InputError: NaN, infinity, shapes that differ, more pairs than rows.
        UsageError: ``csls_k`` < 0.
    """
    check_count(csls_k, "csls_k", least=0)
    where = resolve_device(device)
    lefts = prepare(left, "left vectors", normalise=normalise, device=where)
    rights = prepare(right, "right vectors", normalise=normalise, dim=lefts.shape[1], device=where)
    if pairs is None and len(rights) != len(lefts):
        raise InputError(f"expected as many left as right vectors, got {len(lefts)} and {len(rights)}")
    count = len(lefts) if pairs is None else check_count(pairs, "pairs", least=0)
    if count > min(len(lefts), len(rights)):
        raise InputError(f"expected at most {min(len(lefts), len(rights))} pairs, got {count}")
    if distinct_rows(lefts) is not None or distinct_rows(rights) is not None:
        return _each_direction(lefts, rights, count, csls_k, memory_bytes)
    passes = ScorePasses(lefts, rights, memory_bytes=memory_bytes)
    row_mean = col_mean = None
    gold = lefts.new_empty(count)

    def note_gold(start: int, tile: Tensor) -> None:
        gold[start : start + len(tile)] = tile[:, start:count].diagonal()

    if csls_k > 0:
        row_mean, col_mean = pair_means(passes, csls_k, look=note_gold)
    else:
        for start, tile in passes:
            note_gold(start, tile)
    gold_back = gold if row_mean is None else 2 * gold - row_mean[:count]  # minus the mean of its own query
    counts = torch.zeros(4, count, dtype=torch.int64, device=where)
    diagonal = torch.arange(count, device=where)
    for start, tile in passes:
        spare = torch.empty(2, *tile[: slice_rows(tile)].shape, device=where)
        for part in torch.split(tile, slice_rows(tile)):
            scratch = spare[:, : len(part)]
            here = min(len(part), max(0, count - start))  # rows of the slice that are ranked
            rows = slice(start, start + here)
            if here:
                counts[:2, rows] = _row_counts(part[:here], diagonal[rows], col_mean, scratch[:, :here])
            back, scratch = part[:, :count], scratch[:, :, :count]
            if row_mean is not None:
                back = torch.add(-row_mean[start : start + len(part), None], back, alpha=2, out=scratch[0])
            elif here:
                back = scratch[0].copy_(back)
            if here:
                back.diagonal(start).fill_(-torch.inf)  # the right answers
            counts[2:] += _counts(back, gold_back, 0, scratch[1])
            start += len(part)
    numbers = counts.cpu().numpy()
    return Ranks(numbers[0], numbers[1]), Ranks(numbers[2], numbers[3])


@isolated
def score_ranks(scores: Vectors, gold: Gold) -> Ranks:
    """Ranks from a score matrix.

    Args:
        scores: ``[Q, N]``, larger is better.
        gold: column of the right answer of each query, ``[Q]``.

    Raises:
        InputError: not a matrix, NaN, a gold column out of range.
    """
    matrix = torch.as_tensor(scores).detach()
    if matrix.ndim != 2 or bool(matrix.isnan().any()):
        raise InputError(f"scores must be a matrix [Q, N] without NaN, got shape {list(matrix.shape)}")
    columns = _gold_columns(gold, *matrix.shape).to(matrix.device)
    own = matrix.gather(1, columns[:, None])
    better, equal = (matrix > own).sum(dim=1), (matrix == own).sum(dim=1) - 1
    return Ranks(better.cpu().numpy(), equal.cpu().numpy())


def _each_direction(
    lefts: Tensor, rights: Tensor, count: int, csls_k: int, memory_bytes: int | None
) -> tuple[Ranks, Ranks]:
    """``both_directions`` by two calls of ``ranks``, which score copies of a row once."""
    means = all_pair_means(lefts, rights, csls_k, memory_bytes=memory_bytes) if csls_k else (None, None)
    left_mean, right_mean = (None if mean is None else mean.cpu().numpy() for mean in means)
    gold = torch.arange(count)
    found = [
        ranks(
            queries[:count],
            candidates,
            gold,
            csls_k=csls_k,
            col_mean=mean,
            normalise=False,
            device=lefts.device,
            memory_bytes=memory_bytes,
        )
        if count
        else Ranks(np.empty(0, np.int64), np.empty(0, np.int64))
        for queries, candidates, mean in ((lefts, rights, right_mean), (rights, lefts, left_mean))
    ]
    return found[0], found[1]


def _copied_ranks(
    left: Tensor, right: Tensor, gold: Tensor, col_mean: Tensor | None, memory_bytes: int | None
) -> Ranks | None:
    """``ranks`` where most queries or candidates are copies; ``None`` of others.

    Queries that are equal, and whose right answers are equal, have one rank. A candidate counts so often as it occurs.
    """
    copies = distinct_rows(left), distinct_rows(right)
    if copies == (None, None):
        return None
    queries, candidates = copies[0] or every_row(left), copies[1] or every_row(right)
    means = None if col_mean is None else col_mean[candidates.first]
    if means is not None and col_mean is not None and not torch.equal(means[candidates.place], col_mean):
        return None  # the means are not those of the vectors
    base = right.index_select(0, candidates.first)
    keys, place = (queries.place * len(base) + candidates.place[gold]).unique(return_inverse=True)
    rows, own = left.index_select(0, queries.first[keys // len(base)]), keys % len(base)
    counts = torch.empty(2, len(keys), dtype=torch.int64, device=left.device)
    for start, tile in score_tiles(rows, base, memory_bytes=memory_bytes):
        for part in torch.split(tile, slice_rows(tile)):
            scores = part if means is None else torch.add(-means, part, alpha=2)
            mine = scores.gather(1, own[start : start + len(part), None])
            for number, which in enumerate((scores > mine, scores == mine)):
                counts[number, start : start + len(part)] = torch.where(which, candidates.counts, 0).sum(dim=1)
            start += len(part)
    counts[1] -= 1
    numbers = counts[:, place].cpu().numpy()
    return Ranks(numbers[0], numbers[1])


class _LeftOut:
    """Candidates that do not count for a query: their scores are lowered to -inf.

    Args:
        rows: positions of queries, ascending, ``[X]``.
        columns: positions of candidates, ``[X]``.
    """

    def __init__(self, rows: IntArray, columns: IntArray) -> None:
        self.rows, self.columns = rows, columns

    def lower(self, scores: Tensor, start: int) -> None:
        """Write to a block of scores whose first row is the query ``start``."""
        first, last = np.searchsorted(self.rows, [start, start + len(scores)])
        rows, columns = (torch.from_numpy(each[first:last]).to(scores.device) for each in (self.rows, self.columns))
        scores[rows - start, columns] = -torch.inf


def _row_counts(scores: Tensor, gold: Tensor, col_mean: Tensor | None, scratch: Tensor) -> Tensor:
    """Numbers of candidates above the score of the right one, and of others with the same score, ``[2, R]``.

    ``scores`` is not written to; ``scratch`` is float32 ``[2, R, N]``.
    """
    if col_mean is not None:
        scores = torch.add(-col_mean, scores, alpha=2, out=scratch[0])
    counts = _counts(scores, scores.gather(1, gold[:, None]), 1, scratch[1])
    counts[1] -= 1
    return counts


def _counts(scores: Tensor, own: Tensor, dim: int, scratch: Tensor) -> Tensor:
    """Numbers of scores along ``dim`` that are above ``own``, and that equal it, int64 ``[2, ...]``.

    Comparisons are stored as float32: sums are several times faster than those of bool on a CPU, and exact up to 2^24
    scores.
    """
    better = torch.gt(scores, own, out=scratch).sum(dim=dim)
    at_least = torch.ge(scores, own, out=scratch).sum(dim=dim)
    return torch.stack([better, at_least - better]).to(torch.int64)


def _gold_columns(gold: Gold, num_queries: int, num_candidates: int) -> Tensor:
    columns = torch.as_tensor(gold)
    if columns.shape != (num_queries,) or columns.is_floating_point() or columns.dtype == torch.bool:
        raise InputError(
            f"expected the position of the right candidate for each of {num_queries} queries, "
            f"got {columns.dtype} {list(columns.shape)}"
        )
    columns = columns.to(torch.int64)
    if num_queries and (int(columns.min()) < 0 or int(columns.max()) >= num_candidates):
        raise InputError(
            f"gold positions must be in 0..{num_candidates - 1}, got {int(columns.min())}..{int(columns.max())}"
        )
    return columns
