"""Counts of the headline and of the slider."""

from dataclasses import replace

import numpy as np
import pytest

from mmkg.review import RunView
from mmkg.review.counts import counts_at, histogram, precision, slider
from mmkg.review.rows import Matches

COUNTS = ("sure", "to_check", "left_without", "right_without")


@pytest.mark.parametrize("kept", [False, True])
def test_counts_at_any_threshold_are_those_of_the_summary(small_result, kept):
    result = small_result
    if kept:  # some matches stay, whatever their confidence
        matching = result.matching
        result = replace(result, kept=matching.pairs[np.argsort(matching.confidence)[:7]])
    thresholds = np.array([0.0, 0.2, result.threshold(), 0.7, 0.95, 1.0])
    for row, threshold in zip(counts_at(Matches.of(result), thresholds), thresholds.tolist(), strict=True):
        expected = result.summary(threshold).as_dict()
        assert {name: row[name] for name in COUNTS} == {name: expected[name] for name in COUNTS}, threshold


def test_the_slider_has_101_thresholds_and_its_counts_fall(view):
    rows = slider(view.columns)
    assert [row["threshold"] for row in rows] == [round(step / 100, 4) for step in range(101)]
    found = [row["sure"] + row["to_check"] for row in rows]
    assert found == sorted(found, reverse=True) and found[0] == int((~view.columns.known).sum())
    free = [row["left_without"] for row in rows]
    assert free == sorted(free)


def test_expected_precision_is_the_mean_confidence_above_the_threshold(view):
    columns = view.columns
    confidence = columns.confidence[~columns.known].astype(float)
    for row in slider(columns)[::25]:
        above = confidence[confidence >= np.float32(row["threshold"])]
        expected = None if not len(above) else pytest.approx(sum(above) / len(above), abs=1e-4)
        assert row["expected_precision"] == expected


def test_the_interval_of_the_precision_holds_its_estimate(view):
    found = precision(view.columns)
    assert 0 <= found["low"] <= found["expected"] <= found["high"] <= 1


def test_the_bars_hold_every_found_match_once(view):
    bars = histogram(view.columns)
    assert len(bars) == 20 and sum(bar["count"] for bar in bars) == int((~view.columns.known).sum())
    last = view.columns.confidence[~view.columns.known] >= 0.95
    assert bars[-1]["count"] == int(last.sum())


def test_a_run_without_confidences_and_test_links_says_so(curies):
    found = curies.summary()
    assert found["precision"] is None and found["histogram"] == []
    assert found["counts"] == {"known": 2, "sure": 0, "to_check": 2, "left_without": 0, "right_without": 0}
    assert found["text"].startswith("2 known links, 2 matches without a confidence, to check")
    assert found["thresholds"] == [
        {
            "threshold": 0.0,
            "sure": 0,
            "to_check": 2,
            "expected_precision": None,
            "left_without": 0,
            "right_without": 0,
        }
    ]


def test_what_was_not_judged_has_no_figures(curies):
    found = RunView(replace(curies.result, metrics={})).summary()
    assert not found["judged"] and found["judged_on"] is None and found["metrics"] == []


def test_a_judged_run_has_its_figures_beside_their_protocol(view, small_result):
    found = view.summary()
    assert found["judged"] and found["judged_on"] == "test"
    expected = {
        "direction": "left to right",
        "name": "hits@1",
        "value": small_result.metrics["left_to_right"]["hits@1"],
    }
    assert expected in found["metrics"]
    assert ["candidates", "test"] in found["protocol"]
    assert found["configuration"]["model"] == "meaformer"
    assert [each["name"] for each in found["modalities"]] == list(small_result.widths)


def test_a_loaded_run_has_the_same_headline(view, small_run):
    from mmkg.result.result import AlignmentResult

    assert RunView(AlignmentResult.load(small_run)).summary() == view.summary()
