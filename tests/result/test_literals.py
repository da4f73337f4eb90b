"""Nodes that are years, numbers or dates are matched with the equal one or with none."""

from dataclasses import replace

import numpy as np
import pytest

import mmkg
from mmkg.data.describe import describe, describe_text
from mmkg.data.entities import EntityTable
from mmkg.data.kg import KnowledgeGraph
from mmkg.data.literals import literal_key, literal_keys, pool_of
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.errors import UsageError
from mmkg.learners.pivots import pivot_links
from mmkg.learners.validation import free_entities
from mmkg.report.export import unmatched_of
from mmkg.result.embeddings import Embeddings
from mmkg.result.result import AlignmentResult

N = 40
LEFT = ("1824", "1854", "1,900", "3.14", "2001-05-03", "7", "7.0")  # 7 is there twice
RIGHT = ("1824", "1855", "1900", "3.140", "2001-5-3", "7", "1999")
EQUAL = {("1824", "1824"), ("1,900", "1900"), ("3.14", "3.140"), ("2001-05-03", "2001-5-3")}
NO_LINKS = np.empty((0, 2), np.int64)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1824", "1824.0"),
        ("1,824", "1824"),
        ("-44", "-44.00"),
        ("3.14", " 3.140 "),
        ("2001-05-03", "2001-5-3"),
        ("2001-05-03", "2001-05-03T00:00:00Z"),
        ("0", "0.0"),
        ("12345678901234567890", "12345678901234567890.0"),
    ],
)
def test_equal_values_have_one_key(text, same):
    assert literal_key(text) == literal_key(same) is not None


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("1824", "1854"),
        ("12345678901234567890", "12345678901234567891"),
        ("2001-05", "2001-05-01"),
        ("2001", "2001-01-01"),
        ("44", "-44"),
    ],
)
def test_different_values_have_different_keys(text, other):
    assert literal_key(text) != literal_key(other)


@pytest.mark.parametrize(
    "text",
    ["", " ", "Apollo 11", "1824 AD", "5 km", "10%", "007", "1e5", "1,82,4", "2001-13-03", "2001-02-30", "11:30", "x1"]
    + ["Q42", "/m/02", "http://e/1824", "1.2.3", "١٨٢٤", "12-11", "2001-05-03T10:00:00", "+", "-", "1/2"],
)
def test_other_texts_are_no_literals(text):
    assert literal_key(text) is None


def table(*labels, names=None):
    return EntityTable(labels, labels if names is None else names, labels)


def test_a_label_counts_if_the_name_agrees_and_most_labels_are_words():
    words = ("a", "b", "c", "d")
    assert literal_keys(table("1824", *words)) == {0: 1824}
    assert literal_keys(table("1824", *words, names=("Paris", *words))) == {}
    assert list(literal_keys(table("2001-05-03", *words, names=("2001 05 03", *words)))) == [0]
    assert literal_keys(table(*map(str, range(9)), *words)) == {}


def test_known_links_come_first():
    left, right = table("1", "1.0", "2", "3", "a", "b", "c", "d"), table("1", "2", "4", "3", "a", "b", "c", "d")
    pool = pool_of(left, right, NO_LINKS)
    assert pool.exact.tolist() == [[2, 1], [3, 3]] and pool.literals == (4, 4)
    assert [rows.tolist() for rows in pool.matched] == [[4, 5, 6, 7]] * 2
    pool = pool_of(left, right, np.array([[1, 0], [4, 4]]))  # of two equal nodes, the one that is linked
    assert pool.exact.tolist() == [[1, 0], [2, 1], [3, 3]]
    pool = pool_of(left, right, np.array([[3, 3], [2, 4]]))  # a number and a word
    assert pool.exact.tolist() == [[3, 3]] and pool.matched[0].tolist() == [2, 4, 5, 6, 7]
    pool = pool_of(left, right, np.array([[2, 3], [3, 2]]))  # numbers are ids here
    assert len(pool.exact) == 0 and pool.matched == (None, None) and pool.literals == (0, 0)


def test_literals_are_compared_if_nothing_else_is_there():
    left = table("1", "_:a", "_:b")
    pool = pool_of(left, left, NO_LINKS)
    assert [rows.tolist() for rows in pool.matched] == [[0], [0]] and len(pool.exact) == 0


def graph(side, literals, order):
    """N entities in a random graph that both sides share, and literals that some of them point at."""
    draw = np.random.default_rng(7)
    labels = [f"{side}{row}" for row in range(N)] + list(literals)
    triples = [(int(a), 0, int(b)) for a, b in draw.integers(0, N, (3 * N, 2)) if a != b]
    triples += [(row, 1, N + row % len(literals)) for row in range(N)]
    place = np.argsort(order)
    rows = np.array(triples, np.int64)
    rows[:, ::2] = place[rows[:, ::2]]
    names = [f"name {label[1:]}" if label[0] == side else label for label in labels]
    return KnowledgeGraph(tuple(labels[k] for k in order), ("p", "year"), rows, names=tuple(names[k] for k in order))


