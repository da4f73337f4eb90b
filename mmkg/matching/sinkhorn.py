"""One-to-one matching by optimal transport on candidate lists."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field

from ..config.parse import configuration
from ..errors import InputError
from ..search.vectors import Vectors, check_count
from ..typing import FloatArray, IntArray
from .candidates import Indexes, Means, Scorer, candidate_pairs
from .matching import Matching, matching_of

TEMPERATURE = 0.02
ITERATIONS = 15
CANDIDATES = 50


@configuration
@dataclass(frozen=True)
class SinkhornConfig:
    """Settings of ``sinkhorn``.

    Args:
        k: candidates per entity, >= 1 (500 in LightEA).
        temperature: divisor of the cosines, > 0 (0.02 there).
        iterations: normalisations of both sides, >= 1 (15 there).

    Raises:
        UsageError: a value out of range.
    """

    k: Annotated[int, Field(ge=1)] = CANDIDATES
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = TEMPERATURE
    iterations: Annotated[int, Field(ge=1)] = ITERATIONS


def sinkhorn(
    left: Vectors,
    right: Vectors,
    *,
    k: int = CANDIDATES,
    csls_k: int = 3,
    kind: str = "exact",
    device: str | torch.device = "auto",
    means: Means | None = None,
    indexes: Indexes | None = None,
    temperature: float = TEMPERATURE,
    iterations: int = ITERATIONS,
) -> Matching:
    """Pairs that are each other's most likely partner once all entities compete for all.

    Candidates are the pairs on the lists of the k nearest of either side, so that swapping left and right swaps the
    answer. Their cosines become log-weights, which are normalised in turn over the candidates of each left row and of
    each right row; what is left are pairs whose weight is the largest of both rows. Memory is O((n1 + n2) k).

    Args:
        left: embeddings ``[n1, d]``; compared by cosine.
        right: embeddings ``[n2, d]``.
        k: candidates per entity, >= 1; k = size of the larger side is the dense transport.
        csls_k: neighbourhood size of CSLS, 0 = off. It decides who is a candidate and is the score of a pair; the
            transport itself is of cosines, since its normalisation takes the place of that of CSLS.
        kind: index kind that makes the candidate lists, as for ``build_index``.
        device: ``auto``, ``cpu`` or ``cuda``; where candidates are found.
        means: CSLS means of the left rows ``[n1]`` and the right rows ``[n2]``, where they are known already.
        indexes: that left rows ask, and that right rows ask, where there are any; ``kind`` is not read then. With
            CSLS they are over the vectors of ``csls_augment``.
        temperature: what cosines are divided by, > 0; the smaller, the nearer to the best total (0.02 in LightEA).
        iterations: normalisations of both sides, >= 1 (15 in LightEA).

    Returns:
        Pairs with their cosine or CSLS score. Among equal weights the lower row counts as the larger.

    Raises:
        InputError: vectors that are not finite matrices of one width.
        UsageError: k < 1, ``csls_k`` < 0, ``temperature`` or ``iterations`` out of range, unknown kind or device.

    Source:
        Cuturi, NeurIPS 2013; sparse and for entity alignment in Mao et al., EMNLP 2022 (LightEA).
    """
    check_count(k, "k")
    SinkhornConfig(k, temperature, iterations)  # checks them
    scorer = Scorer.of(left, right, csls_k=csls_k, device=device, kind=kind, means=means, indexes=indexes)
    rows, cols, scores = candidate_pairs(scorer, k, kind=kind)
    shape = (len(scorer.left), len(scorer.right))
    weights = transport(rows, cols, scorer.cosines(rows, cols), shape, temperature=temperature, iterations=iterations)
    chosen = _mutual_best(rows, cols, weights, shape)
    return matching_of(rows[chosen], cols[chosen], scores[chosen])


def transport(
    rows: IntArray,
    cols: IntArray,
    scores: FloatArray,
    shape: tuple[int, int],
    *,
    temperature: float = TEMPERATURE,
    iterations: int = ITERATIONS,
) -> np.ndarray:
    """Log-weights of pairs after Sinkhorn's normalisations; pairs that are not listed weigh nothing.

    With as many left as right rows, and lists that allow it, the weights of each row and of each column come to sum
    to 1; with unlike numbers to one sum for all rows and its inverse for all columns. A step goes half the way to
    either normalisation at once, so that no side goes first and swapping them swaps the answer; it needs about twice
    as many steps as taking turns. In float64 logarithms, which no temperature makes overflow.

    Args:
        rows, cols: listed pairs, int64 ``[P]`` each, no pair twice.
        scores: of the pairs, ``[P]``, finite, larger is better.
        shape: number of left and of right rows.
        temperature: > 0.
        iterations: >= 1.

    Returns:
        float64 ``[P]``, larger is better.

    Raises:
        InputError: columns of different lengths, or a score that is not finite.
        UsageError: ``temperature`` or ``iterations`` out of range.
    """
    SinkhornConfig(temperature=temperature, iterations=iterations)  # checks them
    if not rows.shape == cols.shape == scores.shape:
        raise InputError(f"expected columns of one length, got {rows.shape}, {cols.shape}, {scores.shape}")
    if not np.isfinite(scores).all():
        raise InputError("scores to transport must be finite")
    weights = scores.astype(np.float64) / temperature
    of_row, of_col = _Segments(rows, shape[0]), _Segments(cols, shape[1])
    for _ in range(iterations):
        by_row = weights - of_row.log_sums(weights)[rows]
        by_col = weights - of_col.log_sums(weights)[cols]
        weights = (by_row + by_col) / 2
    return weights


def transported_pairs(
    left: Vectors,
    right: Vectors,
    config: SinkhornConfig,
    *,
    csls_k: int = 3,
    device: str | torch.device = "auto",
    sketch: tuple[Vectors, Vectors] | None = None,
) -> tuple[IntArray, IntArray, np.ndarray]:
    """Left rows, right rows and log-weights of all candidate pairs of ``sinkhorn``, to rank by; by row, then column.

    Args:
        left, right, csls_k, device: as for ``sinkhorn``.
        config: its other settings.
        sketch: narrower vectors of the same rows to look for candidates with; cosines are those of ``left`` and
            ``right`` all the same.
    """
    scorer = Scorer.of(left, right, csls_k=csls_k if sketch is None else 0, device=device, kind="auto")
    finder = scorer if sketch is None else Scorer.of(*sketch, csls_k=csls_k, device=device, kind="auto")
    rows, cols, _ = candidate_pairs(finder, config.k, kind="auto")
    shape = (len(scorer.left), len(scorer.right))
    cosines = scorer.cosines(rows, cols)
    weights = transport(rows, cols, cosines, shape, temperature=config.temperature, iterations=config.iterations)
    return rows, cols, weights


class _Segments:
    """Sums over the entries of each row, given in any order."""

    def __init__(self, owners: IntArray, size: int) -> None:
        self.order = np.argsort(owners, kind="stable")
        counts = np.bincount(owners, minlength=size)
        self.size, self.there = size, np.flatnonzero(counts)
        self.starts = (np.cumsum(counts) - counts)[self.there]
        self.counts = counts[self.there]

    def log_sums(self, values: np.ndarray) -> np.ndarray:
        """``log sum exp`` per row, ``[size]``; -inf where a row has no entry."""
        sums = np.full(self.size, -np.inf)
        if len(self.there):
            ordered = values[self.order]
            peaks = np.maximum.reduceat(ordered, self.starts)
            spread = np.exp(ordered - np.repeat(peaks, self.counts))
            sums[self.there] = peaks + np.log(np.add.reduceat(spread, self.starts))
        return sums


def _mutual_best(rows: IntArray, cols: IntArray, weights: np.ndarray, shape: tuple[int, int]) -> IntArray:
    """Places of the pairs whose weight is the best of their row and of their column."""
    order = np.lexsort((cols, rows, -weights))
    best_row, best_col = np.full(shape[0], -1), np.full(shape[1], -1)
    back = order[::-1]  # what is written last stays
    best_row[rows[back]] = back
    order = np.lexsort((rows, cols, -weights))[::-1]
    best_col[cols[order]] = order
    places = best_row[best_row >= 0]
    return places[best_col[cols[places]] == places]
