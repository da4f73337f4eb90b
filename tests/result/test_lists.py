"""The nearest neighbours of all entities are found once, and everything else of a run reads them."""

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from mmkg.matching import MATCHERS
from mmkg.result.embeddings import Embeddings
from mmkg.result.result import AlignmentResult
from mmkg.search import INDEXES, both_ways

sys.path.insert(0, str(Path(__file__).parents[1] / "drills"))
from damage import seal


def fresh(result, *, csls_k=None, never=None, **search):
    """The same run, as if nothing had been computed from its embeddings."""
    more = {} if never is None else {"never": never}
    embeddings = Embeddings(result.left, result.right, result.widths, **more)
    experiment = dataclasses.replace(result.experiment, search=dataclasses.replace(result.experiment.search, **search))
    protocol = result.protocol if csls_k is None else dataclasses.replace(result.protocol, csls_k=csls_k)
    return dataclasses.replace(result, embeddings=embeddings, experiment=experiment, protocol=protocol)


@pytest.fixture
def scored(monkeypatch):
    """Left rows that are scored with all right rows, pass by pass; no index is built."""
    rows, tiles = [], both_ways.score_tiles

    def counted(queries, base, **options):
        rows.append(len(queries))
        return tiles(queries, base, **options)

    monkeypatch.setattr(both_ways, "score_tiles", counted)
    monkeypatch.setattr("mmkg.evaluation.ranks.score_tiles", counted)
    monkeypatch.setattr("mmkg.result.searcher.build_index", None)
    monkeypatch.setattr("mmkg.matching.candidates.build_index", None)
    return rows


def naive_lists(result, csls_k, k=10):
    """The k nearest of both sides from the full matrix, see ``csls_by_hand`` of test_result."""
    scores = np.float64(result.left) @ np.float64(result.right).T
    if csls_k:
        rows, columns = (np.sort(table, axis=1)[:, -csls_k:].mean(axis=1) for table in (scores, scores.T))
        scores = 2 * scores - rows[:, None] - columns[None, :]
    return [np.argsort(-table, axis=1, kind="stable")[:, :k] for table in (scores, scores.T)]


def test_one_pass_gives_matches_confidences_searches_and_the_report(small_result, scored):
    result = fresh(small_result)
    assert result.linked() == small_result.linked()
    assert result.judge_counterparts() == small_result.judge_counterparts()
    result.neighbors(3), result.neighbors(3, side="right"), result.report(), list(result.export())
    result.search(0), result.explain((0, 0)), result.match("greedy"), result.match("sinkhorn", k=10)
    assert scored == [90]
    result.evaluate(candidates="all", device=result.device)
    assert scored[0] == 90 and sum(scored[1:]) < len(result.links.test)  # right answers beyond the lists, both ways


@pytest.mark.parametrize("csls_k", [0, 3])
def test_lists_hold_the_nearest_by_the_full_matrix(small_result, csls_k):
    result = fresh(small_result, csls_k=csls_k)
    for found, expected in zip(result.searcher.lists(), naive_lists(result, csls_k), strict=True):
        assert (found.ids == expected).all()


def edges_for(name, result):
    """The edges of the run's graphs, as a keyword of a matcher that takes them."""
    edges = tuple(graph.triples[:, ::2] for graph in result.run_graphs.now)
    return {"edges": edges} if MATCHERS[name].edges else {}


@pytest.mark.parametrize("csls_k", [0, 3])
@pytest.mark.parametrize("kind", ["auto", "exact", "flat", "hnsw", "ivf", "parts"])  # none rounds its vectors
def test_every_kind_of_index_matches_by_its_lists(small_result, kind, csls_k):
    result = fresh(small_result, csls_k=csls_k, index=kind, options=INDEXES[kind].config())
    for name in MATCHERS:
        found = result.match(name, k=7, csls_k=csls_k)
        given = edges_for(name, result)
        alone = MATCHERS[name](result.left, result.right, k=7, csls_k=csls_k, kind=kind, device="cpu", **given)
        assert found.pairs.tolist() == alone.pairs.tolist()


@pytest.mark.parametrize("name", sorted(MATCHERS))
@pytest.mark.parametrize("k", [1, 3, 10])
def test_pairs_known_to_be_wrong_are_replaced_though_they_are_listed(small_result, name, k):
    pairs = small_result.matching.pairs
    never = np.concatenate([pairs[:30], np.stack([np.full(12, 4), np.arange(12)], axis=1)])
    result = fresh(small_result, never=np.unique(never, axis=0))
    found = result.match(name, k=k)
    given = edges_for(name, result) | {"never": result.never}
    alone = MATCHERS[name](result.left, result.right, k=k, csls_k=3, device="cpu", **given)
    assert found.pairs.tolist() == alone.pairs.tolist()
    assert not set(map(tuple, found.pairs.tolist())) & set(map(tuple, never.tolist()))


def test_a_loaded_run_scores_nothing_again(small_result, small_run, scored):
    loaded = AlignmentResult.load(small_run)
    assert loaded.linked() == small_result.linked() and loaded.judge_counterparts() == small_result.judge_counterparts()
    assert loaded.search(3, side="right") == small_result.search(3, side="right")
    assert not scored


def test_a_run_of_a_version_without_lists_answers_the_same(small_result, small_run, tmp_path, scored):
    folder = shutil.copytree(small_run, tmp_path / "old")
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["sha256"]["neighbors.safetensors"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "neighbors.safetensors").unlink()
    seal(folder)
    loaded = AlignmentResult.load(folder)
    assert not loaded.searcher.has_lists()
    assert loaded.linked().pairs.tolist() == small_result.linked().pairs.tolist()
    np.testing.assert_allclose(loaded.linked().confidence, small_result.linked().confidence, atol=1e-5)
    assert scored == [90]  # the means are known, so that one pass is enough


def test_the_lists_are_as_long_as_the_matcher_reads(small_result):
    assert fresh(small_result).searcher.lists()[0].ids.shape == (90, 10)
    assert fresh(small_result, matcher="sinkhorn").searcher.lists()[1].ids.shape == (90, 50)
    result = fresh(small_result)
    few, more = result.searcher.lists(), result.searcher.lists(20)
    assert more[0].ids.shape == (90, 20) and (more[0].ids[:, :10] == few[0].ids).all()
    assert result.searcher.lists() == more  # the longer ones stay
