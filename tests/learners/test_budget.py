"""A limit of memory that no index fits into is told before anything is learnt."""

from types import SimpleNamespace

import pytest
from small import SETTINGS

import mmkg
from mmkg.compute import memory
from mmkg.compute.memory import machine_memory
from mmkg.errors import UsageError
from mmkg.learners.memory import learning_bytes
from mmkg.models.propagation import Propagation


@pytest.mark.parametrize("model", ["meaformer", "propagation", "combined"])
def test_a_budget_that_cannot_hold_is_refused_before_learning(model, monkeypatch, tmp_path):
    def never(*_, **__):
        raise AssertionError("learning began")

    monkeypatch.setattr("mmkg.learners.trained.fit", never)
    if model == "propagation":
        monkeypatch.setattr(Propagation, "embed", never)
    settings = (SETTINGS if model == "meaformer" else {}) | {"search.memory": "1KB"}
    with pytest.raises(UsageError, match="takes at least .*, and its memory is limited to 1 kB; use memory=1MB"):
        mmkg.align(mmkg.twin_graphs(80, seed=0), model, settings=settings, out=tmp_path / "run")
    assert not (tmp_path / "run" / "manifest.json").exists()


@pytest.mark.parametrize("model", ["propagation", "combined"])
def test_a_refinement_that_needs_more_memory_than_there_is_is_refused_before_learning(model, monkeypatch, tmp_path):
    def never(*_, **__):
        raise AssertionError("learning began")

    task = mmkg.twin_graphs(80, seed=0)
    experiment = mmkg.Experiment.of({"model": model, "refinement": {"rounds": 2}})
    alone, refined = (learning_bytes(task, experiment, refined=each) for each in (False, True))
    assert alone < refined
    monkeypatch.setattr(Propagation, "embed", never)
    monkeypatch.setattr("mmkg.learners.memory.machine_memory", lambda: int(refined) - 1)
    with pytest.raises(UsageError, match=r"a refinement of 160 entities takes about .* use rounds=0") as told:
        mmkg.align(task, experiment=experiment, out=tmp_path / "run")
    assert "--set refinement.rounds=0, which takes about" in told.value.on_command_line()
    assert not (tmp_path / "run" / "manifest.json").exists()
    monkeypatch.setattr("mmkg.learners.memory.machine_memory", lambda: int(alone) - 1)
    with pytest.raises(UsageError, match=r"label propagation of 160 entities .* narrower parts"):
        mmkg.align(task, experiment=mmkg.Experiment.of({"model": "propagation"}))


def test_memory_of_learning_is_more_than_its_embeddings_and_less_than_the_machine_of_the_figures(monkeypatch):
    side = SimpleNamespace(num_entities=1_000_000, triples=range(5_000_000), attributes=range(11_500_000))
    twins = SimpleNamespace(left=side, right=side, links=SimpleNamespace(valid=range(100_000)))
    monkeypatch.setattr("mmkg.learners.memory.chosen_modalities", lambda *_: ("structure", "relation", "attribute"))
    experiment = mmkg.Experiment.of({"model": "propagation"})
    # 704 columns and 640 of evidence in 16 bits, and the result of both
    assert 2e6 * (704 + 640) * 4 < learning_bytes(twins, experiment, refined=True) < 24e9
    assert 2e6 * 704 * 2 < learning_bytes(twins, experiment, refined=False) < 10e9
    full = mmkg.Experiment.of({"model": "propagation", "search": {"store": "float32"}})
    assert learning_bytes(twins, full, refined=True) > 2e6 * (704 + 640) * 6


def test_memory_is_that_of_the_container_if_it_is_less(monkeypatch, tmp_path):
    whole = machine_memory()
    (tmp_path / "memory.max").write_text("max\n")
    monkeypatch.setattr(memory, "LIMITS", (str(tmp_path / "memory.max"), str(tmp_path / "none")))
    physical = machine_memory()
    assert physical is None or whole is None or physical >= whole
    (tmp_path / "memory.max").write_text("1000000\n")
    assert machine_memory() in (None, 1_000_000)


def test_a_budget_that_holds_changes_nothing(small_task):
    settings = {"features.modalities": ["structure", "relation"]}
    free = mmkg.align(small_task, "propagation", settings=settings)
    held = mmkg.align(small_task, "propagation", settings=settings | {"search.memory": "1GB"})
    assert (free.left == held.left).all()
    assert free.matching == held.matching
