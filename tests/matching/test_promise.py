"""The precision that held-out links promise, and how often a promise is broken."""

import math
from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import beta

from mmkg.errors import UsageError
from mmkg.matching.confidence import Calibration
from mmkg.matching.counterparts import Counterparts
from mmkg.matching.held_out import HeldOut
from mmkg.matching.promise import bounds, links_for, precision_interval

PRIOR = Calibration(8.0, -0.8)


def sample(right, absent=0, margin=0.5):
    """So many held-out entities, all of one margin: ``right`` of them right, and ``absent`` without counterpart."""
    present = np.arange(right + absent) < right
    return HeldOut(np.full(right + absent, margin, np.float32), present.copy(), present)


def confidence(held):
    return PRIOR.predict(held.margins)


@pytest.mark.parametrize(("links", "most"), [(1, 0.025), (18, 0.8147), (72, 0.9501)])
def test_links_that_are_all_right_promise_the_root_of_the_uncertainty(links, most):
    held = sample(links)
    assert bounds(held, 1.0, confidence(held), np.array([0.0, 1.0])) == pytest.approx([most, 0], abs=1e-4)
    assert 0.025 ** (1 / links) == pytest.approx(most, abs=1e-4)


def test_links_that_a_promise_needs():
    assert [links_for(precision) for precision in (0.5, 0.8, 0.9, 0.95)] == [6, 17, 36, 72]  # log .025 / log P
    assert links_for(0.7, 0.5) == 11  # as many entities without a counterpart, 11 removed ones for 11 of them
    assert links_for(0.8, 0.25) == 248  # 16.53 * 3 are more than 20, so that five removed ones are one of 15 * 16.53
    for links, share, wanted in ((72, 1.0, 0.95), (11, 0.5, 0.7), (248, 0.25, 0.8)):
        held, fewer = sample(links, links, 0.5), sample(links - 1, links - 1, 0.5)
        # those without counterpart are below the threshold
        found = [
            bounds(each, share, np.where(each.present, 0.9, 0.1).astype(np.float32), np.array([0.5]))[0]
            for each in (held, fewer)
        ]
        assert found[0] >= wanted > found[1]


@pytest.mark.parametrize(("right", "removed", "p"), [(7, 1, 0.47349), (70, 7, 0.70839), (200, 10, 0.83836)])
def test_a_wrong_answer_and_one_without_counterpart_count_alike_at_a_share_of_one_half(right, removed, p):
    """One of eight is wrong: P(X >= 7) = 8 p^7 (1 - p) + p^8 = .025 at p = .4735; 200 and 10 count as 40 and 2."""
    held = sample(right, absent=right)
    margins = np.where(held.present | (np.arange(2 * right) < right + removed), 0.5, -0.5).astype(np.float32)
    found = bounds(HeldOut(margins, held.right, held.present), 0.5, PRIOR.predict(margins), np.array([0.5]))
    assert found == pytest.approx([p], abs=1e-4)
    for_one = {7: 1, 70: 3.5, 200: 5}[right]  # removed ones that count as one
    assert beta.cdf(p, right / for_one, removed / for_one + 1) == pytest.approx(0.025, abs=1e-4)


def test_the_interval_of_a_precision_is_that_of_clopper_and_pearson():
    """Nine of ten: .5550 to .9975, ten of ten: .6915 to 1, as in printed tables."""
    ten = sample(10)
    nine = HeldOut(ten.margins, np.arange(10) > 0, ten.present)
    whole = (1.0, 1.0)
    assert precision_interval(nine, whole, confidence(nine), 0.5) == pytest.approx((0.5550, 0.9975), abs=1e-4)
    assert precision_interval(ten, whole, confidence(ten), 0.5) == pytest.approx((0.6915, 1), abs=1e-4)
    assert precision_interval(ten, whole, confidence(ten), 1.0) is None  # none is so sure


def test_wrong_answers_stand_for_others_in_the_lower_end_only():
    """Nine of ten are right, those without counterpart are unsure: at most .9975 as above, and at least the bound."""
    place = np.arange(20)
    held = HeldOut(np.repeat([0.5, -0.5], 10).astype(np.float32), (place > 0) & (place < 10), place < 10)
    low, high = precision_interval(held, (0.5, 0.5), confidence(held), 0.5)
    assert high == pytest.approx(0.9975, abs=1e-4)
    assert low == pytest.approx(naive_bound(held, 0.5, confidence(held), 0.5)) and low < 0.5550


def naive_bound(held, share, confidence, least):
    """Each answer one after the other, as the docstring of ``bounds`` has it."""
    per_right = sum(held.present) / share
    absent = len(held.present) - sum(held.present)
    wrong_ones = sum(held.present & ~held.right)
    like_wrong = min(absent, max(20, absent / 5))  # so many wrong answers all removed counterparts count as
    moved = wrong_ones / (wrong_ones + like_wrong)
    right, weights = 0, []
    for number, above in enumerate(confidence >= least):
        if above and held.right[number]:
            right += 1
        elif above and held.present[number]:
            weights.append((share / sum(held.present) + (1 - share) * moved / wrong_ones) * per_right)
        elif above:
            weights.append((1 - share) * (1 - moved) / absent * per_right)
    each = max(
        1,
        (1 - share) / min(absent, wrong_ones + like_wrong) * per_right,
        sum(w * w for w in weights) / sum(weights) if weights else 0,
    )
    return beta.ppf(0.025, right / each, sum(weights) / each + 1) if right else 0.0


