"""Runs on a real cluster of several machines, all on this one."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from scenario_settings import SETTINGS

import mmkg
from mmkg.config.experiment import Experiment

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")


def scenario(tmp_path, *options):
    """What a run on a cluster found, in a process of its own: Ray starts many, and leaves warnings behind."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, Path(__file__).parent / "scenario.py", tmp_path / "found.json", f"file://{tmp_path}/run"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, env=variables, timeout=400)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads((tmp_path / "found.json").read_text())


@pytest.fixture(scope="module")
def alone():
    return mmkg.align(mmkg.load("emoji-fr-en"), experiment=Experiment.of(SETTINGS))


@pytest.mark.slow
def test_machines_that_die_in_training_and_in_search_change_no_link(tmp_path, alone):
    found = scenario(tmp_path, "--kill")
    assert found["killed"] == 2
    assert found["links"] == alone.matching.pairs.tolist()
    assert found["hits"] == alone.metrics["left_to_right"]["hits@1"]
    assert mmkg.AlignmentResult.load(tmp_path / "run").matching.pairs.tolist() == found["links"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.json", "run"]  # checkpoints are gone


@pytest.mark.slow
def test_a_cluster_gives_the_links_of_one_process(tmp_path, alone):
    found = scenario(tmp_path)
    assert found["killed"] == 0 and found["links"] == alone.matching.pairs.tolist()
