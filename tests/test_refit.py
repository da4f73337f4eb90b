"""Learning once more from training and validation links, with what the validation links chose."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small import OPTIONS, SETTINGS

import mmkg
from mmkg.config.experiment import Experiment
from mmkg.data.features.build import build_inputs
from mmkg.data.task import LinkSplit
from mmkg.errors import UsageError
from mmkg.learners.trained import build_model


def with_all_known(task):
    """The task whose validation links are training links."""
    links = task.links
    known = np.concatenate([links.train, links.valid])
    return replace(task, links=LinkSplit(known, links.valid[:0], links.test))


def same(found, expected):
    return np.array_equal(found.left, expected.left) and np.array_equal(found.right, expected.right)


@pytest.fixture(scope="module")
def noisy():
    """Twins that a refinement helps."""
    return mmkg.twin_graphs(150, noise=0.4, overlap=0.9, train_ratio=0.3, valid_ratio=0.4, seed=1)


REFINED = {"refinement.rounds": 3, "refinement.weigh": "validation", "refinement.compare": False, "search.width": 0}
CONSTANT = {**SETTINGS, "training.schedule": "constant", "training.epochs": 4, "training.eval_every": 2}


def test_a_refinement_is_learnt_from_all_links_with_the_rounds_and_weights_that_were_chosen(noisy):
    first, again = (mmkg.align(noisy, "propagation", settings={**REFINED, "refit": refit}) for refit in (False, True))
    chosen = first.record.protocol["refined_by"]
    fixed = {f"refinement.{name}_weight": value for name, value in chosen["weights"].items() if name != "base"}
    assert chosen["round"] > 0 and set(chosen["weights"].values()) != {1.0}
    base = chosen["weights"]["base"]
    fixed = {name: value / base for name, value in fixed.items()}
    direct = mmkg.align(
        with_all_known(noisy),
        "propagation",
        settings={**REFINED, "refinement.rounds": chosen["round"], **fixed},
    )
    np.testing.assert_allclose(again.left @ again.right.T, direct.left @ direct.right.T, atol=1e-3)
    assert not same(again, first)


@pytest.mark.parametrize("least", [10, 13, 30])  # 126 and then 110 entities for nine weights: both, one, none enough
def test_all_links_are_weighed_as_the_first_fit_was_though_fewer_entities_may_be_matched(noisy, monkeypatch, least):
    monkeypatch.setattr("mmkg.learners.refined.ENTITIES_PER_WEIGHT", least)
    settings = {**REFINED, "refinement.weigh": "matches", "refit": True}
    names = ("structure", "relation", "attribute", "name")
    result = mmkg.align(noisy, "propagation", modalities=names, settings=settings)
    assert ("base" in result.record.protocol["refined_by"]["weights"]) == (least == 30)
    assert result.metrics["left_to_right"]["hits@1"] > 0.3


def test_a_trained_model_is_trained_from_the_start_up_to_the_chosen_epoch(small_task):
    first, again = (
        mmkg.align(small_task, "meaformer", settings={**CONSTANT, "refit": refit}) for refit in (False, True)
    )
    epochs = first.record.protocol["best_epoch"]
    assert again.record.protocol["best_epoch"] == again.record.protocol["epochs"] == epochs
    direct = mmkg.align(with_all_known(small_task), "meaformer", settings={**CONSTANT, "training.epochs": epochs})
    assert same(again, direct) and not same(again, first)
    for name, weights in direct.weights.items():
        assert torch.equal(again.weights[name], weights)


def test_a_model_object_is_trained_from_the_weights_that_it_had(small_task):
    def model():
        experiment = Experiment.of({"model": "meaformer", "features": SETTINGS["features"], "options": OPTIONS})
        return build_model(experiment, build_inputs(small_task, experiment.features))

    shared = {name: value for name, value in CONSTANT.items() if name != "options"}
    settings = {**shared, "refit": True}
    found, again = (mmkg.align(small_task, model(), settings=settings) for _ in range(2))
    epochs = found.record.protocol["best_epoch"]
    direct = mmkg.align(with_all_known(small_task), model(), settings={**shared, "training.epochs": epochs})
    assert same(found, again) and same(found, direct)


def test_the_weights_and_modalities_of_combined_are_those_that_were_chosen(noisy, monkeypatch):
    monkeypatch.setattr("mmkg.learners.combined.LEAST_LINKS", 10)
    settings = {"training": SETTINGS["training"], "refinement.rounds": 2, "bootstrap.rounds": 1, "search.width": 0}
    first, again = (mmkg.align(noisy, "combined", settings={**settings, "refit": refit}) for refit in (False, True))
    was, now = (result.record.protocol for result in (first, again))
    assert now["weights"] == was["weights"] and now.get("left_out") == was.get("left_out")
    assert now["refined_by"]["weights"] == was["refined_by"]["weights"]
    assert now["refined_by"]["round"] == was["refined_by"]["round"]
    assert now.get("best_round", 0) == was["best_round"] and now["best_epoch"] == was["best_epoch"]
    assert again.widths == first.widths


def test_the_protocol_says_so_and_the_links_are_all_known(small_task):
    result = mmkg.align(small_task, "propagation", settings={"refit": True})
    protocol, links = result.protocol, small_task.links
    assert (protocol.num_train, protocol.num_valid) == (len(links.train), len(links.valid)) and protocol.refit
    assert "selected on validation links, then learnt from these, too" in protocol.describe()
    assert len(result.links.train) == len(links.train) + len(links.valid) and not len(result.links.valid)
    assert np.array_equal(result.links.test, links.test) and set(result.metrics) == {"left_to_right", "right_to_left"}


def test_confidence_is_that_of_the_fit_that_did_not_learn_from_the_links(small_task, tmp_path):
    first, again = (
        mmkg.align(small_task, "propagation", settings={"refit": refit, "refinement.rounds": 1})
        for refit in (False, True)
    )
    held = first.counterparts.sample
    assert np.array_equal(again.held_out.margins, held.margins) and np.array_equal(again.held_out.right, held.right)
    found = mmkg.AlignmentResult.load(again.save(tmp_path / "run"))
    assert np.array_equal(found.held_out.margins, held.margins)
    np.testing.assert_allclose(found.matching.confidence, again.matching.confidence, atol=1e-6)


def test_links_of_ones_own_are_judged_before_they_are_learnt_from(small_task):
    own = replace(
        small_task, links=LinkSplit(small_task.links.train, small_task.links.valid[:0], small_task.links.test[:0])
    )
    result = mmkg.align(own, "meaformer", settings={**SETTINGS, "refit": True})
    assert len(result.links.train) == len(own.links.train) and result.protocol.judged == "out-of-fold"
    first = mmkg.align(own, "meaformer", settings=SETTINGS)
    assert result.metrics == first.metrics and result.protocol.num_judged == first.protocol.num_valid


def test_what_cannot_be_refitted_is_refused():
    with pytest.raises(UsageError, match="bootstrap.precision is reached on validation links, refit learns from these"):
        Experiment.of({"refit": True, "bootstrap": {"precision": 0.9}})
    with pytest.raises(UsageError, match="refit must be true or false, got 3"):
        Experiment.of({"refit": 3})