@pytest.fixture(scope="module")
def task():
    sizes = (N + len(LEFT), N + len(RIGHT))
    sides = zip("lr", (LEFT, RIGHT), sizes, strict=True)
    left, right = (graph(*side, np.random.default_rng(n).permutation(n)) for *side, n in sides)
    pairs = [(left.entities.index(f"l{row}"), right.entities.index(f"r{row}")) for row in range(N)]
    links = np.array(pairs, np.int64)
    return AlignmentTask(left, right, LinkSplit(links[:12], links[12:24], links[24:34]), candidates="all")


@pytest.fixture(scope="module", params=["propagation", "eva"])
def result(request, task):
    return mmkg.align(task, request.param, device="cpu", settings={"training": {"epochs": 5}}, progress=False)


def pairs_of(result, matching):
    return {(link.left, link.right): link for link in result.export(matching)}


@pytest.mark.parametrize("method", ["greedy", "mutual", "hungarian", "sinkhorn"])
def test_equal_literals_are_matched_and_no_others(result, method):
    found = pairs_of(result, result.match(method, device="cpu"))
    about = {pair for pair in found if pair[0][0] != "l" or pair[1][0] != "r"}
    assert about == EQUAL and len(found) > len(EQUAL) + N // 2
    assert all(found[pair].confidence == 1 for pair in EQUAL)


def test_literals_are_searched_and_found_by_their_value_alone(result):
    for side, table in zip(("left", "right"), result.entities, strict=True):
        equal = {pair[::-1] if side == "right" else pair for pair in EQUAL}
        other = result.entities[side == "left"]
        found, confidence = result.neighbors(3, side=side)
        for row, label in enumerate(table.labels):
            answers = [other.labels[k] for k in found.ids[row] if k >= 0]
            if label[0] in "lr":
                assert len(answers) == 3 and all(answer[0] in "lr" for answer in answers)
            else:
                assert answers == [pair[1] for pair in equal if pair[0] == label]
                assert confidence[row].tolist() == [float(bool(answers)), 0, 0]
        for mine, theirs in equal:
            hits = result.search(mine, side=side)
            assert [(hit.label, hit.confidence, hit.score) for hit in hits] == [(theirs, 1.0, 100.0)]
    with pytest.raises(UsageError, match="'1854' is a number or date, which is matched with an equal one only; the r"):
        result.search("1854")
    only = np.array([result.entities[0].labels.index("1824")])
    assert result.nearest(only, 2, "left").ids.tolist() == [[result.entities[1].labels.index("1824"), -1]]


def test_a_run_is_saved_and_read_with_its_literals(result, tmp_path):
    result.save(tmp_path / "run")
    again = AlignmentResult.load(tmp_path / "run")
    ours, theirs = (pairs_of(each, each.match("mutual", device="cpu")) for each in (result, again))
    assert ours.keys() == theirs.keys()
    assert again.search("1824")[0].label == "1824"
    assert result.restrict(list(result.widths)[:1], evaluate=False).search("1824")[0].label == "1824"
    lines = (tmp_path / "run" / "alignment.tsv").read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith("1824\t1824\t") for line in lines) == 1


def test_a_run_of_before_keeps_its_matches(result, tmp_path):
    whole = replace(result, embeddings=Embeddings(result.left, result.right, result.widths))
    whole.save(tmp_path / "run")
    again = AlignmentResult.load(tmp_path / "run")
    assert len(again.embeddings.exact) == 0 and (again.neighbors(1)[0].ids >= 0).all()


def test_literals_are_no_candidates_of_training_and_seed_each_other(task):
    for free, side in zip(free_entities(task), (task.left, task.right), strict=True):
        assert int(free.sum()) == N - 12 and all(side.entities[row][0] in "lr" for row in np.flatnonzero(free))
    seeds = pivot_links(task, ["name"], device="cpu")
    labels = {(task.left.entities[i], task.right.entities[j]) for i, j in seeds.train.tolist()}
    assert labels >= EQUAL and {pair for pair in labels if pair[0][0] != "l"} == EQUAL
    result = mmkg.align(task, "propagation", device="cpu", settings={"data.seeds_from": "name"}, progress=False)
    assert {pair for pair in pairs_of(result, result.matching) if pair[0][0] != "l"} == EQUAL


def test_literals_without_an_equal_one_have_no_counterpart(result):
    alone = unmatched_of(*result.entities, result.matching)
    assert {label for label, _ in alone[0] if label[0] != "l"} == {"1854", "7", "7.0"}
    judged = result.judge_counterparts()
    assert judged["num_unseen"] == N - 24


def test_describe_counts_literals(task):
    assert describe(task)["left"]["literals"] == len(LEFT)
    assert "literal nodes" in describe_text(task)
