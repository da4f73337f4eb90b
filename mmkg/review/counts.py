"""The headline: how many links there are at each threshold, and how precise they are expected to be."""

from typing import Any

import numpy as np

from ..matching.promise import precision_interval
from ..result.answers import Answers
from .rows import Matches

STEPS = 100  # thresholds 0, 1 / STEPS, ..., 1
BARS = 20  # of the histogram of confidence


def counts_at(matches: Matches, thresholds: np.ndarray) -> list[dict[str, Any]]:
    """Counts of links at each threshold, as ``Answers.summary`` gives them, with the expected precision of found links.

    Args:
        matches: the matches of a run.
        thresholds: least confidences of a link, ascending, ``[T]``.
    """
    result = matches.result
    same_as = result.same_as_threshold(0.0)
    found = np.sort(matches.belief[~matches.known])
    sums = np.concatenate([[0.0], np.cumsum(_confidences(matches)[np.argsort(matches.belief[~matches.known])])])
    below = np.searchsorted(found, thresholds.astype(np.float32), side="left")
    sure = np.sort(matches.confidence[~matches.known]) if matches.confidence is not None else np.empty(0, np.float32)
    num_sure = len(sure) - np.searchsorted(sure, np.maximum(thresholds, same_as).astype(np.float32), side="left")
    num_found = len(found) - below
    expected = (sums[-1] - sums[below]) / np.maximum(num_found, 1)
    without = []
    for side, column in (("left", matches.left), ("right", matches.right)):
        rows = result.embeddings.rows(side)
        counted = np.isin(column, rows)
        beliefs = np.sort(matches.belief[counted])
        without.append(len(rows) - (len(beliefs) - np.searchsorted(beliefs, thresholds.astype(np.float32))))
    calibrated = matches.confidence is not None
    return [
        {
            "threshold": round(float(threshold), 4),
            "sure": int(num_sure[place]),
            "to_check": int(num_found[place] - num_sure[place]),
            "expected_precision": round(float(expected[place]), 4) if calibrated and num_found[place] else None,
            "left_without": int(without[0][place]),
            "right_without": int(without[1][place]),
        }
        for place, threshold in enumerate(thresholds.tolist())
    ]


def slider(matches: Matches) -> list[dict[str, Any]]:
    """``counts_at`` of 101 thresholds; of a run without confidences only 0."""
    thresholds = np.linspace(0, 1, STEPS + 1) if matches.confidence is not None else np.zeros(1)
    return counts_at(matches, thresholds)


def precision(matches: Matches) -> dict[str, Any] | None:
    """Expected precision of the found links at the threshold of the run, with a 95 % interval from held-out links.

    Returns:
        ``expected`` is the mean confidence of the found links; ``low`` and ``high`` are ``None`` without held-out
        links. ``None`` without confidences or without any such link.
    """
    result = matches.result
    learnt, threshold = result.counterparts, result.threshold()
    found = ~matches.known & (matches.belief >= np.float32(threshold))
    if learnt is None or matches.confidence is None or not found.any():
        return None
    expected = float(matches.confidence[found].mean())
    shares = learnt.interval or (learnt.share, learnt.share)
    ends = precision_interval(learnt.sample, shares, learnt.calibration.predict(learnt.sample.margins), threshold)
    low, high = (None, None) if ends is None else (min(ends[0], expected), max(ends[1], expected))
    rounded = [None if value is None else round(value, 4) for value in (expected, low, high)]
    return dict(zip(("expected", "low", "high"), rounded, strict=True))


def histogram(matches: Matches) -> list[dict[str, Any]]:
    """Number of found matches by confidence, in 20 bars of equal width; empty without confidences."""
    if matches.confidence is None:
        return []
    ends = np.linspace(0, 1, BARS + 1)
    numbers = np.histogram(matches.confidence[~matches.known].clip(0, 1), bins=ends)[0].tolist()
    return [
        {"low": round(low, 4), "high": round(high, 4), "count": number}
        for low, high, number in zip(ends[:-1].tolist(), ends[1:].tolist(), numbers, strict=True)
    ]


def _confidences(matches: Matches) -> np.ndarray:
    """Confidences of found matches; zeros without a calibration."""
    given = ~matches.known
    if matches.confidence is None:
        return np.zeros(int(given.sum()))
    return matches.confidence[given].astype(np.float64)


def metric_values(result: Answers) -> list[dict[str, Any]]:
    """One row per direction and figure: ``direction``, ``name`` and ``value``; empty where nothing was judged."""
    return [
        {"direction": direction.replace("_", " "), "name": name, "value": value}
        for direction, figures in result.metrics.items()
        for name, value in figures.items()
    ]
