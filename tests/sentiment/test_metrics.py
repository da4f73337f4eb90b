import numpy as np
import pytest

from mmkg.sentiment.metrics import class_metrics, regression_metrics


def labels(number=400, seed=0):
    return np.clip(np.random.default_rng(seed).normal(0, 1.6, number), -3, 3)


def test_figures_worked_out_by_hand():
    found = regression_metrics([-2.0, 0.0, 0.0, 1.5, 3.0], [-1.4, 0.2, -0.3, 1.6, 2.6])
    assert found["mae"] == pytest.approx((0.6 + 0.2 + 0.3 + 0.1 + 0.4) / 5)
    # rounded half to even: true -2 0 0 2 3, predicted -1 0 0 2 3
    assert found["acc7"] == pytest.approx(4 / 5)
    assert found["acc5"] == pytest.approx(4 / 5) and found["acc3"] == 1.0
    # has0: true - + + + +, predicted - + - + +; non0: three samples, all right
    assert found["acc2_has0"] == pytest.approx(4 / 5) and found["acc2_non0"] == 1.0
    # F1 of - is 2/3 with support 1, of + 6/7 with support 4
    assert found["f1_has0"] == pytest.approx((2 / 3 + 4 * 6 / 7) / 5)


def test_half_is_rounded_to_even():
    assert regression_metrics([0.0, 2.0], [0.5, 1.5])["acc7"] == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_five_classes_are_never_harder_than_seven_nor_three_than_five(seed):
    y = labels(seed=seed)
    found = regression_metrics(y, y + np.random.default_rng(seed + 9).normal(0, 1, len(y)))
    assert found["acc3"] >= found["acc5"] >= found["acc7"] > 0


def test_weighted_f1_of_the_majority_is_not_inflated():
    """694 of 1,000 negative, all predicted negative: 0.694 * 2 * 0.694 / 1.694; swapped arguments give 0.819."""
    y = np.array([-1.0] * 694 + [1.0] * 306)
    found = regression_metrics(y, np.full(1000, -0.5))
    assert found["f1_has0"] == found["f1_non0"] == pytest.approx(0.694 * 2 * 0.694 / 1.694)
    assert round(found["f1_has0"], 3) == 0.569


def test_a_constant_has_no_correlation():
    assert regression_metrics(labels(), np.full(400, 0.1))["corr"] == 0.0
    assert regression_metrics([1.0], [1.0])["corr"] == 0.0


def test_the_correlation_is_that_of_numpy():
    y, p = labels(), labels(seed=1)
    assert regression_metrics(y, y + p)["corr"] == pytest.approx(np.corrcoef(y, y + p)[0, 1])


def test_sims_counts_zero_as_not_positive_and_clips():
    found = regression_metrics([0.0, 0.4, -0.4, 1.0], [-0.2, 0.6, 0.3, 5.0], sims=True)
    assert found["acc2_has0"] == 3 / 4  # -, +, -, + against -, +, +, +
    assert found["acc2_non0"] == 2 / 3
    assert found["mae"] == pytest.approx((0.2 + 0.2 + 0.7 + 0.0) / 4)
    assert "acc7" not in found
    # five bins with cuts at 0.1 and 0.7: true 2 3 1 4, predicted 1 3 3 4
    assert found["acc5"] == 0.5
    assert found["acc3"] == 0.5


def test_classes_by_hand():
    found = class_metrics([0, 0, 1, 2], [0, 1, 1, 1])
    assert found["accuracy"] == 0.5
    assert found["macro_f1"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert found["weighted_f1"] == pytest.approx((2 * 2 / 3 + 1 / 2 + 0) / 4)


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="one length"):
        regression_metrics([1.0, 2.0], [1.0])
