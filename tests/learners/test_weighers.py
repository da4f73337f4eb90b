"""A refinement that is weighed by its own matches, and seed links that were found and may be wrong."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import mmkg
from mmkg.data.task import LinkSplit
from mmkg.learners.propagated import Propagated
from mmkg.learners.refined import Refined, weighers_of
from mmkg.learners.setting import Setting
from mmkg.learners.sketches import BASE, Vectors
from mmkg.learners.weighers import ByMatches, ByValidation
from mmkg.report import Stopwatch
from mmkg.sources.synthetic import twin_graphs

NAMES = ("structure", "relation", "attribute", "name")
SETTINGS = {"refinement": {"rounds": 2, "weigh": "matches"}, "search": {"width": 0, "store": "float32"}}


@pytest.fixture(scope="module")
def task():
    return twin_graphs(150, noise=0.3, image_dim=0, train_ratio=0.3, valid_ratio=0.5, seed=3)


def setting_of(task, settings=SETTINGS):
    experiment = mmkg.Experiment.of({"model": "propagation", "features": {"modalities": NAMES}, **settings})
    return Setting(task, experiment, torch.device("cpu"), Stopwatch())


def hits(learned, links):
    left, right = learned.left.float()[links[:, 0]], learned.right.float()
    return float(((left @ right.T).argmax(dim=1).numpy() == links[:, 1]).mean())


def refined(setting):
    return Refined(setting.known(), Propagated(setting)).embed(setting.task.links.train)


def test_the_embeddings_are_their_parts_at_the_recorded_weights(task):
    setting = setting_of(replace(task, links=replace(task.links, valid=task.links.valid[:0])))
    found, base = refined(setting), Propagated(setting).embed(task.links.train)
    weights = found.course["refined_by"]["weights"]
    assert max(weights.values()) == 1.0 and set(weights) == {
        "structure of base",
        "relation of base",
        "attribute of base",
        "name of base",
        "structure",
        "relation",
        "attribute",
        "rules",
    }
    for side, own in ((found.left, base.left), (found.right, base.right)):
        inner, outer, size = own.split(list(base.widths.values()), 1), side.split(list(found.widths.values()), 1), 0.0
        for (name, width), before, after in zip(base.widths.items(), inner, outer, strict=True):
            expected = before * weights[f"{name} of base"]
            ratio = after[:, :width].norm(dim=1) / expected.norm(dim=1)
            if expected.any():
                size = ratio.nan_to_num() if isinstance(size, float) else size
                there = (expected.norm(dim=1) > 0) & (size > 0)
                torch.testing.assert_close(after[there, :width], expected[there] * size[there, None])
        assert torch.allclose(side.norm(dim=1), torch.ones(len(side)))


def test_no_link_has_a_say_in_the_weights(task):
    swapped = replace(task.links, valid=np.stack([task.links.valid[:, 0], np.roll(task.links.valid[:, 1], 1)], axis=1))
    found, other = (
        refined(setting_of(each, {**SETTINGS, "refinement": {"rounds": 1, "weigh": "matches"}}))
        for each in (replace(task, links=replace(task.links, valid=task.links.valid[:0])), replace(task, links=swapped))
    )
    if other.course["refined_by"]["round"]:
        assert found.course["refined_by"]["weights"] == other.course["refined_by"]["weights"]
        assert torch.equal(found.left, other.left)
    assert other.course["refined_by"]["valid"][0] < 0.2


def test_a_found_seed_that_is_wrong_is_taken_back(task):
    links = task.links.all()
    wrong = links[:60].copy()
    wrong[:12, 1] = np.roll(wrong[:12, 1], 1)  # a fifth of the seeds
    guessed = replace(task, links=LinkSplit(wrong, links[:0], links[60:]))
    certain, found = (refined(replace(setting_of(guessed), certain=certain)) for certain in (None, links[:0]))
    assert hits(certain, links[:12]) < hits(found, links[:12]) >= 0.7
    assert hits(found, links[60:]) >= hits(certain, links[60:]) - 0.01


def test_links_that_are_known_beside_found_ones_stay_certain(task):
    links = task.links.all()
    setting = replace(setting_of(replace(task, links=LinkSplit(links[:60], links[:0], links[60:]))), certain=links[:7])
    assert setting.known().task.links.train.tolist() == links[:7].tolist()
    assert setting_of(task).known().task.links is task.links


def test_without_free_entities_there_are_no_matches(task):
    setting = setting_of(task)
    base = Propagated(setting).embed(task.links.train)
    weigher = ByMatches(setting, setting.experiment.refinement, base.widths)
    weigher.sketches.free = [np.empty(0, np.int64)] * 2
    matches, candidates = weigher.matches(Vectors(({BASE: base.left}, {BASE: base.right}), weigher.start))
    assert len(matches[0]) == len(candidates[0]) == 0
    empty = ({"structure": base.left[:, :4]}, {"structure": base.right[:, :4]})
    assert weigher.weights(Vectors(({BASE: base.left}, {BASE: base.right}), weigher.start), empty)["structure"] == 0


def test_seeds_that_the_graph_contradicts_are_not_refined(task, caplog):
    links = task.links.all()
    wrong = np.stack([links[:60, 0], np.roll(links[:60, 1], 1)], axis=1)
    guessed = setting_of(replace(task, links=LinkSplit(wrong, links[:0], links[60:])))
    found = refined(replace(guessed, certain=links[:0]))
    assert found.course["refined_by"] == {"round": 0} and "many seed links are probably wrong" in caplog.text
    base = Propagated(guessed).embed(wrong)
    assert torch.equal(found.left, base.left) and found.widths == base.widths


@pytest.mark.parametrize(("number", "by"), [(69, ByValidation), (70, ByMatches)])  # 2 of the base, 5 of the evidence
def test_ten_entities_for_each_weight_are_weighed_by_their_matches(number, by):
    task = twin_graphs(number, seed=1)
    links = task.links.all()
    setting = setting_of(replace(task, links=LinkSplit(links[:0], links[:0], links)))
    widths = {"structure": 4, "relation": 4}
    for certain, expected in ((None, by), (np.empty((0, 2), np.int64), ByMatches)):
        found = weighers_of(replace(setting, certain=certain), setting.experiment.refinement, widths, None)
        assert list(map(type, found)) == [expected]


@pytest.mark.parametrize(("gain", "by_links"), [([0.1] * 12, True), ([0.4, *[0] * 11], False), ([-0.1] * 12, False)])
def test_links_weigh_where_they_rank_themselves_better_beyond_chance(task, monkeypatch, gain, by_links):
    """Of (.4, 0, ..., 0) the mean is the standard error."""

    class Planned:
        def add(self, name, left, right):
            pass

        def keep(self, *names):
            assert (BASE in names) == by_links

        def weights(self, start):
            return start

        def ranks(self, weights):
            return torch.full((12,), 0.5) + torch.tensor(gain) * (BASE in weights and len(weights) > 1)

    monkeypatch.setattr(Setting, "validation_scores", lambda self: Planned())
    setting = setting_of(task, {"refinement": {"rounds": 1}, "search": {"width": 0}})
    found = Refined(setting, Propagated(setting)).embed(task.links.train)
    assert (BASE in found.course["refined_by"]["weights"]) == by_links
    assert len(found.course["refined_by"]["valid"]) == 2


def test_one_way_is_tried_without_validation_links_and_with_what_was_chosen(task):
    none = replace(task, links=replace(task.links, valid=task.links.valid[:0]))
    for each, earlier, many, expected in (
        (none, None, False, [ByValidation]),
        (task, None, True, [ByValidation]),
        (task, {"weights": {BASE: 1.0}}, False, [ByValidation]),
        (task, {"weights": {"structure of base": 1.0}}, False, [ByMatches]),
        (task, {"round": 0}, False, [ByValidation]),
        (task, None, False, [ByMatches, ByValidation]),
    ):
        setting = setting_of(each, {"refinement": {"rounds": 1}})
        known = setting.validation_scores()
        found = weighers_of(setting, setting.experiment.refinement, {"structure": 4}, known, earlier, many=many)
        assert list(map(type, found)) == expected
