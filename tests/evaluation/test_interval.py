import math

import pytest

from mmkg.errors import InputError
from mmkg.evaluation import clopper_pearson, count_text, counted_matching, counted_metrics
from mmkg.evaluation.interval import Interval


def binomial_tail(least, number, share):
    """Probability of at least so many right answers out of ``number``."""
    return sum(math.comb(number, k) * share**k * (1 - share) ** (number - k) for k in range(least, number + 1))


def test_known_intervals_come_out():
    # (0.025)^(1/4), and 1 - (0.025)^(1/10), the rule for all and for none
    assert clopper_pearson(4, 4) == pytest.approx((0.025**0.25, 1))
    assert clopper_pearson(0, 10) == pytest.approx((0, 1 - 0.025**0.1))
    # R: binom.test(7, 21)$conf.int
    assert clopper_pearson(7, 21) == pytest.approx((0.1458769, 0.5696755), abs=1e-6)
    assert clopper_pearson(0, 0) == (0, 1)


@pytest.mark.parametrize(("right", "number"), [(1, 3), (5, 9), (29, 30), (400, 1000)])
def test_the_ends_leave_half_of_the_rest_on_either_side(right, number):
    low, high = clopper_pearson(right, number, 0.9)
    assert binomial_tail(right, number, low) == pytest.approx(0.05)
    assert 1 - binomial_tail(right + 1, number, high) == pytest.approx(0.05)


def test_impossible_counts_and_levels_are_refused():
    for right, number in ((5, 4), (-1, 4)):
        with pytest.raises(InputError, match="expected 0 to 4 right answers"):
            clopper_pearson(right, number)
    for level in (0, 1, math.nan):
        with pytest.raises(InputError, match="level of an interval"):
            clopper_pearson(1, 2, level)


def test_texts_do_not_promise_all_or_none_by_rounding():
    assert count_text(4, 4) == "4 of 4 (.40 to 1)"
    assert count_text(0, 4) == "0 of 4 (0 to .60)"
    assert Interval(0.001, 0.999).text() == ".01 to .99"


def test_figures_are_counted_by_name():
    metrics = {"left_to_right": {"hits@1": 0.75, "mrr": 0.8}}
    found = counted_metrics(metrics, 4)["left_to_right"]
    assert list(found) == ["hits@1"] and found["hits@1"]["right"] == 3 and found["hits@1"]["of"] == 4
    assert found["hits@1"]["interval"] == pytest.approx(clopper_pearson(3, 4))
    matched = counted_matching({"precision": 0.5, "recall": 0.25, "f1": 1 / 3, "found": 2, "right": 1, "links": 4})
    assert {name: (each["right"], each["of"]) for name, each in matched.items()} == {
        "precision": (1, 2),
        "recall": (1, 4),
    }
    assert counted_matching({}) == {}
