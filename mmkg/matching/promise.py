"""The precision that held-out links promise for the links above a confidence."""

import math

import numpy as np
from numpy.typing import NDArray

from ..typing import FloatArray
from .held_out import HeldOut
from .share import SHARE_RANGE

Reals = NDArray[np.float64]

CERTAINTY = 0.95  # of a promise
FEW, MANY = 20, 5  # all removed counterparts count as 20 wrong answers, of over 100 five as one; chosen on twins
TAIL = (1 - CERTAINTY) / 2  # probability that a bound is too high; the other half is for the choice among thresholds


def bounds(sample: HeldOut, share: float, confidence: FloatArray, thresholds: FloatArray) -> FloatArray:
    """Lower bound of the precision of the answers at or above each threshold, ``[T]``, in [0, 1]; 0 without links.

    The held-out entities at or above a threshold are a sample of the answers there, weighted as ``share`` has it: those
    with their counterpart among the candidates are right or wrong, those without it are wrong. But a model that learns
    from its own matches confirms its errors. A removed counterpart does not show this, since the model matched the
    entity to it. A wrong answer of an entity whose counterpart is there does: such entities answer about as those that
    have no counterpart. So wrong answers also stand for entities without a counterpart, and all removed counterparts
    count as 20 wrong answers, or as one for five where they are more than 100.

    The bound is the lower end of a one-sided exact interval at 97.5 %. An answer that stands for several entities is
    one observation: the numbers are divided by the mean weight of wrong answers. It is not below 1, nor below the
    number of entities without a counterpart for each answer that shows how these answer. The lowest threshold whose
    bound reaches a wanted precision breaks its promise in about 5 % of draws at most, see
    ``tests/matching/test_promise.py``. Where precision falls with the threshold, only neighbours of the true threshold
    pass by chance; where it hardly falls, a broken promise is a small one. What all of this rests on: held-out entities
    answer like entities in question, no less than ``share`` of these have a counterpart, and errors are confirmed about
    as much where a counterpart is there as where there is none.

    Args:
        sample: held-out entities.
        share: share of entities with a counterpart; of an estimated one, the lower end of its interval.
        confidence: confidence of each held-out entity, ``[S]``.
        thresholds: confidences, ``[T]``.

    Source:
        Clopper and Pearson, Biometrika 26(4), 1934; thresholds that keep a promised risk: Angelopoulos, Bates, Candès,
        Jordan and Lei, Learn then Test, 2021 (there with a correction for several thresholds).
    """
    return _lower(*_answers(sample, share, confidence, thresholds))


def precision_interval(
    sample: HeldOut, shares: tuple[float, float], confidence: FloatArray, threshold: float
) -> tuple[float, float] | None:
    """Two-sided 95 % interval of the precision of the answers at or above a threshold; see ``bounds``.

    Args:
        sample: held-out entities.
        shares: least and largest share of entities with a counterpart.
        confidence: confidence of each held-out entity, ``[S]``.
        threshold: least confidence of an answer.

    Returns:
        Its ends, in [0, 1]; ``None`` without held-out entities at or above the threshold.
    """
    from scipy.special import betaincinv

    at = np.array([threshold], np.float32)
    low = float(bounds(sample, shares[0], confidence, at)[0])
    found = _answers(sample, shares[1], confidence, at, confirmed=False)
    right, wrong = (float(number[0]) for number in found)
    if right + wrong == 0:
        return None
    return low, 1.0 if wrong == 0 else float(betaincinv(right + 1, wrong, 1 - TAIL))


def _answers(
    sample: HeldOut, share: float, confidence: FloatArray, thresholds: FloatArray, *, confirmed: bool = True
) -> tuple[Reals, Reals]:
    """Numbers of right and of wrong answers at or above each threshold that say as much as weighted ones, ``[T]``."""
    share = max(share, SHARE_RANGE[0])
    weights = sample.weights(share) * sample.present.sum() / share  # entities that an answer stands for; a right one: 1
    absent = np.where(sample.present, 0.0, weights)
    removed = float((~sample.present).sum())
    seen = removed  # answers that show how entities without a counterpart answer
    if confirmed:
        wrong = sample.present & ~sample.right
        number = int(wrong.sum())
        seen = number + min(removed, max(FEW, removed / MANY))
        moved = number / max(seen, 1.0)
        weights = weights - moved * absent + wrong * (moved * absent.sum() / max(number, 1))
    least = max(1.0, float(absent.sum()) / max(min(seen, removed), 1.0))
    weights = np.where(sample.right, 0.0, weights)
    order = np.argsort(confidence, kind="stable")
    first = np.searchsorted(confidence[order], thresholds, side="left")

    def above(values: Reals) -> Reals:
        sums: Reals = np.concatenate([np.cumsum(values[order][::-1])[::-1], [0.0]])[first]
        return sums

    total, squares = above(weights), above(weights**2)
    mean = np.divide(squares, total, out=np.zeros_like(total), where=total > 0)  # each weighted by itself
    each = np.maximum(mean, least)
    return above(sample.right.astype(np.float64)) / each, total / each


def _lower(right: Reals, wrong: Reals) -> FloatArray:
    """Lower end of the exact interval of the share of right answers."""
    from scipy.special import betaincinv

    found: FloatArray = np.where(right > 0, betaincinv(np.maximum(right, 1e-9), wrong + 1, TAIL), 0.0)
    return found


def links_for(precision: float, share: float = 1.0) -> int:
    """Number of held-out links that promise a precision in (0, 1) if all answers above a threshold are right.

    Args:
        precision: the precision.
        share: share of entities with a counterpart.
    """
    share = max(share, SHARE_RANGE[0])
    links, others = math.log(TAIL) / math.log(precision), (1 - share) / share
    return math.ceil(links * max(1.0, others if links * others <= FEW else MANY * others))
