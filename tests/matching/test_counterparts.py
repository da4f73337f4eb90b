import json

import numpy as np
import pytest
from scipy.stats import beta

from mmkg.errors import InputError, UsageError
from mmkg.matching.confidence import Calibration
from mmkg.matching.counterparts import Counterparts
from mmkg.matching.held_out import HeldOut, best_margins, hold_out, pair_margins
from mmkg.search.neighbors import Neighbors


def searcher(scores):
    """Exact answers from a matrix of scores of left and right entities."""

    def nearest(rows, k, side):
        block = (scores if side == "left" else scores.T)[rows]
        order = np.argsort(-block, axis=1, kind="stable")[:, :k]
        found = np.take_along_axis(block, order, axis=1)
        short = ((0, 0), (0, max(0, k - block.shape[1])))
        return Neighbors(
            np.pad(order, short, constant_values=-1).astype(np.int64),
            np.pad(found, short, constant_values=-np.inf).astype(np.float32),
        )

    return nearest


def csls_matrix(cosines, k):
    """2 c - the mean of the k largest of the row - that of the column."""
    rows = np.sort(cosines, axis=1)[:, ::-1][:, :k].mean(axis=1)
    columns = np.sort(cosines, axis=0)[::-1][:k].mean(axis=0)
    return 2 * cosines - rows[:, None] - columns[None], (rows, columns)


def test_the_margin_of_a_pair_is_over_the_best_other_of_row_and_column():
    scores = np.array([[0.9, 0.2], [0.7, 0.4], [0.1, 0.5]])
    pairs = np.array([[0, 0], [1, 0], [1, 1], [2, 1]])
    expected = [0.9 - 0.7, 0.7 - 0.9, 0.4 - 0.7, 0.5 - 0.4]
    margins = pair_margins(pairs, scores[pairs[:, 0], pairs[:, 1]], searcher(scores))
    assert margins.dtype == np.float32 and margins == pytest.approx(expected)
    rows = np.arange(3)
    assert best_margins(rows, searcher(scores)(rows, 2, "left"), searcher(scores)) == pytest.approx([0.2, -0.2, 0.1])
    assert pair_margins(np.empty((0, 2), np.int64), np.empty(0), searcher(scores)).tolist() == []
    assert pair_margins(np.array([[0, 0]]), np.array([0.5]), searcher(np.array([[0.5]]))).tolist() == [8.0]


@pytest.mark.parametrize("csls_k", [0, 3])
def test_each_link_asks_with_and_without_its_counterpart(csls_k):
    cosines = np.random.default_rng(3).uniform(-1, 1, (9, 8))
    links = np.array([[0, 0], [4, 2], [7, 7]])
    scores, means = csls_matrix(cosines, csls_k) if csls_k else (cosines, None)
    sample = hold_out(links, searcher(scores), csls_k=csls_k, means=means)
    assert sample.present.tolist() == [True] * 3 + [False] * 3
    expected, right = [], []
    for row, gold in links.tolist():
        answer = int(scores[row].argmax())
        others = [*np.delete(scores[row], answer), *np.delete(scores[:, answer], row)]
        expected.append(scores[row, answer] - max(others))
        right.append(answer == gold)
    for row, gold in links.tolist():  # the same with the column of the counterpart gone, for this row only
        own = (
            2 * cosines[row] - np.sort(np.delete(cosines[row], gold))[::-1][:3].mean() - means[1]
            if csls_k
            else scores[row]
        )
        own = np.where(np.arange(8) == gold, -np.inf, own)
        answer = int(own.argmax())
        expected.append(own[answer] - max(*np.delete(own, answer), *np.delete(scores[:, answer], row)))
    assert sample.margins == pytest.approx(expected, abs=1e-6)
    assert sample.right.tolist() == [*right, False, False, False]


def test_without_its_counterpart_an_entity_has_the_csls_mean_of_the_candidates_that_are_left():
    scores, means = csls_matrix(np.array([[0.9, 0.5], [0.2, 0.6]]), 1)
    np.testing.assert_allclose(scores, [[0, -0.5], [-1.1, 0]], atol=1e-9)  # means: .9, .6 of either side
    sample = hold_out(np.array([[0, 0]]), searcher(scores), csls_k=1, means=means)
    # with it: 0 against -.5 and -1.1. Without: the mean is .5, so the score 1 - .5 - .6, against 0 in the column
    assert sample.margins == pytest.approx([0.5, -0.1], abs=1e-6)


def test_where_the_counterpart_is_the_only_candidate_only_one_question_is_left():
    sample = hold_out(np.array([[0, 0], [1, 0]]), searcher(np.array([[0.5], [0.4]])))
    assert sample.present.tolist() == [True, True] and sample.right.tolist() == [True, True]


