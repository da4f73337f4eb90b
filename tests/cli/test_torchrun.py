"""``torchrun -m mmkg align``: several processes train one model, and the first one writes the run."""

import os
import re
import subprocess
import sys

import pytest
from commands import ROOT

COMMAND = ("align", "emoji-fr-en", "--model", "mclea", "--modalities", "structure,name", "--set", "training.epochs=8")
LAUNCH = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--rdzv-backend", "c10d")


def launched(*arguments):
    """A command by two processes on a free port."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *LAUNCH, "--rdzv-endpoint", "localhost:0", "-m", "mmkg", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=variables, cwd=ROOT, timeout=300)


def pairs(folder):
    return [line.split("\t")[:2] for line in (folder / "alignment.tsv").read_text(encoding="utf-8").splitlines()]


@pytest.mark.slow
def test_two_processes_give_the_run_of_one(tmp_path, run):
    done = launched(*COMMAND, "--out", tmp_path / "two")
    assert done.returncode == 0, done.stderr
    alone = run(*COMMAND, "--out", tmp_path / "one")
    assert pairs(tmp_path / "two") == pairs(tmp_path / "one")
    figures = re.compile(r"left to right.*\n.*right to left.*")
    assert figures.findall(done.stdout) == figures.findall(alone.out) != []  # once, by the first process
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == sorted(
        path.name for path in (tmp_path / "one").iterdir()
    )


@pytest.mark.slow
def test_an_error_of_the_data_ends_all_processes(tmp_path):
    done = launched("align", tmp_path / "nothing", "--out", tmp_path / "run")
    assert done.returncode == 1 and "mmkg: " in done.stderr and done.stdout == ""


def test_torchrun_and_a_cluster_exclude_each_other(run, monkeypatch):
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    done = run("align", "emoji-fr-en", "--cluster", "auto")
    assert done.code == 2 and done.err == (
        "mmkg: --cluster starts its workers itself; give the command without torchrun\n"
    )


def test_a_cluster_is_for_two_graphs(run):
    done = run("align", "a.nt", "b.nt", "c.nt", "--cluster", "auto")
    assert done.code == 2 and done.err == "mmkg: --cluster is for two graphs\n"
