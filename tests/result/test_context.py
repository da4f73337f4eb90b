"""Blank nodes and terms of vocabularies are part of the structure; they are never queries, candidates or output."""

from dataclasses import replace

import numpy as np
import pytest

import mmkg
from mmkg.data.describe import describe, describe_text
from mmkg.data.entities import EntityTable, matched_rows
from mmkg.data.kg import KnowledgeGraph, is_context
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.errors import UsageError
from mmkg.learners.pivots import pivot_links
from mmkg.learners.validation import free_entities, validation
from mmkg.report.export import unmatched_of
from mmkg.result.result import AlignmentResult

OWL = "http://www.w3.org/2002/07/owl#"
TERMS = (f"{OWL}Class", "http://www.w3.org/2000/01/rdf-schema#Resource", "http://www.w3.org/2004/02/skos/core#Concept")
N, BLANKS = 40, 12
GOLD = {f"l{row}": f"r{row}" for row in range(N)}


def graph(side, seed, order):
    """N entities in a random graph that both sides share, each with a class and some with a blank node between."""
    draw = np.random.default_rng(7)
    labels = [f"{side}{row}" for row in range(N)] + [f"_:b{row}" for row in range(BLANKS)] + list(TERMS)
    triples = [(int(a), 0, int(b)) for a, b in draw.integers(0, N, (3 * N, 2)) if a != b]
    triples += [(row, 1, N + BLANKS + row % 3) for row in range(N)]
    triples += [each for row in range(BLANKS) for each in ((row, 2, N + row), (N + row, 3, (row * 7 + 1) % N))]
    place = np.argsort(order)
    rows = np.array(triples, np.int64)
    rows[:, ::2] = place[rows[:, ::2]]
    names = tuple(f"name {label[1:]}" if label[0] == side else "some" for label in labels)
    return KnowledgeGraph(
        tuple(labels[k] for k in order), ("p", "type", "q", "r"), rows, names=tuple(names[k] for k in order)
    )


@pytest.fixture(scope="module")
def task():
    size = N + BLANKS + len(TERMS)
    left, right = (graph(side, 0, np.random.default_rng(k).permutation(size)) for k, side in enumerate("lr"))
    pairs = [(left.entities.index(a), right.entities.index(b)) for a, b in GOLD.items()]
    links = np.array(pairs, np.int64)
    return AlignmentTask(left, right, LinkSplit(links[:12], links[12:24], links[24:34]), candidates="all")


@pytest.fixture(scope="module", params=["propagation", "eva"])
def result(request, task):
    return mmkg.align(task, request.param, device="cpu", settings={"training": {"epochs": 5}}, progress=False)


def context_of(table):
    return {row for row, label in enumerate(table.labels) if label[0] not in "lr"}


def test_context_is_known_by_its_label():
    labels = ("_:b", TERMS[0], "http://www.w3.org/1999/02/22-rdf-syntax-ns#List", "http://e/_:b", "owl:Class", "a", "")
    expected = [True, True, True, False, False, False, False]
    assert is_context(labels).tolist() == expected
    table = KnowledgeGraph(labels, (), np.empty((0, 3), np.int64))
    assert table.context.tolist() == expected == EntityTable.of(table).context.tolist()


def test_a_link_makes_context_an_entity_and_a_graph_of_context_alone_is_matched_whole():
    context = np.array([True, False, True])
    assert matched_rows(context, np.array([2])).tolist() == [1, 2]
    assert matched_rows(np.array([False, False]), np.array([0])) is None
    assert matched_rows(np.array([True, True]), np.empty(0, np.int64)) is None
    assert context.tolist() == [True, False, True]


def test_context_is_no_query_and_no_answer(result):
    for side, table, other in zip(("left", "right"), result.entities, result.entities[::-1], strict=True):
        found, confidence = result.neighbors(5, side=side)
        queries = np.array(sorted(context_of(table)))
        assert found.ids.shape == (len(table.labels), 5)
        assert (found.ids[queries] == -1).all() and np.isneginf(found.scores[queries]).all()
        others = np.delete(found.ids, queries, axis=0)
        assert (others >= 0).all() and not context_of(other) & set(others.ravel().tolist())
        assert confidence is not None and not confidence[queries].any()
        hits = result.search(table.labels.index(side[0] + "3"), k=100, side=side)
        assert len(hits) == N and all(hit.label[0] in "lr" for hit in hits)
        with pytest.raises(UsageError, match="'_:b0' is a blank node or a term of RDF or OWL, which are not matched"):
            result.search("_:b0", side=side)


@pytest.mark.parametrize("method", ["greedy", "mutual", "hungarian", "sinkhorn"])
def test_context_is_in_no_match_and_not_without_a_counterpart(result, method):
    matching = result.match(method, device="cpu")
    assert len(matching) > N // 2
    for rows, table in zip((matching.left, matching.right), result.entities, strict=True):
        assert not context_of(table) & set(rows.tolist())
    alone = unmatched_of(*result.entities, matching)
    assert [len(side) + len(matching) for side in alone] == [N, N]
    links = list(result.export(matching))
    assert all(link.left[0] == "l" and link.right[0] == "r" for link in links)
    scores = {(link.left, link.right): link.score for link in links}
    first = links[0]
    best = {hit.label: hit.score for hit in result.search(result.entities[0].labels.index(first.left), k=N)}
    if method != "sinkhorn":
        assert scores[first.left, first.right] == pytest.approx(best[first.right], abs=1e-5)


