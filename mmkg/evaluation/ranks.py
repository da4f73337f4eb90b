"""Exact ranks of the right answers, ties at their mean, without a sort and without a Q x N matrix."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..search.csls import row_means
from ..search.tiles import score_tiles, slice_rows, top_values
from ..search.vectors import Vectors, check_count, prepare, resolve_device
from ..typing import FloatArray, IntArray

Gold = np.ndarray | Tensor


@dataclass(frozen=True)
class Ranks:
    """Where the right answer of each query stands.

    Args:
        better: candidates that score higher than the right answer, int64 ``[Q]``.
        equal: *other* candidates that score the same, int64 ``[Q]``.
    """

    better: IntArray
    equal: IntArray

    def __post_init__(self) -> None:
        if self.better.ndim != 1 or self.better.shape != self.equal.shape:
            raise ValueError(f"expected two arrays of one length, got {self.better.shape} and {self.equal.shape}")

    def __len__(self) -> int:
        return len(self.better)

    @property
    def mean(self) -> np.ndarray:
        """Realistic rank, ``1 + better + equal / 2``, float64 ``[Q]``: the mean over all orders of the ties.

        Constant scores over n candidates give (n + 1) / 2.
        """
        return 1 + self.better + self.equal / 2


def ranks(
    queries: Vectors,
    candidates: Vectors,
    gold: Gold,
    *,
    csls_k: int = 0,
    col_mean: FloatArray | None = None,
    normalise: bool = True,
    device: str | torch.device = "auto",
    block_bytes: int | None = None,
) -> Ranks:
    """Rank the right candidate of each query among all candidates, exactly.

    Memory: the vectors and one block of scores. The score of the right candidate is read from the same
    block as its rivals', and its own column never counts.

    Args:
        queries: ``[Q, d]``.
        candidates: ``[N, d]``.
        gold: position in ``candidates`` of the right answer of each query, whole numbers ``[Q]``.
        csls_k: neighbourhood size of CSLS; 0 = plain scores. The row mean of CSLS is the same for all
            candidates of a query, so that only the candidates' means matter.
        col_mean: mean score of each candidate to its neighbourhood, ``[N]``; ``None`` = its ``csls_k``
            nearest among ``queries``.
        normalise: rank by cosine; else by the inner product of the vectors as they are.
        device: ``auto``, ``cpu`` or ``cuda``.
        block_bytes: memory for one block of scores; ``None`` = 64 MiB, on CUDA 1 GiB.

    Raises:
        InputError: NaN, infinity, widths that differ, a gold position that is not there.
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
            means = row_means(right, left, csls_k, block_bytes=block_bytes)
        else:
            if col_mean.shape != (len(right),):
                raise InputError(f"expected one column mean for each of {len(right)} candidates, got {col_mean.shape}")
            means = torch.as_tensor(col_mean, dtype=torch.float32, device=where)
    better = torch.empty(len(left), dtype=torch.int64, device=where)
    equal = torch.empty_like(better)
    for start, tile in score_tiles(left, right, block_bytes=block_bytes):
        for part in tile.split(slice_rows(tile)):
            rows = slice(start, start + len(part))
            better[rows], equal[rows] = _count(part, columns[rows], means)
            start += len(part)
    return Ranks(better.cpu().numpy(), equal.cpu().numpy())


