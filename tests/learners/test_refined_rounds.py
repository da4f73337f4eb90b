"""Rounds of a refinement end where validation links are ranked worse, and match only what may match."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import mmkg
from mmkg.learners.propagated import Propagated
from mmkg.learners.refined import Refined
from mmkg.learners.setting import Setting
from mmkg.learners.sketches import BASE, Vectors
from mmkg.learners.weighers import ByValidation
from mmkg.report import Stopwatch
from mmkg.sources.synthetic import twin_graphs

WIDTHS = {f"{name}_dim": 32 for name in ("structure", "relation", "attribute")}


class Planned:
    """Reciprocal ranks of validation links that are known before: of the base, then of each round.

    A number stands for twelve links of that reciprocal rank.
    """

    def __init__(self, *scores):
        self.scores = [torch.as_tensor(score).expand(-1 if np.ndim(score) else 12) for score in scores]

    def add(self, name, left, right):
        pass

    def keep(self, *names):
        assert set(names) <= {BASE, "structure of base", "relation of base"}

    def weights(self, start):
        return start

    def ranks(self, weights):
        return self.scores.pop(0)


@pytest.fixture(scope="module")
def task():
    return twin_graphs(60, noise=0.2, train_ratio=0.3, valid_ratio=0.3, seed=1)


def setting_of(task, **refinement):
    values = {"model": "propagation", "features": {"modalities": ["structure", "relation"]}}
    experiment = mmkg.Experiment.of(values | {"refinement": {"rounds": 4, **WIDTHS, **refinement}, "options": WIDTHS})
    return Setting(task, experiment, torch.device("cpu"), Stopwatch())


LINKS = [1.0, 1.0, *[0.5] * 10]
ONE_WORSE = [1.0, *[0.5] * 11]  # by .042 on average, which is the standard error of (0, .5, 0, ..., 0)
TWO_WORSE = [0.5] * 12  # by .083; the standard error of (.5, .5, 0, ..., 0) is .056


@pytest.mark.parametrize(
    ("scores", "kept"),
    [
        ((0.5, 0.4), 0),
        ((0.5, 0.6, 0.55), 1),  # better than the base, but not than the round before
        ((0.5, 0.6, 0.7, 0.6), 2),
        ((0.1, 0.2, 0.3, 0.4, 0.5), 4),
        ((0.1, 0.2, 0.2, 0.2, 0.5), 4),  # no worse
        ((0.1, LINKS, ONE_WORSE, 0.9, 0.9), 4),  # no more than chance
        ((0.1, LINKS, TWO_WORSE), 1),
        (([0.5] * 9, [0.4] * 9, [0.3] * 9, [0.2] * 9, [0.1] * 9), 4),  # too few links to say so
    ],
)
@pytest.mark.parametrize("weigh", ["matches", "validation"])
def test_the_round_before_the_first_that_is_worse_is_kept(task, monkeypatch, scores, kept, weigh):
    planned = Planned(*scores)
    expected = [round(float(each.mean()), 4) for each in planned.scores]
    monkeypatch.setattr(Setting, "validation_scores", lambda self: planned)
    setting = setting_of(task, weigh=weigh)
    found = Refined(setting, Propagated(setting)).embed(task.links.train)
    assert found.course["refined_by"]["round"] == kept and planned.scores == []
    assert found.course["refined_by"]["valid"] == expected
    assert (found.left.shape[1] == 2 * 32) == (kept == 0)  # nothing is appended to what stays as it was


@pytest.mark.parametrize(("scores", "kept"), [((0.5, 0.4), 0), ((0.5, 0.6, 0.55), 1), ((0.5, 0.6, 0.7, 0.6), 2)])
def test_evidence_of_many_values_is_made_again_where_a_round_is_no_better(task, monkeypatch, scores, kept):
    monkeypatch.setattr("mmkg.learners.setting.MOST_FULL", 1)
    monkeypatch.setattr(Setting, "validation_scores", lambda self: Planned(*scores))
    setting = setting_of(task)
    found = Refined(setting, Propagated(setting)).embed(task.links.train)
    assert found.course["refined_by"]["round"] == kept
    monkeypatch.setattr(Setting, "validation_scores", lambda self: Planned(*scores[: kept + 1]))
    setting = setting_of(task, rounds=kept)
    expected = Refined(setting, Propagated(setting)).embed(task.links.train)
    assert torch.equal(found.left, expected.left) and torch.equal(found.right, expected.right)
    assert found.widths == expected.widths


def matches(task, **refinement):
    setting = setting_of(task, **refinement)
    base = Propagated(setting).embed(task.links.train)
    vectors = Vectors(({BASE: base.left}, {BASE: base.right}), {BASE: 1.0})
    return ByValidation(setting, setting.experiment.refinement, base.widths, None).matches(vectors)[0]


def test_improbable_matches_are_dropped_and_probabilities_stay(task):
    rows, cols, likely = matches(task, least=0.0)
    assert 0 <= likely.min() < 0.2 and likely.max() <= 1
    kept = likely >= 0.2
    for every, few in zip((rows[kept], cols[kept], likely[kept]), matches(task, least=0.2), strict=True):
        np.testing.assert_array_equal(every, few)


def test_entities_of_training_links_and_pairs_that_never_match_are_no_matches(task):
    rows, cols, likely = matches(task)
    assert not np.isin(rows, task.links.train[:, 0]).any() and not np.isin(cols, task.links.train[:, 1]).any()
    assert np.isin(task.links.valid[:, 0], rows).any()
    links = set(map(tuple, task.links.all().tolist()))
    wrong = [place for place, pair in enumerate(zip(rows.tolist(), cols.tolist(), strict=True)) if pair not in links]
    best = wrong[likely[wrong].argmax()]
    without = replace(task, never=np.array([[rows[best], cols[best]]]))
    found = matches(without)
    assert not ((found[0] == rows[best]) & (found[1] == cols[best])).any()


def test_many_values_are_held_in_the_type_of_the_result_and_give_the_same_matches(task, monkeypatch):
    full = Propagated(setting_of(task)).embed(task.links.train)
    expected = matches(task)
    monkeypatch.setattr("mmkg.learners.setting.MOST_FULL", 60 * 2 * 64 - 1)
    half = Propagated(setting_of(task)).embed(task.links.train)
    assert (full.left.dtype, half.left.dtype) == (torch.float32, torch.float16)
    torch.testing.assert_close(half.left.float(), full.left, atol=5e-4, rtol=0)
    found = matches(task)
    kept = [
        set(zip(rows[likely > 0.1].tolist(), cols[likely > 0.1].tolist(), strict=True))
        for rows, cols, likely in (expected, found)
    ]
    assert len(kept[0] & kept[1]) >= 0.95 * len(kept[0] | kept[1])
    assert setting_of(task).held_in(60 * 2 * 64 - 1) == torch.float32


def test_refinement_reads_the_matrices_of_label_propagation(task, monkeypatch):
    setting = setting_of(task, rounds=1)
    base = Propagated(setting)

    def never(*_, **__):
        raise AssertionError("built again")

    monkeypatch.setattr("mmkg.learners.refined.build_incidence", never)
    assert Refined(setting, base).embed(task.links.train).widths["structure"] in (32, 64)


def test_a_later_call_has_evidence_as_wide_as_the_first(task, monkeypatch):
    monkeypatch.setattr("mmkg.models.refinement.MOST_VALUES", 1)
    task = replace(task, links=replace(task.links, valid=task.links.valid[:0]))
    setting = setting_of(task, rounds=1)
    learner = Refined(setting, Propagated(setting))
    assert learner.embed(task.links.train).widths == learner.embed(task.links.train).widths