def test_confidences_need_a_link():
    with pytest.raises(InputError, match="held-out links, got none"):
        hold_out(np.empty((0, 2), np.int64), searcher(np.eye(2)))


def planted(rng, size, share):
    """Margins of entities of which a share has a counterpart: two normal distributions, one scale apart each way."""
    present = rng.random(size) < share
    return np.where(present, rng.normal(0.3, 0.2, size), rng.normal(-0.1, 0.2, size)).astype(np.float32), present


def held_out(rng, size):
    margins = np.concatenate([rng.normal(0.3, 0.2, size), rng.normal(-0.1, 0.2, size)]).astype(np.float32)
    present = np.repeat([True, False], size)
    return HeldOut(margins, present.copy(), present)


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_confidences_mean_what_they_say_at_the_share_they_were_calibrated_for(share):
    rng = np.random.default_rng(1)
    learnt = Counterparts(held_out(rng, 5000), share, estimated=False)
    margins, present = planted(rng, 50_000, share)
    confidence = learnt.calibration.predict(margins)
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        inside = (confidence >= low) & (confidence < low + 0.2)
        assert present[inside].mean() == pytest.approx(confidence[inside].mean(), abs=0.05)


HAND = HeldOut(  # in order of their margins: right, right, without, right, without, wrong
    np.array([0.6, 0.5, 0.3, 0.1, 0.4, 0.2], np.float32),
    np.array([True, True, True, False, False, False]),
    np.array([True, True, True, True, False, False]),
)


def test_the_threshold_has_the_best_f1_of_all():
    learnt = Counterparts(HAND, 0.5, estimated=False)  # four with weight 1/8, two without with weight 1/4
    chosen = learnt.threshold()
    confidence = learnt.calibration.predict(HAND.margins)
    weights = np.array([1 / 8] * 4 + [1 / 4] * 2)
    scored = {}
    for least in confidence:
        kept = confidence >= least
        scored[float(least)] = 2 * (weights * HAND.right)[kept].sum() / (weights[kept].sum() + 0.5)
    assert chosen.value == max(scored, key=scored.get) and chosen.f1 == pytest.approx(max(scored.values()))
    assert (chosen.precision, chosen.recall) == (pytest.approx(1.0), pytest.approx(0.5))  # 0.6 and 0.5 alone


def test_a_wanted_precision_is_promised_as_low_as_can_be_or_expected():
    learnt = Counterparts(HAND, 0.5, estimated=False)
    # one without counterpart stands for two entities, of which the wrong answer, one of three that show how these
    # answer, takes a third over: wrong are 4 / 3, 4 / 3 and 1 + 4 / 3. Two entities are one observation: from 0.3 on
    # 3 / 2 are right and 2 / 3 wrong, of all 3 / 2 and 5 / 2
    counts = {0.05: (2, 1.5, 2 / 3), 0.026: (3, 1.5, 2.5)}
    for wanted, (last, right, wrong) in counts.items():
        chosen = learnt.threshold(wanted)
        assert chosen.value == pytest.approx(float(learnt.calibration.predict(HAND.margins)[last]))
        assert chosen.bound == pytest.approx(beta.ppf(0.025, right, wrong + 1))
    assert learnt.threshold(0.05).precision == pytest.approx(3 / 5)
    assert learnt.threshold(0.0).value == pytest.approx(float(learnt.calibration.predict(HAND.margins).min()))
    assert learnt.threshold(1.0).recall == pytest.approx(0.5)
    with pytest.raises(UsageError, match="least precision must be in 0..1"):
        learnt.threshold(1.5)
    margins = np.array([0.6, 0.5, 0.45, 0.3, -0.5, -0.6], np.float32)  # wrong, right, right, wrong, without, without
    worse = HeldOut(margins, np.array([False, True, True, False, False, False]), HAND.present)
    with pytest.raises(UsageError, match=r"no confidence reaches a precision of 0\.99; the highest is 0\.667, from"):
        Counterparts(worse, 0.5, estimated=False).threshold(0.99)


def test_what_is_expected_alone_is_not_below_what_links_promise_most():
    """Ten right links at .5 promise .69, ten wrong ones below make it less; .75 is expected of all answers."""
    margins, right = np.repeat([0.5, 0.1], 10).astype(np.float32), np.arange(20) < 10
    answers = np.repeat([0.5, 0.1], [90, 10]).astype(np.float32)
    learnt = Counterparts(HeldOut(margins, right, np.full(20, True)), 1.0, False, Calibration(8.0, -0.8), answers)
    chosen, confidence = learnt.threshold(0.75), learnt.calibration.predict(answers)
    assert confidence.mean() > 0.75 > chosen.bound and chosen.bound == pytest.approx(0.025**0.1)
    assert chosen.value == pytest.approx(float(confidence[0]))