def both_directions(
    left: Vectors,
    right: Vectors,
    *,
    csls_k: int = 0,
    normalise: bool = True,
    device: str | torch.device = "auto",
    block_bytes: int | None = None,
) -> tuple[Ranks, Ranks]:
    """Ranks of row i of ``right`` for row i of ``left`` among all rows of ``right``, and the other way round.

    The same as calling ``ranks`` twice; with CSLS, two passes of products instead of four.

    Args:
        left: ``[L, d]``.
        right: ``[L, d]``, row i is the right answer of row i of ``left``.
        csls_k: neighbourhood size of CSLS; 0 = plain scores.
        normalise: rank by cosine; else by the inner product of the vectors as they are.
        device: ``auto``, ``cpu`` or ``cuda``.
        block_bytes: memory for one block of scores.

    Raises:
        InputError: NaN, infinity, shapes that differ.
        UsageError: ``csls_k`` < 0.
    """
    check_count(csls_k, "csls_k", least=0)
    where = resolve_device(device)
    lefts = prepare(left, "left vectors", normalise=normalise, device=where)
    rights = prepare(right, "right vectors", normalise=normalise, dim=lefts.shape[1], device=where)
    count = len(lefts)
    if len(rights) != count:
        raise InputError(f"expected as many left as right vectors, got {count} and {len(rights)}")
    diagonal = torch.arange(count, device=where)
    if csls_k == 0:
        there = ranks(lefts, rights, diagonal, normalise=False, device=where, block_bytes=block_bytes)
        back = ranks(rights, lefts, diagonal, normalise=False, device=where, block_bytes=block_bytes)
        return there, back
    row_mean, col_mean, gold = _pair_means(lefts, rights, csls_k, block_bytes)
    gold_back = 2 * gold - row_mean  # the score of each right answer, less the mean of its own query
    counts = torch.zeros(4, count, dtype=torch.int64, device=where)
    for start, tile in score_tiles(lefts, rights, block_bytes=block_bytes):
        for part in tile.split(slice_rows(tile)):
            rows = slice(start, start + len(part))
            # right to left first: `_count` writes to its argument
            scores = 2 * part - row_mean[rows, None]
            here = torch.arange(len(part), device=where)
            scores[here, here + start] = -torch.inf
            counts[2] += (scores > gold_back).sum(dim=0)
            counts[3] += (scores == gold_back).sum(dim=0)
            counts[0, rows], counts[1, rows] = _count(part, diagonal[rows], col_mean)
            start += len(part)
    numbers = counts.cpu().numpy()
    return Ranks(numbers[0], numbers[1]), Ranks(numbers[2], numbers[3])


def score_ranks(scores: Vectors, gold: Gold) -> Ranks:
    """Ranks from a score matrix ``[Q, N]`` that is there already; ``gold`` are columns, ``[Q]``.

    Raises:
        InputError: not a matrix, NaN, a gold column that is not there.
    """
    matrix = torch.as_tensor(scores).detach()
    if matrix.ndim != 2 or bool(matrix.isnan().any()):
        raise InputError(f"scores must be a matrix [Q, N] without NaN, got shape {list(matrix.shape)}")
    columns = _gold_columns(gold, *matrix.shape).to(matrix.device)
    own = matrix.gather(1, columns[:, None])
    better, equal = (matrix > own).sum(dim=1), (matrix == own).sum(dim=1) - 1
    return Ranks(better.cpu().numpy(), equal.cpu().numpy())


def _count(scores: Tensor, gold: Tensor, col_mean: Tensor | None) -> tuple[Tensor, Tensor]:
    """Candidates above and (but for the right one) at the score of the right one; writes to ``scores``."""
    if col_mean is not None:
        scores.mul_(2).sub_(col_mean)
    own = scores.gather(1, gold[:, None])
    at_least = (scores >= own).sum(dim=1)
    better = (scores > own).sum(dim=1)
    return better, at_least - better - 1


def _pair_means(left: Tensor, right: Tensor, k: int, block_bytes: int | None) -> tuple[Tensor, Tensor, Tensor]:
    """CSLS means of the rows and of the columns and the diagonal of the scores, in one pass; ``[L]`` each."""
    count = len(left)
    k = min(k, count)
    row_mean, gold = left.new_empty(count), left.new_empty(count)
    best = left.new_empty(count, 0)  # of each column, the k largest so far
    for start, tile in score_tiles(left, right, block_bytes=block_bytes):
        stop = start + len(tile)
        for first, part in zip(range(start, stop, slice_rows(tile)), tile.split(slice_rows(tile)), strict=True):
            row_mean[first : first + len(part)] = top_values(part, k)[0].mean(dim=1)
        gold[start:stop] = tile[:, start:stop].diagonal()
        found = top_values(tile.T, min(k, len(tile)))[0]
        best = torch.cat([best, found], dim=1)
        best = best.topk(min(k, best.shape[1]), dim=1).values
    return row_mean, best.mean(dim=1), gold


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
