"""The study of pseudo-links: its rounds are those of a run, and it counts as a hand does."""

import json

import numpy as np
import pytest
import torch
from small import twins, write_dbp15k

import mmkg
from mmkg.learners.learn import learn
from mmkg.learners.setting import Setting
from mmkg.report import Stopwatch
from mmkg.settings import merged

FAST = {
    "training": {"epochs": 2, "eval_every": 1},
    "bootstrap": {"epochs": 1},
    "features": {"modalities": ["structure", "relation"]},
    "refinement": {"rounds": 1},
}


@pytest.fixture
def study(load_tool):
    return load_tool("pseudo_links")


def test_votes_are_the_number_of_matchings_that_contain_a_pair(study):
    pairs = np.array([[0, 1], [1, 0], [2, 2]])
    matchings = [np.array([[0, 1], [2, 1]]), np.array([[0, 1], [1, 0]]), np.empty((0, 2), np.int64)]
    assert study.votes(pairs, matchings).tolist() == [2, 1, 0]


@pytest.mark.slow
def test_the_round_of_each_source_is_that_of_a_run(study, tmp_path, capsys):
    folder = write_dbp15k(twins(120, noise=0.4), tmp_path / "pair")
    words = [f"--set={name}.{key}={json.dumps(value)}" for name, each in FAST.items() for key, value in each.items()]
    study.main([str(folder), "--sources", "joint,both,right", *words])
    tables = [
        [line.strip("| ").split(" | ") for line in part.splitlines()[2:]]
        for part in capsys.readouterr().out.split("\n\n")
    ]
    experiment = mmkg.Experiment.of(merged({"model": "combined", "bootstrap": {"rounds": 1}}, FAST))
    task = mmkg.load(folder, seed=0)
    history = learn(Setting(task, experiment, torch.device("cpu"), Stopwatch())).history
    before, after = [row for row in history if "step" in row]
    first, joint, both, right = tables[1]
    assert float(first[5]) == pytest.approx(before["valid"], abs=1e-4)
    assert joint[1] == str(after["pseudo_links"]) and float(joint[5]) == pytest.approx(after["valid"], abs=1e-4)
    assert joint[2] == f"{after['pseudo_precision']:.3f} of {after['pseudo_judged']}"
    assert int(tables[0][2][1]) <= int(both[1])  # those of them that the run finds, too
    assert sum(int(row[1]) for row in tables[0]) == int(joint[1])
    assert right[3].startswith("1.000") and right[1] == right[4] == joint[4]
