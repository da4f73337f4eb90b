"""Results whose index finds fewer entities than were requested, and runs with next to nothing in them."""

import dataclasses
import json

import numpy as np
import pytest
from small import SETTINGS

import mmkg
from mmkg.data.kg import KnowledgeGraph
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.matching import MATCHERS
from mmkg.result.embeddings import Embeddings
from mmkg.search import IndexConfig

KINDS = ("exact", "flat", "ivf", "hnsw", "parts", "fp16", "sq8", "pq4")
HUGE = 10**9


def searched_by(result, kind, **settings):
    """The run with an index of another kind, which reads as little as it can, over the same embeddings."""
    options = IndexConfig(nlist=10, nprobe=1) if kind in ("ivf", "parts") else IndexConfig()
    search = dataclasses.replace(result.experiment.search, index=kind, options=options, **settings)
    experiment = dataclasses.replace(result.experiment, search=search)
    return dataclasses.replace(
        result, experiment=experiment, embeddings=Embeddings(result.left, result.right, result.widths)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_is_an_entity_once_with_a_score_and_a_confidence(small_result, kind):
    result = searched_by(small_result, kind)
    size = len(result.right)
    for k in (40, size, size + 7, HUGE):
        found, confidence = result.neighbors(k)
        assert found.ids.shape == confidence.shape == (len(result.left), min(k, size))
        assert ((found.ids < 0) == (found.scores == -np.inf)).all()
        assert np.isfinite(confidence).all() and (confidence[found.ids < 0] == 0).all()
        for row in found.ids:
            assert len(set(row[row >= 0].tolist())) == (row >= 0).sum()
    assert all(np.isfinite(means).all() for means in result.csls_means)
    assert np.isfinite(result.counterparts.sample.margins).all()
    hits = result.search(0, k=HUGE)
    assert len({hit.row for hit in hits}) == len(hits) <= size
    assert all(np.isfinite(hit.score) and 0 <= hit.confidence <= 1 for hit in hits)
    assert result.sample(20) and result.export()


@pytest.mark.parametrize("name", sorted(MATCHERS))
@pytest.mark.parametrize("kind", KINDS)
def test_matches_have_finite_scores_whatever_the_index_finds(small_result, name, kind):
    edges = tuple(graph.triples[:, ::2] for graph in small_result.run_graphs.now)
    options = {"k": HUGE, "kind": kind, "device": "cpu"} | ({"edges": edges} if MATCHERS[name].edges else {})
    for csls_k in (0, 3, HUGE):
        found = MATCHERS[name](small_result.left, small_result.right, csls_k=csls_k, **options)
        assert len(found) and np.isfinite(found.score).all()


def test_an_aligner_predicts_each_pair_once():
    draw = np.random.default_rng(0)
    rows = [draw.standard_normal((30, 16)).astype(np.float32) for _ in range(2)]
    rows = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in rows]
    task = mmkg.twin_graphs(30, overlap=1.0, seed=0)
    aligner = mmkg.Aligner("propagation", device="cpu").fit(task)
    for kind in KINDS:
        result = searched_by(aligner.result_, kind)
        aligner.result_ = dataclasses.replace(result, embeddings=Embeddings(*rows, {"structure": 8, "name": 8}))
        for k in (40, HUGE):
            pairs = [(each.left, each.right) for each in aligner.predict(k=k)]
            assert len(set(pairs)) == len(pairs) <= 900
            assert kind in ("ivf", "parts", "hnsw") or len(pairs) == 900
            assert np.isfinite([each.score for each in aligner.predict(k=k)]).all()


def test_the_command_line_answers_a_huge_k_with_all_entities(run, small_run, small_result):
    done = run("search", small_run, "--entity", "chat", "-k", HUGE, "--json")
    assert done.code == 0 and len(json.loads(done.out)["answers"]) == len(small_result.right)
    assert run("match", small_run, "-k", HUGE).code == 0


@pytest.mark.parametrize("kind", KINDS)
def test_figures_need_no_more_neighbours_than_there_are(small_result, kind):
    result = searched_by(small_result, kind)
    most = max(len(result.left), len(result.right))
    for candidates in ("test", "all"):
        expected = result.evaluate(candidates=candidates, csls_k=most)
        assert result.evaluate(candidates=candidates, csls_k=HUGE) == expected


def tiny(left, right, links):
    def graph(side, size):
        triples = np.array([[row, 0, (row + 1) % size] for row in range(size)], np.int64).reshape(-1, 3)
        names = tuple(f"name {row}" for row in range(size))
        return KnowledgeGraph(tuple(f"{side}{row}" for row in range(size)), ("r",), triples, names=names)

    parts = {name: np.array(rows, np.int64).reshape(-1, 2) for name, rows in links.items()}
    return AlignmentTask(graph("a", left), graph("b", right), LinkSplit(**parts))


@pytest.mark.parametrize("model", ["propagation", "meaformer"])
@pytest.mark.parametrize(
    ("sizes", "links"),
    [
        ((1, 1), {"train": [[0, 0]], "valid": [], "test": []}),
        ((2, 1), {"train": [[0, 0]], "valid": [], "test": []}),
        ((2, 2), {"train": [[0, 0]], "valid": [], "test": [[1, 1]]}),
        ((1, 3), {"train": [[0, 0]], "valid": [], "test": []}),
        ((3, 3), {"train": [[0, 0]], "valid": [[1, 1]], "test": [[2, 2]]}),
    ],
)
def test_a_run_of_an_entity_or_two_has_an_answer(model, sizes, links, tmp_path):
    task = tiny(*sizes, links)
    settings = {} if model == "propagation" else SETTINGS
    result = mmkg.align(task, model, device="cpu", settings=settings, out=tmp_path / "run")
    hits = result.search(0, k=HUGE)
    assert sorted(hit.row for hit in hits) == list(range(sizes[1]))
    for name in MATCHERS:
        assert 1 <= len(result.match(name, k=5)) <= min(sizes)
    assert bool(result.metrics) == bool(links["test"])
    for candidates in ("test", "all"):
        assert bool(result.evaluate(candidates=candidates)) == bool(links["test"])
        assert bool(result.evaluate_assignment(candidates=candidates)) == bool(links["test"])
    assert mmkg.AlignmentResult.load(tmp_path / "run").neighbors(4)[0].ids.shape == (sizes[0], min(4, sizes[1]))
