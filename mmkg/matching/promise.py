"""The precision that held-out links promise for the links above a confidence."""

import math

import numpy as np

from ..typing import FloatArray
from .held_out import HeldOut
from .share import SHARE_RANGE

CERTAINTY = 0.95  # of a promise


def bounds(sample: HeldOut, share: float, confidence: FloatArray, thresholds: FloatArray) -> FloatArray:
    """Lower bound of the precision of the answers at or above each threshold, ``[T]``, in [0, 1]; 0 without links.

    The held-out entities at or above a threshold are a sample of the answers there: those with their counterpart among
    the candidates are right or wrong, those without it are wrong, weighted as ``share`` has it. The bound is the lower
    end of a one-sided exact interval at 95 %. The lowest threshold whose bound reaches a wanted precision breaks its
    promise in fewer than 5 % of draws (``tests/matching/test_promise.py``): below the true threshold precision falls,
    so that only its neighbours can pass by chance. What it rests on: held-out entities answer like entities in
    question, and no less than ``share`` of these have a counterpart.

    Args:
        sample: held-out entities.
        share: share of entities with a counterpart; of an estimated one, the lower end of its interval.
        confidence: confidence of each held-out entity, ``[S]``.
        thresholds: confidences, ``[T]``.

    Source:
        Clopper and Pearson, Biometrika 26(4), 1934; thresholds that keep a promised risk: Angelopoulos, Bates, Candès,
        Jordan and Lei, Learn then Test, 2021 (there with a correction for several thresholds).
    """
    return _lower(*_answers(sample, share, confidence, thresholds), 1 - CERTAINTY)


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

    at, tail = np.array([threshold], np.float32), (1 - CERTAINTY) / 2
    low = float(_lower(*_answers(sample, shares[0], confidence, at), tail)[0])
    right, wrong = (float(number[0]) for number in _answers(sample, shares[1], confidence, at))
    if right + wrong == 0:
        return None
    return low, 1.0 if wrong == 0 else float(betaincinv(right + 1, wrong, 1 - tail))


def _answers(
    sample: HeldOut, share: float, confidence: FloatArray, thresholds: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Number of right answers at or above each threshold, and weighted number of wrong ones, ``[T]`` each."""

    def above(chosen: np.ndarray) -> FloatArray:
        held = np.sort(confidence[chosen])
        number: FloatArray = (len(held) - np.searchsorted(held, thresholds, side="left")).astype(np.float64)
        return number

    right, present, absent = above(sample.right), above(sample.present), above(~sample.present)
    share = max(share, SHARE_RANGE[0])
    weight = (1 - share) / share * sample.present.sum() / max(int((~sample.present).sum()), 1)
    return right, present - right + weight * absent


def _lower(right: FloatArray, wrong: FloatArray, tail: float) -> FloatArray:
    """Lower end of the exact interval of the share of right answers, whose tail has this probability."""
    from scipy.special import betaincinv

    found: FloatArray = np.where(right > 0, betaincinv(np.maximum(right, 1), wrong + 1, tail), 0.0)
    return found


def links_for(precision: float) -> int:
    """Number of held-out links that promise a precision in (0, 1) if all of them are right."""
    return math.ceil(math.log(1 - CERTAINTY) / math.log(precision))
