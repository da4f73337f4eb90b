"""How far the confidences of a run can be trusted: answers to links that it did not learn from, by confidence."""

from typing import Any

import numpy as np

from ..data.split import sample_links
from ..evaluation.protocol import OUT_OF_FOLD
from ..matching.held_out import HeldOut
from ..result.answers import Answers
from ..typing import FloatArray
from .counts import STEPS, histogram
from .rows import Matches

BINS = 10  # of confidence, of equal width


def trust(matches: Matches) -> dict[str, Any]:
    """Reliability, precision and recall by confidence, and the histogram of confidence.

    Test links judge: each is queried with its counterpart among all candidates and without it, and both kinds of
    answers are weighted by the share of entities that have a counterpart. Of a run that held links out in folds, these
    judge; they have also calibrated it, by two numbers.

    Args:
        matches: the matches of a run.

    Returns:
        - ``reliability``: for each bin of confidence ``low`` to ``high`` its ``mean``, the share of ``right`` answers,
          and the ``count`` of answers; bins without answers are left out.
        - ``curve``: ``precision`` and ``recall`` of the answers at or above each ``threshold``.
        - ``histogram``: see ``histogram``.
        - ``source``: the links that judge, in words; ``None`` where nothing judges, then the first two are empty.
    """
    found: dict[str, Any] = {"reliability": [], "curve": [], "histogram": histogram(matches), "source": None}
    result = matches.result
    learnt, judges = result.counterparts, _judges(result)
    if learnt is None or judges is None:
        return found
    sample, source = judges
    confidence, weights = learnt.calibration.predict(sample.margins), sample.weights(learnt.share)
    return found | {
        "reliability": reliability_of(confidence, sample, weights),
        "curve": curve_of(confidence, sample, weights),
        "source": source,
    }


def reliability_of(confidence: FloatArray, sample: HeldOut, weights: FloatArray) -> list[dict[str, Any]]:
    """Bins of equal width: mean confidence and share of right answers, both weighted, and number of answers.

    Args:
        confidence: of each answer, ``[S]``, in [0, 1].
        sample: the answers.
        weights: weight of each answer, ``[S]``.
    """
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    total, mean, right = (
        np.bincount(place, column.astype(np.float64), minlength=BINS)
        for column in (weights, weights * confidence, weights * sample.right)
    )
    return [
        {
            "low": round(number / BINS, 4),
            "high": round((number + 1) / BINS, 4),
            "mean": round(float(mean[number] / total[number]), 4),
            "right": round(float(right[number] / total[number]), 4),
            "count": int(counts[number]),
        }
        for number in np.flatnonzero(total > 0).tolist()
    ]


def curve_of(confidence: FloatArray, sample: HeldOut, weights: FloatArray) -> list[dict[str, Any]]:
    """Precision and recall of the answers at or above each of 101 thresholds, those with answers only."""
    order = np.argsort(confidence, kind="stable")
    ordered = confidence[order]
    kept, right = (
        np.concatenate([np.cumsum(column[order][::-1].astype(np.float64))[::-1], [0.0]])
        for column in (weights, weights * sample.right)
    )
    present = float(weights[sample.present].sum())
    thresholds = np.linspace(0, 1, STEPS + 1)
    first = np.searchsorted(ordered, thresholds.astype(np.float32), side="left")
    return [
        {
            "threshold": round(float(threshold), 4),
            "precision": round(float(right[place] / kept[place]), 4),
            "recall": round(float(right[place] / present), 4) if present else 0.0,
        }
        for threshold, place in zip(thresholds.tolist(), first.tolist(), strict=True)
        if kept[place] > 0
    ]


def _judges(result: Answers) -> tuple[HeldOut, str] | None:
    """Answers to links that the run did not learn from, and what these links are."""
    confidences = result.calibration
    test = confidences.compared(result.links.test)
    if len(test):
        queries = sample_links(
            test, result.experiment.search.ranked(len(test)), seed=result.experiment.seed, label="ranked test links"
        )
        return confidences.sample_of(queries), f"{len(queries):,} test links"
    learnt = confidences.counterparts
    if result.protocol.judged == OUT_OF_FOLD and learnt is not None and learnt.num_links:
        return learnt.sample, f"{learnt.num_links:,} links held out in folds, which also calibrated the confidences"
    return None
