"""A limit of memory that no index fits into is told before anything is learnt."""

import pytest
from small import SETTINGS

import mmkg
from mmkg.errors import UsageError
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


def test_a_budget_that_holds_changes_nothing(small_task):
    settings = {"features.modalities": ["structure", "relation"]}
    free = mmkg.align(small_task, "propagation", settings=settings)
    held = mmkg.align(small_task, "propagation", settings=settings | {"search.memory": "1GB"})
    assert (free.left == held.left).all()
    assert free.matching == held.matching