@pytest.mark.parametrize("links", [8, 25, 200])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_bounds_are_those_of_the_loop_over_answers(share, links):
    rng = np.random.default_rng(8)
    present = np.arange(2 * links) < links
    right = present & (rng.random(2 * links) < 0.6)
    held = HeldOut(rng.normal(0.2, 0.3, 2 * links).astype(np.float32), right, present)
    confidence, thresholds = PRIOR.predict(held.margins), np.array([0.05, 0.3, 0.5, 0.8, 0.99], np.float32)
    expected = [naive_bound(held, share, confidence, least) for least in thresholds]
    assert bounds(held, share, confidence, thresholds) == pytest.approx(expected)


class Margins(NamedTuple):
    """Means of normal distributions of margins, with deviation .2."""

    right: float
    wrong: float  # of entities with a counterpart and of those without one
    removed: float


def true_precision(margin, means, found):
    """Of all answers of that margin or a larger one, of which a share ``found`` is right."""
    right, wrong = (math.erfc((margin - mean) / 0.2 / math.sqrt(2)) for mean in means[:2])
    return found * right / (found * right + (1 - found) * wrong)


@pytest.mark.parametrize(
    ("links", "wanted", "share", "hits", "means"),
    [
        (48, 0.8, 0.85, 0.85, Margins(0.3, -0.1, -0.1)),
        (300, 0.9, 0.85, 0.85, Margins(0.3, -0.1, -0.1)),
        (120, 0.9, 0.8, 0.8, Margins(0.5, 0.15, -0.1)),  # errors are confirmed, which removed counterparts do not show
    ],
)
def test_promises_are_broken_by_chance_less_often_than_one_in_twenty(links, wanted, share, hits, means):
    rng = np.random.default_rng(4)
    answers = np.linspace(-0.5, 0.8, 300).astype(np.float32)
    present = np.arange(2 * links) < links
    broken = promised = 0
    for _ in range(100):
        right = present & (rng.random(2 * links) < hits)
        centre = np.where(right, means.right, np.where(present, means.wrong, means.removed))
        held = HeldOut(rng.normal(centre, 0.2).astype(np.float32), right, present)
        learnt = Counterparts(held, share, False, PRIOR, answers)
        chosen = learnt.threshold(wanted)
        if chosen.bound >= wanted:
            promised += 1
            logit = math.log(chosen.value / (1 - chosen.value))
            margin = (logit - learnt.calibration.intercept) / learnt.calibration.slope
            broken += true_precision(margin, means, share * hits) < wanted
    assert promised >= 50 and broken <= 5


def test_the_choice_among_thresholds_does_not_break_more_promises():
    """Precision is .795 at all thresholds: a bound of 95 % at each would pass at some threshold in 11 % of draws."""
    rng, broken = np.random.default_rng(5), 0
    thresholds = np.arange(50, dtype=np.float32) / 50
    for _ in range(400):
        held = HeldOut(thresholds, rng.random(50) < 0.795, np.full(50, True))
        broken += (bounds(held, 1.0, thresholds, thresholds) >= 0.8).any()
    assert broken <= 28  # 5 % and two deviations


def test_what_cannot_be_promised_is_said_in_one_line():
    answers = np.linspace(0, 1, 41).astype(np.float32)
    few = Counterparts(sample(18), 0.9, False, PRIOR, answers)
    chosen = few.threshold(0.95)
    assert chosen.precision >= 0.95 > chosen.bound
    text = few.promise(0.95, 30).text
    assert "precision 0.95 cannot be promised with 95% certainty: 18 validation links promise at most 0.815; " in text
    assert "it needs 72 or more; keeping the 30 surest links, expected precision 0.9" in text and "lower bound" in text
    assert few.promise(0.95, 30)[:4] == (0.95, False, chosen.bound, chosen.precision)
    many = Counterparts(sample(73), 0.9, False, PRIOR, answers)
    assert many.threshold(0.95).bound == pytest.approx(0.025 ** (1 / 73), abs=1e-6)
    promise = many.promise(0.95, 30)
    assert promise.promised and promise.text.startswith(
        "precision 0.95 is promised with 95% certainty by 73 validation links: lower bound 0.951"
    )


def test_without_links_a_precision_is_expected_and_never_promised():
    nobody = HeldOut(np.empty(0, np.float32), np.empty(0, bool), np.empty(0, bool))
    answers = np.linspace(-0.5, 1, 61).astype(np.float32)
    learnt = Counterparts(nobody, 0.5, True, PRIOR, answers)
    chosen = learnt.threshold(0.9)
    likely = np.sort(1 / (1 + np.exp(-(8.0 * answers.astype(float) - 0.8))))[::-1]
    means = np.cumsum(likely) / np.arange(1, 62)
    assert chosen.value == pytest.approx(likely[np.flatnonzero(means >= 0.9)[-1]]) and chosen.bound == 0
    assert "expected and not promised, no known link judges it" in learnt.promise(0.9, 7).text
    with pytest.raises(UsageError, match="no confidence reaches a precision of 1"):
        learnt.threshold(1.0)
