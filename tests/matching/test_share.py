"""The estimated share of entities with a counterpart, against planted shares."""

import numpy as np
import pytest

from mmkg.matching.confidence import Calibration
from mmkg.matching.counterparts import Counterparts
from mmkg.matching.held_out import HeldOut
from mmkg.matching.share import estimate_share

CURVE = Calibration(6.0, -0.6)  # one half at 0.1, the middle of both kinds; too flat
NOBODY = HeldOut(np.empty(0, np.float32), np.empty(0, bool), np.empty(0, bool))


def margins(rng, present, shift=0.0):
    """Margins of entities with and without a counterpart."""
    drawn = np.where(present, rng.normal(0.3, 0.2, len(present)), rng.normal(-0.1, 0.15, len(present)))
    return (drawn + shift).astype(np.float32)


def held_out(rng, links, shift=0.0):
    present = np.arange(2 * links) < links
    return HeldOut(margins(rng, present, shift), present.copy(), present)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_with_many_links_the_planted_share_is_found(share):
    rng = np.random.default_rng(1)
    found = estimate_share(margins(rng, rng.random(2000) < share), held_out(rng, 500), CURVE)
    assert found.value == pytest.approx(share, abs=0.04)
    assert found.low <= found.value <= found.high and found.high - found.low < 0.15


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_with_twenty_links_it_is_found_on_average_and_its_interval_covers_it(share):
    rng = np.random.default_rng(2)
    found = [estimate_share(margins(rng, rng.random(500) < share), held_out(rng, 20), CURVE) for _ in range(40)]
    assert np.mean([each.value for each in found]) == pytest.approx(share, abs=0.08)
    assert sum(each.low - 0.03 <= share <= each.high + 0.03 for each in found) >= 32


def test_entities_that_answer_wrongly_have_a_counterpart_too():
    rng = np.random.default_rng(7)
    held = held_out(rng, 1000)
    wrong = held.present & (rng.random(2000) < 0.4)
    wrong_margins = np.where(wrong, margins(rng, np.zeros(2000, bool)), held.margins)
    held = HeldOut(wrong_margins, held.right & ~wrong, held.present)
    present = rng.random(3000) < 0.6
    answers = margins(rng, present & (rng.random(3000) >= 0.4))
    assert estimate_share(answers, held, CURVE).value == pytest.approx(0.6, abs=0.06)


def test_without_links_it_is_the_mean_rough_confidence():
    rng = np.random.default_rng(3)
    answers = margins(rng, rng.random(3000) < 0.6)
    mean = (1 / (1 + np.exp(-(6.0 * answers.astype(float) - 0.6)))).mean()
    assert estimate_share(answers, NOBODY, CURVE).value == pytest.approx(mean, abs=0.01)


def test_answers_by_the_embeddings_of_the_held_out_links_are_preferred_to_those_of_the_run():
    """Embeddings that have learnt from more links answer with larger margins."""
    rng = np.random.default_rng(4)
    held, present = held_out(rng, 400), rng.random(2000) < 0.4
    held = HeldOut(held.margins, held.right, held.present, margins(rng, present))
    answers = margins(rng, present, shift=0.15)
    found = Counterparts.of(held, CURVE, answers, source="folds")
    assert found.share == pytest.approx(0.4, abs=0.05) and found.interval[0] < 0.4 < found.interval[1]
    without = HeldOut(held.margins, held.right, held.present)
    assert Counterparts.of(without, CURVE, answers, source="folds").share > 0.5
    assert Counterparts.from_dict(found.as_dict()) == found


def test_links_that_separate_nothing_leave_the_share_open():
    """Held-out entities answer alike with and without their counterpart: the interval is wide, the share inside."""
    rng = np.random.default_rng(6)
    present = np.arange(60) < 30
    held = HeldOut(rng.normal(0.1, 0.2, 60).astype(np.float32), present.copy(), present)
    found = [
        estimate_share(rng.normal(0.1, 0.2, 400).astype(np.float32), held, Calibration(0.5, 0.0), seed=k)
        for k in range(9)
    ]
    assert all(0.15 < each.value < 0.85 and each.high - each.low > 0.4 for each in found)


def test_all_answers_equal_says_nothing_and_breaks_nothing():
    found = estimate_share(np.zeros(50, np.float32), NOBODY, CURVE)
    assert found == pytest.approx((0.5, 0.5, 0.5))
