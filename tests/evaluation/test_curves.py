import pytest

from mmkg.evaluation import auilc


def test_a_constant_over_half_the_range_has_half_of_it():
    rates = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert auilc(rates, [0.8] * 6) == pytest.approx(0.4)
    assert auilc(rates, [0.8] * 6, normalised=True) == pytest.approx(0.8)
    assert auilc([0.2, 0.6], [0.8, 0.4], normalised=True) == pytest.approx(0.6)  # the mean, wherever the range starts


def test_trapezoids_between_uneven_rates():
    assert auilc([0, 0.3, 1], [1, 0.5, 0]) == pytest.approx(0.3 * 0.75 + 0.7 * 0.25)


@pytest.mark.parametrize(("rates", "values"), [([0], [1]), ([0, 0], [1, 1]), ([0.5, 0.1], [1, 1]), ([0, 1], [1])])
def test_no_curve_is_an_error(rates, values):
    with pytest.raises(ValueError, match="two or more ascending rates"):
        auilc(rates, values)
