"""Nothing is learnt from validation links: they choose, and where nothing is chosen they change no bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import mmkg
from mmkg.learners.learn import learn
from mmkg.learners.propagated import Propagated
from mmkg.learners.setting import Setting
from mmkg.report import Stopwatch
from mmkg.settings import merged
from mmkg.sources.synthetic import twin_graphs

NAMES = ("structure", "relation", "attribute")
SHORT = {"epochs": 2, "eval_every": 1}
SMALL = {
    "propagation": {"num_labels": 32, "structure_dim": 32, "relation_dim": 32, "attribute_dim": 32},
    "mclea": {"hidden_dim": 16, "structure_dim": 16},
    "meaformer": {"hidden_dim": 16, "feedforward_dim": 16},
    "combined": {"trained": "mclea"},
}
REFINED = {"rounds": 2, "structure_dim": 32, "relation_dim": 32, "attribute_dim": 32}


@pytest.fixture(scope="module")
def task():
    return twin_graphs(90, train_ratio=0.6, valid_ratio=0.4, seed=2)


@pytest.fixture(scope="module")
def permuted(task):
    valid = task.links.valid
    moved = np.stack([valid[:, 0], np.roll(valid[:, 1], 1)], axis=1)
    assert not (moved == valid).all(axis=1).any()
    return replace(task, links=replace(task.links, valid=moved))


@pytest.fixture
def fixed(monkeypatch):
    """No epoch, weight or round is chosen: the last ones and those of the configuration are kept."""
    monkeypatch.setattr(Setting, "judge", lambda self: None)
    monkeypatch.setattr(Setting, "validation_scores", lambda self: None)
    monkeypatch.setattr(Setting, "weights", lambda self, left, right, start: start)
    monkeypatch.setattr("mmkg.learners.trained.validator", lambda *args, **options: None)
    monkeypatch.setattr("mmkg.learners.compared.LEAST_LINKS", 1000)


def setting_of(task, model, settings):
    values = {"training": SHORT, "features": {"modalities": NAMES}, "refinement": {"rounds": 0}}
    experiment = mmkg.Experiment.of(merged({"model": model, "options": SMALL[model], **values}, settings))
    return Setting(task, experiment, torch.device("cpu"), Stopwatch())


ROUNDS = {"bootstrap": {"rounds": 1, "epochs": 1}}


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ("propagation", {}),
        ("propagation", {"refinement": REFINED}),
        ("propagation", ROUNDS),
        ("propagation", {"refinement": REFINED} | ROUNDS),
        ("mclea", {}),
        ("meaformer", ROUNDS),
        ("combined", {"refinement": REFINED}),
    ],
)
@pytest.mark.usefixtures("fixed")
def test_other_validation_links_give_the_same_bits_where_nothing_is_chosen(task, permuted, model, settings):
    found, moved = (learn(setting_of(each, model, settings)) for each in (task, permuted))
    assert torch.equal(found.left, moved.left) and torch.equal(found.right, moved.right)
    assert found.course.get("best_round", 1) == 1  # the round that learnt from pseudo-links
    assert found.course.get("refined_by", {"round": 2})["round"] == 2


def test_what_is_chosen_does_depend_on_them(task, permuted):
    found, moved = (learn(setting_of(each, "propagation", {"refinement": REFINED})) for each in (task, permuted))
    assert found.course["refined_by"]["valid"] != moved.course["refined_by"]["valid"]


def propagated(task):
    """What label propagation of its default widths embeds."""
    experiment = mmkg.Experiment.of({"model": "propagation", "features": {"modalities": NAMES}})
    return Propagated(replace(setting_of(task, "propagation", {}), experiment=experiment)).embed(task.links.train)


def test_refined_embeddings_are_their_parts_at_the_recorded_weights(monkeypatch):
    task = twin_graphs(90, noise=0.2, train_ratio=0.6, valid_ratio=0.5, seed=2)
    weights = {"base": 0.7, "structure": 1.0, "relation": 0.3, "attribute": 0.5, "rules": 0.4}
    monkeypatch.setattr("mmkg.learners.validation.ValidationScores.weights", lambda self, start: weights)
    settings = {
        "refinement": {"rounds": 1, "weigh": "validation", "compare": False},
        "search": {"width": 0, "store": "float32"},
    }
    result = mmkg.align(task, "propagation", modalities=NAMES, settings=settings, device="cpu", seed=0)
    assert result.record.protocol["refined_by"]["weights"] == weights
    base = propagated(task)
    for side, own in ((result.left, base.left), (result.right, base.right)):
        whole = np.split(side, np.cumsum(list(result.widths.values()))[:-1], axis=1)
        inner, outer = {}, {}
        for name, columns in zip(result.widths, whole, strict=True):
            inner[name], outer[name] = np.split(columns, [base.widths[name]], axis=1)
        inside = np.concatenate(list(inner.values()), axis=1)
        lengths = np.linalg.norm(inside, axis=1, keepdims=True)
        np.testing.assert_allclose(inside, own.numpy() * lengths, atol=1e-6)
        outer["relation"], outer["rules"] = np.split(outer["relation"], 2, axis=1)
        for name, part in outer.items():
            length = np.linalg.norm(part, axis=1)
            there = length > 0
            assert there.mean() > 0.9
            np.testing.assert_allclose(length[there] / lengths[there, 0], weights[name] / weights["base"], rtol=1e-4)


def test_combined_embeddings_are_their_parts_at_the_recorded_weights(task, monkeypatch):
    uneven = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
    monkeypatch.setattr("mmkg.learners.combined.LEAST_LINKS", 1)
    monkeypatch.setattr(Setting, "weights", lambda self, left, right, start: dict(zip(left, uneven, strict=False)))
    settings = {
        "training": SHORT,
        "options": {"trained": "mclea"},
        "refinement": {"rounds": 0, "compare": False},
        "search": {"width": 0, "store": "float32"},
    }
    result = mmkg.align(task, "combined", modalities=NAMES, settings=settings, device="cpu", seed=0)
    weights = result.record.protocol["weights"]
    assert tuple(weights.values()) == uneven
    base = propagated(task)
    start, lengths = 0, {}
    for name, width in result.widths.items():
        for member, columns in (("propagation", base.widths[name]), ("mclea", width - base.widths[name])):
            lengths[f"{name} by {member}"] = np.linalg.norm(result.left[:, start : start + columns], axis=1)
            start += columns
    assert list(lengths) == list(weights) and start == result.left.shape[1]
    whole = np.stack(list(lengths.values()), axis=1)
    expected = (whole > 0) * np.array(list(weights.values()))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(whole, expected, atol=1e-6)
