"""Which model a run takes if none is named."""

import json
import tomllib
from dataclasses import replace

import numpy as np
import pytest
from small import twins

import mmkg
from mmkg.config.experiment import Experiment
from mmkg.data.task import LinkSplit
from mmkg.errors import UsageError
from mmkg.learners import choice as module
from mmkg.learners.choice import choose_model, estimate, resolved
from mmkg.learners.memory import learning_bytes

CPU = "cpu"
FAST = {"training": {"epochs": 2}, "features": {"top_ngrams": 200}}


def chosen(task, known, **values):
    found = choose_model(task, Experiment.of(values), CPU, known=known)
    return found.model, found.settings.get("refinement", {}).get("rounds", 0)


def own(task, number):
    """The task with some links, all of which are learnt from."""
    known, none = task.links.all()[:number], np.empty((0, 2), np.int64)
    return mmkg.AlignmentTask(task.left, task.right, LinkSplit(known, none, none), "own", "all")


def test_few_links_are_propagated_and_refined_and_many_are_trained_on(small_task):
    assert chosen(small_task, 0) == ("propagation", 4)
    assert chosen(small_task, module.LEAST_LINKS - 1) == ("propagation", 4)
    assert chosen(small_task, module.LEAST_LINKS) == ("combined", 0)  # whose default is to be refined


def test_what_takes_too_long_is_left_out(small_task, monkeypatch):
    cost = estimate(small_task, Experiment(), CPU, known=0)
    assert 0 < cost["refined"] < cost["combined"]
    monkeypatch.setattr(module, "PATIENCE", (cost["refined"] + cost["combined"]) / 2)
    assert chosen(small_task, 500) == ("propagation", 4)
    monkeypatch.setattr(module, "PATIENCE", cost["refined"] / 2)
    assert chosen(small_task, 500) == ("propagation", 0)
    assert chosen(small_task, 0) == ("propagation", 0)


def test_what_needs_more_memory_than_there_is_is_not_refined(small_task, monkeypatch):
    needed = learning_bytes(small_task, Experiment(), refined=True)
    monkeypatch.setattr(module, "machine_memory", lambda: int(needed) - 1)
    found = choose_model(small_task, Experiment(), CPU, known=20)
    assert (found.model, found.settings) == ("propagation", {})
    assert "more memory than there is" in found.text() and "refinement.rounds=4 would take about" in found.text()
    assert chosen(small_task, 500) == ("combined", 0)
    assert choose_model(small_task, Experiment(), "cuda", known=20).settings
    monkeypatch.setattr(module, "machine_memory", lambda: None)  # unknown
    assert chosen(small_task, 20) == ("propagation", 4)


def test_rules_cost_more_with_more_triples(small_task):
    cost = estimate(small_task, Experiment(), CPU, known=20)["refined"]
    doubled = replace(small_task, left=replace(small_task.left, triples=np.tile(small_task.left.triples, (2, 1))))
    more = estimate(doubled, Experiment(), CPU, known=20)["refined"]
    assert more == pytest.approx(cost + module.REFINE_TRIPLE * len(small_task.left.triples))


def test_fewer_epochs_cost_less_and_a_gpu_too(small_task):
    few = estimate(small_task, Experiment.of({"training": {"epochs": 1}}), CPU, known=0)["combined"]
    assert few < estimate(small_task, Experiment(), CPU, known=0)["combined"]
    assert estimate(small_task, Experiment(), "cuda", known=0)["combined"] < few * 10


def test_folds_of_own_links_are_counted_in_the_cost(small_task):
    once, few, many = (
        estimate(own(small_task, 40), Experiment(), CPU, known=known)["refined"] for known in (0, 20, 500)
    )
    assert few == pytest.approx(6 * once) and many == pytest.approx(2 * once)
    assert estimate(small_task, Experiment(), CPU, known=20)["refined"] == once  # it has validation links


def test_nothing_is_refined_without_structure_relations_and_attributes(small_task):
    assert chosen(small_task, 0, features={"modalities": ["name", "image"]}) == ("propagation", 0)


