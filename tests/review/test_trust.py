"""Bins, precision and recall of a few answers, worked out by hand, and of a run."""

import numpy as np
import pytest

from mmkg.matching.held_out import HeldOut
from mmkg.review.trust import curve_of, reliability_of

# four entities queried with their counterpart (two found), four without it
CONFIDENCE = np.array([0.95, 0.9, 0.4, 0.2, 0.9, 0.4, 0.05, 0.0], np.float32)
PRESENT = np.array([True] * 4 + [False] * 4)
RIGHT = np.array([True, False, True, False] + [False] * 4)
SAMPLE = HeldOut(np.zeros(8, np.float32), RIGHT, PRESENT)
WEIGHTS = np.where(PRESENT, 0.2, 0.05).astype(np.float32)  # 80 % have a counterpart


def test_bins_hold_the_weighted_share_of_right_answers():
    found = reliability_of(CONFIDENCE, SAMPLE, WEIGHTS)
    assert [(each["low"], each["high"], each["count"]) for each in found] == [
        (0.0, 0.1, 2),
        (0.2, 0.3, 1),
        (0.4, 0.5, 2),
        (0.9, 1.0, 3),
    ]
    assert [each["right"] for each in found] == [0, 0, 0.8, round(0.2 / 0.45, 4)]
    last = found[-1]["mean"]
    assert last == pytest.approx((0.2 * 0.95 + 0.2 * 0.9 + 0.05 * 0.9) / 0.45, abs=1e-4)


def test_precision_and_recall_at_each_threshold():
    curve = {each["threshold"]: (each["precision"], each["recall"]) for each in curve_of(CONFIDENCE, SAMPLE, WEIGHTS)}
    assert curve[0.0] == (0.4, 0.5)  # of all answers .4 of 1 are right, of the counterparts .4 of .8 are found
    assert curve[0.4] == (round(0.4 / 0.7, 4), 0.5)
    assert curve[0.9] == (round(0.2 / 0.45, 4), 0.25)
    assert curve[0.95] == (1.0, 0.25)
    assert max(curve) == 0.95  # no answer is above


def test_test_links_judge_a_run(view, small_result):
    found = view.trust()
    judged = small_result.judge_counterparts()
    assert found["source"] == f"{judged['num_known']:,} test links"
    assert sum(each["count"] for each in found["reliability"]) == len(
        small_result.calibration.sample_of(small_result.links.test).margins
    )
    least = min(found["curve"], key=lambda each: abs(each["threshold"] - 0.3))["threshold"]
    expected = small_result.judge_counterparts(threshold=least)["known"]
    at = next(each for each in found["curve"] if each["threshold"] == least)
    assert (at["precision"], at["recall"]) == pytest.approx((expected["precision"], expected["recall"]), abs=1e-3)


def test_where_nothing_judges_there_is_no_curve(curies):
    assert curies.trust() == {"reliability": [], "curve": [], "histogram": [], "source": None}
