"""What a writer leaves out is counted: each kind of data, for each format."""

import json
import logging
import subprocess
import sys

import numpy as np
import pytest

import mmkg
from mmkg.data.formats.write import not_written, pair_writers, write_pair
from mmkg.data.kg import AttributeTriples, ImageTable, KnowledgeGraph
from mmkg.data.task import AlignmentTask, LinkSplit


def graph(prefix, ids):
    """Four entities, the last without triple and fact; the first triple twice."""
    return KnowledgeGraph(
        tuple(f"{prefix}{k}" for k in range(4)),
        ("r",),
        np.array([[0, 0, 1], [1, 0, 2], [0, 0, 1]]),
        AttributeTriples(
            np.array([0, 1, 2]), np.array([0, 0, 0]), ("p",), ("1", "x", ""), ("http://t/int", "@en", None)
        ),
        names=("zero", None, "two", None),
        images=ImageTable(np.array([0]), np.ones((1, 2), np.float32)),
        display=("A", "B", "C", "D"),
        source_ids=np.array(ids),
        pictures=("p0.png", "p1.png", None, None),
    )


def split(*parts):
    return LinkSplit(*(np.array(part, np.int64).reshape(-1, 2) for part in parts))


TASK = AlignmentTask(
    graph("a", [0, 1, 2, 3]), graph("b", [4, 5, 6, 7]), split([[0, 0]], [[1, 1]], [[2, 2]]), "A_B", "test", {}, True
)
NAMES, IMAGES, PICTURES, DISPLAY = "names", "image features", "pictures", "display texts"
TYPES, EMPTY, REPEATS = "datatypes and languages of values", "empty values, which become missing", "repeated triples"
LOOSE, IDS, SPLIT = "entities without triple or attribute", "source ids", "parts (train, valid, test) of links"
EXPECTED = {
    "dbp15k": {PICTURES: 4, DISPLAY: 8, TYPES: 4, EMPTY: 2, SPLIT: 3},
    "openea": {NAMES: 4, IMAGES: 2, PICTURES: 4, DISPLAY: 8, EMPTY: 2, LOOSE: 2, IDS: 8},
    "mmkb": {NAMES: 4, DISPLAY: 8, IDS: 8, SPLIT: 3},
    "ntriples": {IMAGES: 2, DISPLAY: 8, EMPTY: 2, REPEATS: 2, IDS: 8},
    "tsv": {DISPLAY: 8, EMPTY: 2, IDS: 8},
    "csv": {DISPLAY: 8, EMPTY: 2, IDS: 8},
    "parquet": {DISPLAY: 8, IDS: 8},
    "graphml": {IMAGES: 2, EMPTY: 2, IDS: 8},
    "json": {IMAGES: 2, EMPTY: 2, IDS: 8},
}


@pytest.mark.parametrize("form", EXPECTED)
def test_each_kind_of_data_that_a_format_does_not_hold_is_counted(form):
    assert not_written(TASK, form) == EXPECTED[form] and set(EXPECTED) == set(pair_writers())


def test_links_without_parts_lose_the_split():
    assert SPLIT in not_written(TASK, "tsv", links="oaei") and SPLIT not in not_written(TASK, "tsv", links="csv")


@pytest.mark.parametrize("form", [form for form in EXPECTED if form != "mmkb"])
def test_the_counts_are_those_of_a_reading_back(tmp_path, form, caplog):
    """What is not counted as left out comes back, and what is counted does not."""
    with caplog.at_level(logging.WARNING, logger="mmkg"):
        assert write_pair(TASK, tmp_path, form) == tmp_path
    assert caplog.text.count("left out: ") == 1 and all(kind in caplog.text for kind in EXPECTED[form])
    found = mmkg.load(tmp_path, train_ratio=0.4, valid_ratio=0.3).left
    back = {
        NAMES: found.names is not None,
        IMAGES: found.images is not None,
        PICTURES: found.pictures is not None,
        DISPLAY: found.display is not None,
        TYPES: found.attributes.types is not None,
        EMPTY: "" in found.attributes.values,
        REPEATS: len(found.triples) == 3,
        LOOSE: found.num_entities == 4,
        IDS: found.source_ids is not None,
    }
    assert {kind for kind, kept in back.items() if not kept} == set(EXPECTED[form]) - {SPLIT}


def test_a_pair_that_a_format_holds_is_written_without_a_word(tmp_path, caplog):
    bare = KnowledgeGraph(("a", "b"), ("r",), np.array([[0, 0, 1]]))
    task = AlignmentTask(bare, bare, split([], [], [[0, 0]]), "A_B", "test", {}, True)
    for form in pair_writers():
        write_pair(task, tmp_path / form, form)
        assert not_written(task, form) == {}
    assert caplog.text == ""


@pytest.mark.slow
def test_the_command_prints_what_it_leaves_out(tmp_path):
    (tmp_path / "pair" / "left").mkdir(parents=True)
    (tmp_path / "pair" / "left" / "triples.tsv").write_text("a\tr\tb\n")
    (tmp_path / "pair" / "left" / "entities.tsv").write_text("entity\tname\na\tA\nb\t\n")
    (tmp_path / "pair" / "right.tsv").write_text("x\tr\ty\n")
    (tmp_path / "pair" / "links.tsv").write_text("a\tx\n")

    def converted(to, *more):
        command = [sys.executable, "-m", "mmkg", "convert", tmp_path / "pair", tmp_path / to, "--to", to, *more]
        return subprocess.run(command, capture_output=True, text=True)

    done = converted("openea")
    assert done.returncode == 0 and "left out: names (1)" in done.stderr
    done = converted("openea", "--json")
    assert json.loads(done.stdout)["left_out"] == {"names": 1} and "left out: names (1)" in done.stderr
    done = converted("tsv", "--json")
    assert json.loads(done.stdout)["left_out"] == {} and "left out" not in done.stderr