def test_the_choice_reads_no_link_and_is_the_same_each_time(small_task):
    turned = LinkSplit(*(part[::-1].copy() for part in vars(small_task.links).values()))
    other = mmkg.AlignmentTask(small_task.left, small_task.right, turned)
    assert choose_model(small_task, Experiment(), CPU, known=500) == choose_model(other, Experiment(), CPU, known=500)


def test_what_was_given_wins_over_what_was_chosen(small_task):
    experiment = Experiment.of({"seed": 3, "refinement": {"rounds": 0}, "options": {"hops": 2}})
    choice = choose_model(small_task, experiment, CPU, known=20)
    found = resolved(experiment, choice)
    assert (found.model, found.refinement.rounds, found.options.hops, found.seed) == ("propagation", 0, 2, 3)
    assert "refined" not in choice.text()
    assert resolved(Experiment(), choose_model(small_task, Experiment(), CPU, known=20)).refinement.rounds == 4


def test_an_option_that_the_chosen_model_lacks_is_refused_with_its_name(small_task):
    experiment = Experiment.of({"options": {"num_heads": 2}})
    with pytest.raises(UsageError, match=r"propagation, which auto chose: .*options\.num_heads.*model=NAME") as error:
        resolved(experiment, choose_model(small_task, experiment, CPU, known=20))
    assert "--model NAME" in error.value.on_command_line()


def test_an_experiment_with_auto_keeps_what_was_given_and_comes_back_from_its_text():
    values = {"training": {"epochs": 3}, "options": {"hops": 2}, "refinement": {"rounds": 1}}
    experiment = Experiment.of(values)
    assert experiment.model == "auto" and {name: experiment.to_dict()[name] for name in values} == values
    again = Experiment.of(tomllib.loads(experiment.to_toml()))
    assert again == experiment and hash(again) == hash(experiment)
    assert Experiment.of({"training": {"epochs": 4}}) != Experiment.of({"training": {"epochs": 3}})
    with pytest.raises(UsageError, match=r"options of class MCLEAConfig .* give its name"):
        Experiment(options=mmkg.Experiment(model="mclea").options)


def test_a_run_stores_the_chosen_model_and_says_why(small_task, tmp_path, capsys):
    result = mmkg.align(own(small_task, 20), settings=FAST, out=tmp_path / "run", progress=True)
    assert result.experiment.model == "propagation" and result.experiment.refinement.rounds <= 4
    assert "model: propagation, refined, chosen because 20 known links are too few" in capsys.readouterr().err
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert record["protocol"]["choice"]["model"] == "propagation"
    loaded = mmkg.AlignmentResult.load(tmp_path / "run")
    assert loaded.experiment.model == "propagation"
    named = mmkg.align(
        own(small_task, 20), "propagation", settings={**FAST, "refinement": {"rounds": 4}}, progress=False
    )
    assert np.array_equal(named.left, result.left)
    assert capsys.readouterr().err == ""


def test_a_named_model_keeps_the_settings_that_auto_was_given(small_task):
    result = mmkg.align(small_task, "mclea", experiment=Experiment.of(FAST), ranks_only=True)
    assert result.experiment.model == "mclea" and result.experiment.training.epochs == 2


def test_an_interrupted_run_goes_on_with_the_model_that_was_chosen(small_task, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LEAST_LINKS", 10)
    settings = {**FAST, "training": {"epochs": 4, "checkpoint_seconds": 0, "eval_every": 1}}
    whole = mmkg.align(small_task, settings=settings)
    assert whole.experiment.model == "combined"

    def stop(bar, row):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("mmkg.progress.TrainingProgress.on_epoch", stop)
        mmkg.align(small_task, settings=settings, out=tmp_path)
    assert np.array_equal(mmkg.align(small_task, settings=settings, out=tmp_path).left, whole.left)


def test_the_text_says_what_more_would_cost():
    task = twins(60)
    assert "combined would take about a minute" in choose_model(task, Experiment(), CPU, known=0).text()
    assert "bootstrap.rounds=1" in choose_model(task, Experiment(), CPU, known=900).text()