def test_matches_and_ranks_are_those_of_the_embeddings_without_context(result, task):
    rows = [np.array([k for k in range(len(t.labels)) if k not in context_of(t)]) for t in result.entities]
    left, right = result.left[rows[0]], result.right[rows[1]]
    scores = torch_csls(left, right, result.protocol.csls_k)
    gold = [[np.flatnonzero(rows[side] == row)[0] for row in result.links.test[:, side]] for side in (0, 1)]
    own = scores[gold[0], gold[1]]
    ranks = 1 + (scores[gold[0]] > own[:, None] + 1e-6).sum(axis=1)
    assert result.evaluate(device="cpu")["left_to_right"]["mrr"] == pytest.approx(float((1 / ranks).mean()), abs=1e-3)
    pairs = {(int(rows[0][i]), int(rows[1][j])) for i, j in mutual(scores)}
    assert set(map(tuple, result.match("mutual", device="cpu").pairs.tolist())) == pairs
    assert 0 < result.evaluate_assignment(device="cpu")["left_to_right"]["mrr"] <= 1


def torch_csls(left, right, k):
    cosines = left.astype(np.float64) @ right.astype(np.float64).T
    if not k:
        return cosines
    means = [np.sort(side, axis=1)[:, -k:].mean(axis=1) for side in (cosines, cosines.T)]
    return 2 * cosines - means[0][:, None] - means[1][None]


def mutual(scores):
    best, back = scores.argmax(axis=1), scores.argmax(axis=0)
    return [(i, int(j)) for i, j in enumerate(best) if back[j] == i]


def test_confidences_and_judgements_are_about_entities_alone(result):
    judged = result.judge_counterparts()
    assert judged["num_unseen"] == N - 24
    assert not context_of(result.entities[0]) & set(result.calibration._unseen().tolist())


def test_a_run_is_saved_and_read_with_its_context(result, tmp_path):
    result.save(tmp_path / "run")
    again = AlignmentResult.load(tmp_path / "run")
    assert again.match("mutual", device="cpu").pairs.tolist() == result.match("mutual", device="cpu").pairs.tolist()
    for side in ("left", "right"):
        ours, theirs = (each.neighbors(3, side=side)[0] for each in (result, again))
        assert ours.ids.tolist() == theirs.ids.tolist() and np.array_equal(ours.scores, theirs.scores)
    assert "_:b" not in (tmp_path / "run" / "alignment.tsv").read_text(encoding="utf-8")
    assert np.array_equal(again.csls_means[0], result.csls_means[0])
    few = result.restrict(list(result.widths)[:1], evaluate=False)
    assert few.embeddings.rows("left").tolist() == result.embeddings.rows("left").tolist()


def test_a_run_of_before_keeps_its_index_and_its_matches(result, tmp_path):
    whole = replace(result, embeddings=type(result.embeddings)(result.left, result.right, result.widths))
    whole.save(tmp_path / "run")
    again = AlignmentResult.load(tmp_path / "run")
    assert (again.neighbors(1)[0].ids >= 0).all()
    assert len(again.index().search(again.searcher.queries(np.arange(3), "left"), 60).ids[0]) >= 55


def test_context_is_no_candidate_of_validation_pseudo_links_or_pivots(task):
    for free, graph in zip(free_entities(task), (task.left, task.right), strict=True):
        assert int(free.sum()) == N - 12 and not (free & graph.context).any()
    chosen, _ = validation(task, mmkg.Experiment().search, seed=0)
    assert [len(rows) for rows in chosen] == [N - 12, N - 12]
    found = pivot_links(task, ["name"], device="cpu").all()
    assert len(found) and not task.left.context[found[:, 0]].any() and not task.right.context[found[:, 1]].any()
    settings = {"bootstrap": {"rounds": 1}, "refinement": {"rounds": 1}}
    result = mmkg.align(task, "propagation", device="cpu", settings=settings, progress=False)
    assert not task.left.context[result.matching.left].any()


def test_a_link_to_a_blank_node_is_kept(task):
    links = np.concatenate([task.links.train, [[task.left.entities.index("_:b1"), task.right.entities.index("_:b1")]]])
    linked = replace(task, links=LinkSplit(links, task.links.valid, task.links.test))
    result = mmkg.align(linked, "propagation", device="cpu", progress=False)
    assert len(result.embeddings.rows("left")) == N + 1
    assert result.search("_:b1")[0].label[0] != "h"


def test_describe_counts_context(task):
    assert describe(task)["left"]["context"] == BLANKS + len(TERMS)
    assert "blank nodes, vocabulary" in describe_text(task)
    bare = replace(
        task,
        left=KnowledgeGraph(("a",), (), np.empty((0, 3), np.int64)),
        links=LinkSplit(*[np.empty((0, 2), np.int64)] * 3),
    )
    assert describe(replace(bare, right=bare.left))["left"]["context"] == 0
    assert "blank nodes" not in describe_text(replace(bare, right=bare.left))
