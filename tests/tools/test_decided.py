"""The study of decisions: what its oracle says, and what it measures."""

import json

import numpy as np
import pytest


@pytest.fixture
def decided(load_tool):
    return load_tool("decided")


def test_the_error_is_the_distance_of_confidence_and_truth_by_bins(decided):
    found = decided.Judged(np.array([0.95, 0.92, 0.15, 1.0], np.float32), np.array([True, False, False, True]))
    # bin of .9 to 1: sum of confidences 2.87, two right; bin of .1 to .2: .15, none right
    assert found.error == pytest.approx((0.87 + 0.15) / 4)
    assert found.brier == pytest.approx((0.05**2 + 0.92**2 + 0.15**2) / 4)


def test_the_oracle_follows_the_test_links(decided, small_result):
    link = small_result.links.test[0]
    wrong = np.array([link[0], (link[1] + 1) % len(small_result.right)])
    accepted, rejected = decided.oracle(small_result, np.stack([link, wrong]))
    assert (accepted.verdict, rejected.verdict) == ("accept", "reject")
    assert accepted.left == small_result.entities[0].labels[link[0]]


def test_it_prints_a_row_for_each_number_and_choice(decided, small_run, capsys):
    decided.main([str(small_run), "--decisions", "3,6", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert [(each["decided"], each["which"]) for each in rows] == [
        (3, "least sure"), (3, "random"), (6, "least sure"), (6, "random")
    ]  # fmt: skip
    assert rows[0]["judged"] > rows[2]["judged"] > 10
    decided.main([str(small_run), "--decisions", "3", "--without-links"])
    assert "least sure" in capsys.readouterr().out