def test_equal_confidences_stand_or_fall_together():
    sample = HeldOut(
        np.full(4, 0.5, np.float32), np.array([True, True, False, False]), np.array([True, True, False, False])
    )
    chosen = Counterparts(sample, 0.5, estimated=True).threshold()
    assert (chosen.precision, chosen.recall) == (pytest.approx(0.5), pytest.approx(1.0))


def test_what_was_learnt_survives_json():
    learnt = Counterparts(HAND, 0.3, estimated=True)
    back = Counterparts.from_dict(json.loads(json.dumps(learnt.as_dict())))
    assert back.as_dict() == learnt.as_dict() and back.calibration == learnt.calibration
    for wrong in ({}, learnt.as_dict() | {"right": [True]}, learnt.as_dict() | {"margins": ["x"] * 6}):
        with pytest.raises(InputError):
            Counterparts.from_dict(wrong)


@pytest.mark.parametrize(
    ("margins", "right", "present"),
    [
        ([0.1], [True, False], [True]),
        ([np.nan], [True], [True]),
        ([0.1], [True], [False]),
        ([0.1], [1], [True]),
    ],
)
def test_held_out_answers_that_cannot_be_are_refused(margins, right, present):
    with pytest.raises(InputError, match="expected"):
        HeldOut(np.array(margins, np.float32), np.array(right), np.array(present))
    with pytest.raises(UsageError, match="must be in 0..1"):
        Counterparts(HAND, 1.2, estimated=False)


PRIOR = Calibration(4.0, 0.0)
ANSWERS = np.array([1.0, 0.5, 0.25, 0.0, -0.25, -0.5], np.float32)
NOBODY = HeldOut(np.empty(0, np.float32), np.empty(0, bool), np.empty(0, bool))


def test_without_links_the_rough_curve_decides_by_its_own_estimate():
    learnt = Counterparts.of(NOBODY, PRIOR, ANSWERS, source="validation")
    confidence = 1 / (1 + np.exp(-4 * ANSWERS.astype(float)))
    assert learnt.calibration == PRIOR and learnt.rough and learnt.num_links == 0
    assert learnt.estimated and learnt.share == pytest.approx(confidence.mean(), abs=0.1)
    expected = {k: 2 * confidence[:k].sum() / (k + confidence.sum()) for k in range(1, 7)}
    best = max(expected, key=expected.get)
    chosen = learnt.threshold()
    assert chosen.value == pytest.approx(confidence[best - 1]) and chosen.f1 == pytest.approx(expected[best])
    # (0.982 + 0.881 + 0.731) / 3 = 0.865; with the fourth, one half, 0.773
    assert learnt.threshold(0.8).value == pytest.approx(confidence[2])
    assert "rough, from the run's own matches without known links; about 50 known links more" in learnt.text()


def test_held_out_links_move_the_rough_curve_and_the_text_counts_them():
    wrong = HeldOut(np.full(20, 0.5, np.float32), np.zeros(20, bool), np.ones(20, bool))
    learnt = Counterparts.of(wrong, PRIOR, ANSWERS, share=0.5, source="folds")
    before, after = (curve.predict(np.array([0.5]))[0] for curve in (PRIOR, learnt.calibration))
    assert after < 0.5 < before and not learnt.estimated and learnt.rough
    assert "and 20 links held out in folds; about 30 known links more" in learnt.text()
    many = HeldOut(np.full(60, 0.5, np.float32), np.ones(60, bool), np.ones(60, bool))
    enough = Counterparts.of(many, PRIOR, ANSWERS, source="validation")
    assert not enough.rough and enough.text() == "confidence: calibrated on 60 validation links"
    assert enough.calibration.predict(np.array([0.5]))[0] > before


def test_a_rough_calibration_survives_json_and_needs_answers():
    learnt = Counterparts.of(NOBODY, PRIOR, ANSWERS, source="folds")
    back = Counterparts.from_dict(json.loads(json.dumps(learnt.as_dict())))
    assert back == learnt and back.threshold() == learnt.threshold()
    for wrong in ({"answers": []}, {"source": "nowhere"}, {"prior": {"slope": -1, "intercept": 0}}, {"prior": None}):
        with pytest.raises(InputError):
            Counterparts.from_dict(learnt.as_dict() | wrong)
