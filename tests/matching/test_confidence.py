import json
import math

import numpy as np
import pytest

from mmkg.errors import InputError
from mmkg.matching import Calibration


def test_a_planted_curve_is_recovered():
    rng = np.random.default_rng(0)
    scores = rng.uniform(-1, 1, 20_000)
    correct = rng.random(20_000) < 1 / (1 + np.exp(-(6 * scores - 1)))
    fitted = Calibration.fit(scores, correct)
    assert fitted.slope == pytest.approx(6, abs=0.3) and fitted.intercept == pytest.approx(-1, abs=0.1)


def test_probabilities_equal_the_share_of_right_pairs():
    scores = np.array([0.2] * 100 + [0.8] * 100)
    correct = np.array([True] * 30 + [False] * 70 + [True] * 90 + [False] * 10)
    low, high = Calibration.fit(scores, correct).predict(np.array([0.2, 0.8]))
    assert low == pytest.approx(0.3, abs=0.01) and high == pytest.approx(0.9, abs=0.01)


def test_probabilities_never_fall_as_the_score_rises():
    rng = np.random.default_rng(1)
    for correct in (rng.random(50) < 0.5, np.arange(50) < 25, np.arange(50) >= 25):
        fitted = Calibration.fit(np.arange(50) / 10, correct)
        predicted = fitted.predict(np.linspace(-1e6, 1e6, 999))
        assert (np.diff(predicted) >= 0).all() and predicted.min() >= 0 and predicted.max() <= 1
        assert predicted.dtype == np.float32


def test_all_right_all_wrong_and_equal_scores_give_a_constant():
    scores = np.array([0.1, 0.5, 0.9])
    assert Calibration.fit(scores, np.ones(3, bool)).predict(scores) == pytest.approx([0.8] * 3)  # (3 + 1) / (3 + 2)
    assert Calibration.fit(scores, np.zeros(3, bool)).predict(scores) == pytest.approx([0.2] * 3)
    mixed = Calibration.fit(np.full(4, 0.3), np.array([True, True, False, False]))
    assert mixed.predict(np.array([0.3])) == pytest.approx([0.5])


def test_perfectly_separated_scores_stay_short_of_certainty():
    fitted = Calibration.fit(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True]))
    low, high = fitted.predict(np.array([0.15, 0.85]))
    assert 0.2 < low < 0.3 and 0.7 < high < 0.8  # targets are 1/4 and 3/4


def test_a_shift_of_the_scores_shifts_the_curve_alone():
    rng = np.random.default_rng(2)
    scores, correct = rng.normal(size=300), rng.random(300) < 0.6
    correct |= scores > 0.5
    plain, moved = Calibration.fit(scores, correct), Calibration.fit(100 + 10 * scores, correct)
    np.testing.assert_allclose(plain.predict(scores), moved.predict(100 + 10 * scores), atol=1e-3)


def test_a_calibration_survives_json():
    fitted = Calibration.fit(np.array([0.1, 0.9, 0.4]), np.array([False, True, True]))
    assert Calibration.from_dict(json.loads(json.dumps(fitted.as_dict()))) == fitted
    for wrong in ({}, {"slope": 1.0}, {"slope": 1.0, "intercept": "x"}, {"slope": -1.0, "intercept": 0.0}):
        with pytest.raises(InputError):
            Calibration.from_dict(wrong)
    with pytest.raises(InputError, match="finite"):
        Calibration(math.inf, 0.0)


@pytest.mark.parametrize(
    "scores, correct, message",
    [
        ([], np.empty(0, bool), "V >= 1"),
        ([0.1, 0.2], np.array([True]), "as many booleans"),
        ([0.1], np.array([1]), "as many booleans"),
        ([math.nan], np.array([True]), "must be finite"),
    ],
)
def test_bad_validation_pairs_are_refused(scores, correct, message):
    with pytest.raises(InputError, match=message):
        Calibration.fit(np.array(scores), correct)


def test_a_weight_counts_as_so_many_pairs():
    rng = np.random.default_rng(3)
    scores = rng.normal(size=300)
    correct = rng.random(300) < 1 / (1 + np.exp(-3 * scores))
    times = rng.integers(1, 5, 300)
    weighed = Calibration.fit(scores, correct, times / 7)
    repeated = Calibration.fit(np.repeat(scores, times), np.repeat(correct, times))
    np.testing.assert_allclose(weighed.predict(scores), repeated.predict(scores), atol=0.01)  # smoothing differs
    constant = Calibration.fit(np.full(4, 0.3), np.array([True, True, False, False]), np.array([3.0, 3, 1, 1]))
    assert constant.predict(np.array([0.3])) == pytest.approx([0.75 * 0.75 + 0.25 * 0.25])  # targets 3/4 and 1/4


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [0.0, 0.0], [math.nan, 1.0]])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(InputError, match="finite weight >= 0 for each of 2 pairs"):
        Calibration.fit(np.array([0.1, 0.2]), np.array([True, False]), np.array(weights))


def test_without_pairs_the_prior_stays_and_with_many_it_is_forgotten():
    prior, typical = Calibration(4.0, 0.0), np.linspace(0, 1, 10)
    assert Calibration.combined(prior, typical, typical[:0], np.zeros(0, bool), typical[:0]) == prior
    rng = np.random.default_rng(2)
    scores = rng.uniform(-1, 1, 50_000)
    correct = rng.random(50_000) < 1 / (1 + np.exp(-(9 * scores - 2)))
    found = Calibration.combined(prior, typical, scores, correct, np.ones(50_000))
    assert found.slope == pytest.approx(9, abs=0.3) and found.intercept == pytest.approx(-2, abs=0.1)


def test_as_many_pairs_as_the_prior_weighs_meet_it_half_way():
    flat, typical = Calibration(0.0, 0.0), np.array([0.0, 1.0])  # one half, with the weight of ten pairs
    scores = np.array([0.0] * 5 + [1.0] * 5)
    right = np.ones(10, bool)
    found = Calibration.combined(flat, typical, scores, right, np.ones(10), strength=10)
    assert found.predict(typical) == pytest.approx([0.75, 0.75], abs=1e-3)  # (5 + 2.5) / 10 at either score
