"""Places without a neighbour: id -1 and score -inf in every kind of index, and an entity at most once per query."""

import numpy as np
import pytest

from mmkg.errors import UsageError
from mmkg.search import INDEXES, IndexConfig, Neighbors, build_index, csls_neighbors, sort_neighbors
from mmkg.search.means import csls_means, csls_pair_means, mean_scores

KINDS = [name for name in ("auto", "exact", "flat", "ivf", "hnsw", "parts") if name in INDEXES]


def rows_of(name, size):
    draw = np.random.default_rng(5)
    if name == "repeated":
        return np.repeat(draw.standard_normal((-(-size // 4), 16)), 4, axis=0)[:size].astype(np.float32)
    rows = draw.standard_normal((size, 16)).astype(np.float32)
    if name == "half zero":
        rows[::2, :8] = 0
        rows[1::4, 8:] = 0
        rows[:2] = 0
    return rows


def check(found, k, size):
    missing = found.scores == -np.inf
    assert found.ids.shape == found.scores.shape == (len(found), k)
    assert not np.isnan(found.scores).any() and not (found.scores == np.inf).any()
    assert ((found.ids == -1) == missing).all()
    assert (found.present == ~missing).all()
    assert found.ids.max(initial=-1) < size and found.ids.min(initial=0) >= -1
    for ids, scores in zip(found.ids, found.scores, strict=True):
        there = ids[ids >= 0].tolist()
        assert len(set(there)) == len(there)
        kept = list(zip((-scores[ids >= 0]).tolist(), there, strict=True))
        assert kept == sorted(kept) and (ids[len(there) :] == -1).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", ["normal", "repeated", "half zero"])
@pytest.mark.parametrize(("size", "k"), [(1, 1), (1, 3), (2, 5), (7, 100), (300, 1), (300, 40), (300, 300), (300, 999)])
def test_an_entity_is_found_once_and_a_missing_one_has_no_id(kind, data, size, k):
    base = rows_of(data, size)
    for config in (IndexConfig(parts=(8, 8)), IndexConfig(parts=(8, 8), nlist=min(size, 20), nprobe=1)):
        index = build_index(base, kind=kind, config=config, device="cpu")
        queries = np.concatenate([base[:60], rows_of("normal", 60)[-20:]])
        check(index.search(queries, k), k, size)


def test_lists_of_parts_that_hold_fewer_than_k_rows_repeat_none_of_them():
    base = np.random.default_rng(0).standard_normal((4000, 16))
    index = build_index(base, kind="parts", parts=(8, 8), nprobe=1)
    check(index.search(np.random.default_rng(1).standard_normal((200, 16)), 100), 100, 4000)
    one = build_index(np.ones((1, 4)), kind="parts", parts=(2, 2)).search(np.ones((1, 4)), 3)
    assert one.ids.tolist() == [[0, -1, -1]]
    assert one.scores.tolist() == [[1.0, -np.inf, -np.inf]]


def test_sorted_neighbors_drop_the_id_of_a_score_of_minus_infinity():
    found = sort_neighbors(np.array([[4, 2, 2, -7]]), np.array([[0.5, 0.9, -np.inf, 3.0]], np.float32))
    assert found.ids.tolist() == [[2, 4, -1, -1]]
    assert found.scores.tolist() == [[np.float32(0.9), 0.5, -np.inf, -np.inf]]


def test_the_mean_score_skips_missing_neighbours_of_any_searcher():
    found = Neighbors(np.array([[3, 3], [1, -1], [-1, -1]]), np.array([[0.5, -np.inf], [0.25, 9], [-np.inf] * 2], "f4"))
    assert mean_scores(found).tolist() == [0.5, 0.25, 0.0]
    assert found.present.tolist() == [[True, False], [True, False], [False, False]]
    assert csls_neighbors(found, np.zeros(3, np.float32)).scores[0].tolist() == [0.5, -np.inf]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [3, 50, 10**9])
def test_means_are_finite_with_more_neighbours_than_rows(kind, k):
    left, right = rows_of("normal", 30), rows_of("half zero", 20)
    config = IndexConfig(parts=(8, 8), nlist=4, nprobe=1)
    cosines = left / np.linalg.norm(left, axis=1, keepdims=True)
    cosines = cosines @ (right / np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-9)).T
    for means, size in zip(csls_pair_means(left, right, k, kind=kind, config=config), (30, 20), strict=True):
        assert means.shape == (size,) and np.isfinite(means).all() and (np.abs(means) <= 1).all()
    if kind in ("exact", "flat") and k >= 20:
        np.testing.assert_allclose(csls_means(left, right, k, kind=kind), cosines.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_an_absurd_k_is_one_clear_error_and_never_out_of_memory(kind):
    index = build_index(rows_of("normal", 50), kind=kind, parts=(8, 8), device="cpu")
    with pytest.raises(UsageError, match=r"k = 10{9}.*only 50 neighbours"):
        index.search(rows_of("normal", 2), 10**9)
