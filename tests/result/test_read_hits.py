"""Search in a run folder that reads no more than it needs, and answers as the whole run does."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small import twins

import mmkg
from mmkg.errors import InputError, UsageError
from mmkg.result.read_hits import SEARCHED, read_hits
from mmkg.result.result import AlignmentResult

sys.path.insert(0, str(Path(__file__).parents[1] / "drills"))
from damage import seal


@pytest.fixture
def copy(small_run, tmp_path):
    return shutil.copytree(small_run, tmp_path / "copy")


def without(folder, *names):
    """The folder as older versions wrote it: without some files, and without the curve of the calibration."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in names:
        (folder / name).unlink()
        manifest["sha256"].pop(name)
    manifest["counterparts"].pop("curve", None)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    seal(folder)


def same_answers(folder, k=4):
    """All answers of both sides, by the folder alone and by the whole run."""
    whole, light = AlignmentResult.load(folder, device="cpu"), read_hits(folder)
    for side, table in zip(("left", "right"), whole.entities, strict=True):
        for row in range(len(table.labels)):
            expected, found = whole.search(row, k=k, side=side), light.search(row, k=k, side=side)
            assert [hit.label for hit in found] == [hit.label for hit in expected]
            for name in ("score", "confidence", "raw"):
                values = [[getattr(hit, name) for hit in hits] for hits in (found, expected)]
                assert np.allclose(*values, atol=1e-4 if name == "score" else 1e-5)
            assert [list(hit.parts) for hit in found] == [list(hit.parts) for hit in expected]
    return light


def test_answers_are_those_of_the_whole_run(small_run):
    light = same_answers(small_run)
    assert light.entities[0] == AlignmentResult.load(small_run).entities[0]


def test_more_answers_than_are_listed_are_found(small_run):
    same_answers(small_run, k=30)


def test_a_folder_of_an_older_version_gives_the_same_answers(copy):
    expected = [hit.label for hit in read_hits(copy).search("Chat")]
    without(copy, "neighbors.safetensors")
    assert [hit.label for hit in same_answers(copy).search("Chat")] == expected


@pytest.mark.parametrize("settings", [{"search.csls_k": 0}, {"search.store": "float16"}, {"search.index": "hnsw"}])
def test_answers_follow_the_settings_of_the_run(tmp_path, settings):
    mmkg.align(twins(40), "propagation", device="cpu", out=tmp_path / "run", settings=settings, progress=False)
    same_answers(tmp_path / "run")


def test_literal_nodes_and_wrong_pairs_are_answered_as_in_the_whole_run(tmp_path):
    task = twins(40)
    own = ("1999", "2001", "_:b0")
    graphs = [
        replace(graph, entities=(*own, *graph.entities[3:]), names=(*own, *graph.names[3:]))
        for graph in (task.left, task.right)
    ]
    links = task.links
    free = [part[(part > 2).all(axis=1)] for part in (links.train, links.valid, links.test)]
    never = np.array([[free[2][0, 0], free[2][1, 1]]])
    task = replace(task, left=graphs[0], right=graphs[1], links=type(links)(*free), never=never)
    mmkg.align(task, "propagation", device="cpu", out=tmp_path / "run", progress=False)
    whole, light = AlignmentResult.load(tmp_path / "run", device="cpu"), read_hits(tmp_path / "run")
    for row in (0, 1, *range(3, 40)):
        expected, found = (hits.search(row, k=3) for hits in (whole, light))
        assert [(hit.label, list(hit.parts)) for hit in found] == [(hit.label, list(hit.parts)) for hit in expected]
    assert light.search("1999")[0].label == "1999" and light.search("1999")[0].score == 100
    with pytest.raises(UsageError, match="blank node"):
        light.search("_:b0")


def test_names_are_found_as_in_the_whole_run(small_run):
    light = read_hits(small_run)
    assert light.find("chat") == light.find("Chat") == AlignmentResult.load(small_run).find("chat")
    with pytest.raises(UsageError, match="no entity has the label or name 'Chatt'; near: 'Chat'"):
        light.find("Chatt")
    with pytest.raises(UsageError, match="unknown side 'middle'"):
        light.search(0, side="middle")


@pytest.mark.parametrize("name", SEARCHED)
def test_a_damaged_file_that_it_reads_is_refused(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name} is damaged or belongs to another run"):
        read_hits(copy)


def test_files_that_it_does_not_read_may_be_damaged_but_not_missing(copy):
    (copy / "report.html").write_text("")
    assert read_hits(copy).search("Chat")
    with pytest.raises(InputError, match="report.html is damaged"):
        AlignmentResult.load(copy)
    (copy / "report.html").unlink()
    with pytest.raises(InputError, match="report.html is missing"):
        read_hits(copy)


def test_no_run_is_an_error(tmp_path):
    with pytest.raises(InputError, match="expected a finished run with a manifest, found no such folder"):
        read_hits(tmp_path / "none")


def test_it_needs_neither_torch_nor_faiss_nor_scipy(small_run):
    code = (
        "import sys; from mmkg.result.read_hits import read_hits\n"
        f"hits = read_hits({str(small_run)!r})\n"
        "for k in (3, 30):\n"
        "    for side in ('left', 'right'):\n"
        "        assert len(hits.search(5, k=k, side=side)) == k\n"
        "print(sorted({'torch', 'faiss', 'scipy', 'torch_geometric', 'networkx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
