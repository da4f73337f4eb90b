"""Search in shards gives the lists and means of one search; here the shards are in this process."""

import numpy as np
import pytest

from mmkg.cluster import search, shards
from mmkg.cluster.connect import Workers
from mmkg.config.search import SearchConfig
from mmkg.result.embeddings import Embeddings
from mmkg.result.searcher import EmbeddingSearch
from mmkg.search.both_ways import nearest_both_ways
from mmkg.search.listed import listed_by_index
from mmkg.search.neighbors import Neighbors


@pytest.fixture(autouse=True)
def here(monkeypatch):
    """Actors that answer at once."""

    class Actor:
        def __init__(self, *arguments):
            self.shard = shards.Shard(*arguments)

        def __getattr__(self, method):
            call = getattr(self.shard, method)
            return type("Method", (), {"remote": staticmethod(call)})

    def started(rows, workers, kind, options):
        parts = shards.cut(len(rows), workers.number)
        return search._Shards([Actor(kind, options) for _ in parts], [rows[part] for part in parts])

    monkeypatch.setattr(search, "_started", started)
    monkeypatch.setattr(search, "_put", lambda rows: rows)
    monkeypatch.setattr(search, "_received", lambda answers: answers)
    monkeypatch.setattr(shards, "BLOCK_BYTES", 4 * 6 * 13)  # 13 rows of 6 columns


def vectors(number, seed, *, copies=False):
    rng = np.random.default_rng(seed)
    found = rng.standard_normal((number, 6)).astype(np.float32)
    if copies:
        found = found[rng.integers(0, number // 4, number)]  # ties
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.mark.parametrize("copies", [False, True], ids=["distinct", "copies"])
@pytest.mark.parametrize("csls_k", [0, 3])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_lists_and_means_are_those_of_one_search(copies, csls_k, workers):
    left, right = vectors(60, 1, copies=copies), vectors(45, 2, copies=copies)
    found = search.both_ways(left, right, 4, csls_k, Workers(workers, 1, False))
    one = nearest_both_ways(left, right, 4, csls_k=csls_k)
    for mine, theirs in ((found.left, one.left), (found.right, one.right)):
        assert np.array_equal(mine.ids, theirs.ids)
        assert np.allclose(mine.scores, theirs.scores, rtol=0, atol=1e-6)
    assert (found.means is None) == (csls_k == 0)
    if found.means is not None:
        assert all(np.allclose(*each, rtol=0, atol=1e-6) for each in zip(found.means, one.means, strict=True))


def test_more_workers_and_neighbours_than_rows():
    left, right = vectors(3, 1), vectors(2, 2)
    found = search.both_ways(left, right, 9, 3, Workers(4, 1, False))
    one = nearest_both_ways(left, right, 9, csls_k=3)
    for mine, theirs in ((found.left, one.left), (found.right, one.right)):
        kept = mine.ids[:, : theirs.ids.shape[1]]
        assert np.array_equal(kept, theirs.ids) and (mine.ids[:, theirs.ids.shape[1] :] == -1).all()


@pytest.mark.parametrize("csls_k", [0, 3])
def test_indexes_of_shards_give_the_lists_of_one_index(csls_k, monkeypatch):
    embeddings = Embeddings(vectors(60, 1), vectors(45, 2), {"name": 6})
    searcher = EmbeddingSearch(embeddings, csls_k, SearchConfig(index="flat"), "cpu")
    searched = []
    real = shards.Shard.search
    monkeypatch.setattr(
        shards.Shard,
        "search",
        lambda self, rows, block, *more: searched.append(len(block)) or real(self, rows, block, *more),
    )
    found = search.by_index(searcher, 4, csls_k, Workers(3, 1, False))
    one = listed_by_index(embeddings.left, embeddings.right, 4, csls_k=csls_k, kind="flat", device="cpu")
    for mine, theirs in ((found.left, one.left), (found.right, one.right)):
        assert np.array_equal(mine.ids, theirs.ids)
        assert np.allclose(mine.scores, theirs.scores, rtol=0, atol=1e-5)
    assert sum(searched) == 3 * (60 + 45)  # each row once in each shard of the other side
    assert (found.means is None) == (csls_k == 0)
    if found.means is not None:
        assert all(np.allclose(*each, rtol=0, atol=1e-6) for each in zip(found.means, one.means, strict=True))


def test_what_was_found_is_kept_for_matches_and_figures():
    embeddings = Embeddings(vectors(60, 1), vectors(45, 2), {"name": 6})
    searcher = EmbeddingSearch(embeddings, 3, SearchConfig(), "cpu")
    search.search_on(searcher, Workers(2, 1, False))
    one = EmbeddingSearch(Embeddings(embeddings.left, embeddings.right, {"name": 6}), 3, SearchConfig(), "cpu")
    assert searcher.has_lists(10) and not one.has_lists()
    for mine, theirs in zip(searcher.lists(10), one.lists(10), strict=True):
        assert np.array_equal(mine.ids, theirs.ids)


def test_merged_lists_are_in_the_order_of_score_and_row():
    first = Neighbors(np.array([[0, 2, -1]]), np.array([[0.9, 0.5, -np.inf]], np.float32))
    second = Neighbors(np.array([[1, 0, 3]]), np.array([[0.9, 0.7, 0.5]], np.float32))
    found = shards.merged([first, second], [0, 4], 4)
    assert found.ids.tolist() == [[0, 5, 4, 2]]
    assert found.scores.tolist() == [pytest.approx([0.9, 0.9, 0.7, 0.5])]


@pytest.mark.parametrize(("size", "parts"), [(10, 3), (2, 5), (1, 1), (7, 7)])
def test_slices_cover_all_rows(size, parts):
    found = shards.cut(size, parts)
    assert [row for part in found for row in range(size)[part]] == list(range(size))
    assert len(found) == min(size, parts)
