"""The precision that held-out links promise, and how often a promise is broken."""

import math

import numpy as np
import pytest

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


@pytest.mark.parametrize(("links", "most"), [(1, 0.05), (18, 0.8467), (59, 0.9505)])
def test_links_that_are_all_right_promise_the_root_of_the_uncertainty(links, most):
    held = sample(links)
    assert bounds(held, 1.0, confidence(held), np.array([0.0, 1.0])) == pytest.approx([most, 0], abs=1e-4)
    assert 0.05 ** (1 / links) == pytest.approx(most, abs=1e-4)


def test_links_that_a_promise_needs():
    assert [links_for(precision) for precision in (0.5, 0.8, 0.9, 0.95)] == [5, 14, 29, 59]  # log .05 / log P
    assert bounds(sample(59), 1.0, confidence(sample(59)), np.zeros(1))[0] >= 0.95
    assert bounds(sample(58), 1.0, confidence(sample(58)), np.zeros(1))[0] < 0.95


def test_a_wrong_answer_and_one_without_counterpart_count_alike_at_a_share_of_one_half():
    """One of eight is wrong: P(X >= 7) = 8 p^7 (1 - p) + p^8 = .05 at p = .5293."""
    held = sample(7, absent=7)
    held = HeldOut(held.margins, held.right, held.present)
    margins = np.where(held.present | (np.arange(14) == 7), 0.5, -0.5).astype(np.float32)
    found = bounds(HeldOut(margins, held.right, held.present), 0.5, PRIOR.predict(margins), np.array([0.5]))
    p = 0.52932
    assert 8 * p**7 * (1 - p) + p**8 == pytest.approx(0.05, abs=1e-4)
    assert found == pytest.approx([p], abs=1e-4)


def test_the_interval_of_a_precision_is_that_of_clopper_and_pearson():
    """Nine of ten: .5550 to .9975, ten of ten: .6915 to 1, as in printed tables."""
    ten = sample(10)
    nine = HeldOut(ten.margins, np.arange(10) > 0, ten.present)
    whole = (1.0, 1.0)
    assert precision_interval(nine, whole, confidence(nine), 0.5) == pytest.approx((0.5550, 0.9975), abs=1e-4)
    assert precision_interval(ten, whole, confidence(ten), 0.5) == pytest.approx((0.6915, 1), abs=1e-4)
    assert precision_interval(ten, whole, confidence(ten), 1.0) is None  # none is so sure


SHARE, HITS = 0.5, 0.97  # entities with a counterpart, and how many of them find it


def drawn(rng, links):
    """Held-out entities: margins of normal distributions around .3 with the counterpart and -.1 without."""
    margins = np.concatenate([rng.normal(0.3, 0.2, links), rng.normal(-0.1, 0.2, links)]).astype(np.float32)
    present = np.arange(2 * links) < links
    return HeldOut(margins, present & (rng.random(2 * links) < HITS), present)


def true_precision(margin):
    """Of all answers of that margin or a larger one."""
    with_it, without = (math.erfc((margin - mean) / 0.2 / math.sqrt(2)) for mean in (0.3, -0.1))
    return SHARE * HITS * with_it / (SHARE * with_it + (1 - SHARE) * without)


@pytest.mark.parametrize(("links", "wanted"), [(48, 0.8), (300, 0.9)])
def test_promises_are_broken_by_chance_less_often_than_one_in_twenty(links, wanted):
    rng = np.random.default_rng(4)
    answers = np.linspace(-0.5, 0.8, 300).astype(np.float32)
    broken = promised = 0
    for _ in range(100):
        learnt = Counterparts(drawn(rng, links), SHARE, False, PRIOR, answers)
        chosen = learnt.threshold(wanted)
        if chosen.bound >= wanted:
            promised += 1
            logit = math.log(chosen.value / (1 - chosen.value))
            broken += true_precision((logit - learnt.calibration.intercept) / learnt.calibration.slope) < wanted
    assert promised >= 50 and broken <= 5


def test_what_cannot_be_promised_is_said_in_one_line():
    answers = np.linspace(0, 1, 41).astype(np.float32)
    few = Counterparts(sample(18), 0.9, False, PRIOR, answers)
    chosen = few.threshold(0.95)
    assert chosen.precision >= 0.95 > chosen.bound
    text = few.promise(0.95, 30)
    assert "precision 0.95 cannot be promised with 95% certainty: 18 validation links promise at most 0.847; " in text
    assert "it needs 59 or more; keeping the 30 surest links, expected precision 0.9" in text and "lower bound" in text
    many = Counterparts(sample(60), 0.9, False, PRIOR, answers)
    assert many.threshold(0.95).bound == pytest.approx(0.05 ** (1 / 60), abs=1e-6)
    assert many.promise(0.95, 30).startswith(
        "precision 0.95 is promised with 95% certainty by 60 validation links: lower bound 0.951"
    )


def test_without_links_a_precision_is_expected_and_never_promised():
    nobody = HeldOut(np.empty(0, np.float32), np.empty(0, bool), np.empty(0, bool))
    answers = np.linspace(-0.5, 1, 61).astype(np.float32)
    learnt = Counterparts(nobody, 0.5, True, PRIOR, answers)
    chosen = learnt.threshold(0.9)
    likely = np.sort(1 / (1 + np.exp(-(8.0 * answers.astype(float) - 0.8))))[::-1]
    means = np.cumsum(likely) / np.arange(1, 62)
    assert chosen.value == pytest.approx(likely[np.flatnonzero(means >= 0.9)[-1]]) and chosen.bound == 0
    assert "expected and not promised, no known link judges it" in learnt.promise(0.9, 7)
    with pytest.raises(UsageError, match="no confidence reaches a precision of 1"):
        learnt.threshold(1.0)
