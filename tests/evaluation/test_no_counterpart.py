import numpy as np
import pytest

from mmkg.errors import InputError
from mmkg.evaluation import answers_to, calibration_error, counterpart_figures, reliability, roc_area


def test_links_and_entities_without_one_are_counted_by_hand():
    pairs = np.array([[0, 5], [1, 7], [3, 6], [8, 9]])
    links = np.array([[0, 5], [1, 6], [2, 4]])
    found, right, present = answers_to(pairs, links, np.array([0, 1, 2, 3, 4]))  # 8 was not asked about
    assert found.tolist() == [True, True, False, True, False]
    assert right.tolist() == [True, False, False, False, False]
    assert present.tolist() == [True, True, True, False, False]
    figures = counterpart_figures(found, right, present)
    assert figures == pytest.approx(
        {
            "precision": 1 / 3,
            "recall": 1 / 3,
            "f1": 1 / 3,
            "none_precision": 1 / 2,  # of 2 and 4, 4 has none
            "none_recall": 1 / 2,  # of 3 and 4, 4 was left without
            "none_f1": 1 / 2,
            "found": 3,
        }
    )


def test_the_roc_area_is_the_share_of_pairs_in_the_right_order():
    confidence = np.array([0.9, 0.4, 0.4, 0.1, 0.6])
    present = np.array([True, True, False, False, False])
    # 0.9 beats all three; 0.4 equals one, beats one, loses to one
    assert roc_area(confidence, present) == pytest.approx((3 + 0.5 + 1) / 6)
    assert roc_area(-confidence, present) == pytest.approx(1 - 4.5 / 6) == roc_area(confidence, ~present)
    assert roc_area(confidence, np.ones(5, bool)) == 0.5 == roc_area(np.empty(0), np.empty(0, bool))
    with pytest.raises(InputError, match="one length"):
        roc_area(confidence, present[:4])


def test_weights_count_as_so_many_entities():
    rng = np.random.default_rng(0)
    found, present = rng.random(50) < 0.6, rng.random(50) < 0.5
    right = found & present & (rng.random(50) < 0.7)
    times = rng.integers(1, 4, 50)
    repeated = counterpart_figures(*(np.repeat(each, times) for each in (found, right, present)))
    assert counterpart_figures(found, right, present, times.astype(np.float64)) == pytest.approx(repeated)


def test_nothing_to_count_is_zero_and_impossible_answers_are_refused():
    nobody = np.zeros(2, bool)
    figures = counterpart_figures(nobody, nobody, ~nobody)
    assert (figures["precision"], figures["recall"], figures["f1"], figures["none_f1"]) == (0, 0, 0, 0)
    with pytest.raises(InputError, match="right answers among those found"):
        counterpart_figures(nobody, ~nobody, ~nobody)
    with pytest.raises(InputError, match="columns of one length"):
        counterpart_figures(nobody, nobody, np.zeros(3, bool))


def test_the_reliability_curve_is_that_of_sorted_bins():
    confidence = np.array([0.9, 0.1, 0.8, 0.2])
    right = np.array([True, False, True, True])
    assert reliability(confidence, right, bins=2) == [
        pytest.approx((0.15, 0.5, 0.5)),
        pytest.approx((0.85, 1.0, 0.5)),
    ]
    assert calibration_error(reliability(confidence, right, bins=2)) == pytest.approx(0.5 * 0.35 + 0.5 * 0.15)
    by_weight = reliability(confidence, right, np.array([3.0, 1.0, 3.0, 1.0]), bins=2)
    assert by_weight == [pytest.approx((2.7 / 5, 4 / 5, 5 / 8)), pytest.approx((0.9, 1.0, 3 / 8))]


def test_confidences_that_are_honest_have_next_to_no_error_and_others_have_theirs():
    rng = np.random.default_rng(1)
    confidence = rng.random(100_000)
    right = rng.random(100_000) < confidence
    assert calibration_error(reliability(confidence, right)) < 0.01
    assert calibration_error(reliability(confidence**2, right)) == pytest.approx(1 / 6, abs=0.01)  # mean of p - p^2
    assert reliability(np.empty(0), np.empty(0, bool)) == [] and calibration_error([]) == 0
    for wrong in (np.array([1.5]), np.array([-0.1])):
        with pytest.raises(InputError, match=r"confidences must be in \[0, 1\]"):
            reliability(wrong, np.array([True]))
    with pytest.raises(InputError, match="bins >= 1"):
        reliability(np.array([0.5]), np.array([True]), bins=0)
