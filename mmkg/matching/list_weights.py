"""Weights of scores by which given matches are most probable among the candidates of their entities."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ..errors import InputError
from ..typing import FloatArray, IntArray

Reals = NDArray[np.float64]

MOST_LISTS = 20_000  # of either side that weights are fitted to; more do not change them
RIDGE = 1e-3  # penalty of the squared weights of scores of deviation 1, per list
STEPS = 100


def list_weights(
    scores: FloatArray,
    rows: IntArray,
    cols: IntArray,
    matches: IntArray,
    *,
    start: Sequence[float] | None = None,
    seed: int = 0,
) -> Reals:
    """Weights >= 0 of several scores, such that their sum is the log-odds of a match among the candidates of an entity.

    They maximise the likelihood of the matches, each among all pairs of its left row and among all pairs of its right
    row: the conditional logit

        sum over matches (i, j) of  log p(j | i) + log p(i | j),    p(j | i) = exp(w s_ij) / sum_j' exp(w s_ij')

    Rows without a match say nothing. The likelihood is concave, so that the start only saves steps.

    Args:
        scores: of each pair, ``[P, M]``, larger is better.
        rows, cols: left and right row of each pair, int64 ``[P]`` each.
        matches: positions of the matches among the pairs, int64 ``[K]``, one to one, K >= 1.
        start: weights to start with, ``[M]``; by default those of equal deviation.
        seed: of the sample of ``MOST_LISTS`` lists of either side, if there are more.

    Returns:
        Weights ``[M]``.

    Raises:
        InputError: no match, or columns of different lengths.

    Source:
        McFadden, Conditional logit analysis of qualitative choice behavior, 1974; learning from one's own matches is
        self-training (Scudder, IEEE Trans. Inf. Theory 1965).
    """
    if not len(matches) or not len(scores) == len(rows) == len(cols):
        raise InputError(f"expected a match and columns of one length, got {len(matches)} and {scores.shape}")
    lists = [_Lists.of(scores, side, matches, seed) for side in (rows, cols)]
    deviation = lists[0].scores.std(axis=0)
    deviation[deviation < 1e-9] = np.inf  # a score that is the same for all pairs says nothing
    lists = [_Lists(each.scores / deviation, each.starts, each.right / deviation) for each in lists]
    number = sum(len(each.starts) for each in lists)

    def loss(weights: Reals) -> tuple[float, Reals]:
        found = [each.loss(weights) for each in lists]
        slope = sum((each[1] for each in found), np.zeros_like(weights))
        value = sum(each[0] for each in found) / number + RIDGE * float(weights @ weights)
        return value, slope / number + 2 * RIDGE * weights

    finite = np.isfinite(deviation)
    first = np.ones(scores.shape[1]) if start is None else np.where(finite, start, 0) * np.where(finite, deviation, 0)
    bounds = [(0, None)] * len(first)
    best = minimize(loss, first, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": STEPS})
    weights: Reals = best.x / deviation
    return weights


class _Lists:
    """The candidates of one side's rows that have a match, list by list.

    Args:
        scores: ``[E, M]``, sorted by list.
        starts: first entry of each list, ``[L]``.
        right: sum of the scores of the matches, ``[M]``.
    """

    def __init__(self, scores: Reals, starts: IntArray, right: Reals) -> None:
        self.scores, self.starts, self.right = scores, starts, right
        self.counts = np.diff(np.append(starts, len(scores)))

    @staticmethod
    def of(scores: FloatArray, owners: IntArray, matches: IntArray, seed: int) -> "_Lists":
        """The lists of at most ``MOST_LISTS`` owners, a seeded sample."""
        if len(matches) > MOST_LISTS:
            matches = np.random.default_rng(seed).choice(matches, MOST_LISTS, replace=False)
        there = np.zeros(int(owners.max()) + 1, bool)
        there[owners[matches]] = True
        places = np.flatnonzero(there[owners])
        places = places[np.argsort(owners[places], kind="stable")]
        starts = np.flatnonzero(np.diff(owners[places], prepend=-1))
        return _Lists(scores[places].astype(np.float64), starts, scores[matches].sum(axis=0, dtype=np.float64))

    def loss(self, weights: Reals) -> tuple[float, Reals]:
        """Minus the log-likelihood of the matches, and its slope ``[M]``."""
        found = self.scores @ weights
        peaks = np.maximum.reduceat(found, self.starts)
        spread = np.exp(found - np.repeat(peaks, self.counts))
        totals = np.add.reduceat(spread, self.starts)
        spread /= np.repeat(totals, self.counts)
        value = float((peaks + np.log(totals)).sum() - self.right @ weights)
        return value, spread @ self.scores - self.right
