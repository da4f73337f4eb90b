"""Matches of a run folder that reads no more than it needs, and gives those of the whole run."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmkg.errors import InputError, UsageError
from mmkg.result.read_answers import read_answers
from mmkg.result.result import AlignmentResult


@pytest.fixture(scope="module")
def whole(small_run):
    return AlignmentResult.load(small_run, device="cpu")


@pytest.mark.parametrize("method", [None, "mutual", "greedy", "hungarian", "sinkhorn"])
def test_matches_are_those_of_the_whole_run(small_run, whole, method):
    k = 10 if method in ("greedy", "hungarian") else None
    found, expected = read_answers(small_run, device="cpu").match(method, k=k), whole.match(method, k=k)
    assert (found.pairs == expected.pairs).all() and len(found) > 10
    assert np.allclose(found.score, expected.score, atol=1e-5)
    assert np.allclose(found.confidence, expected.confidence, atol=1e-5)


def test_links_and_their_scores_are_those_of_the_whole_run(small_run, whole):
    light = read_answers(small_run)
    assert light.known.tolist() == whole.known.tolist() and light.threshold() == whole.threshold()
    assert list(light.export(light.linked())) == list(whole.export(whole.linked()))
    assert light.figures() == whole.figures()
    never = whole.matching.pairs[:2]
    assert (light.without(never).match().pairs == whole.without(never).match().pairs).all()


@pytest.mark.parametrize("method", ["mutual", "greedy"])
def test_matching_on_the_command_line_needs_neither_torch_nor_faiss(small_run, method):
    code = (
        f"import sys; sys.argv = ['mmkg', 'match', {str(small_run)!r}, '--json', '--method', {method!r}]\n"
        "from mmkg.cli.app import main\n"
        "try: main()\n"
        "except SystemExit as stop: print('CODE', stop.code)\n"
        "print(sorted({'torch', 'faiss', 'torch_geometric', 'networkx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    text, code, heavy = done.stdout.rsplit("\n", 3)[:3]
    assert (code, heavy) == ("CODE 0", "[]") and len(json.loads(text)["links"]) > 10


def test_a_damaged_file_or_an_unknown_device_is_refused(small_run, tmp_path):
    with pytest.raises(UsageError, match="device must be auto, cpu or cuda, got 'tpu'"):
        read_answers(small_run, device="tpu")
    with pytest.raises(InputError, match="expected a finished run with a manifest, found no such folder"):
        read_answers(tmp_path / "none")
    for path in Path(small_run).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "neighbors.safetensors").write_bytes(b"none")
    with pytest.raises(InputError, match="neighbors.safetensors is damaged"):
        read_answers(tmp_path)
