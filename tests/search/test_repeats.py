"""Vectors of which most are copies give the answers of a loop over all pairs, without scoring all pairs."""

import numpy as np
import pytest
import torch

from mmkg.evaluation import Ranks, both_directions, link_ranks, sampled_ranks
from mmkg.evaluation.ranks import ranks
from mmkg.search import build_index
from mmkg.search.csls import mean_top_k
from mmkg.search.means import csls_pair_means
from mmkg.search.repeats import distinct_rows

SIZES = (2100, 2304)


def copies(seed, size, kinds=30, dim=5):
    """Rows of small whole numbers, so that every product is exact; many of them equal."""
    draw = np.random.default_rng(seed)
    return draw.integers(-3, 4, (kinds, dim)).astype(np.float32)[draw.integers(0, kinds, size)]


def drawn(seed, size, dim=5):
    return np.random.default_rng(seed).integers(-3, 4, (size, dim)).astype(np.float32) + np.arange(size)[:, None] % 97


def naive_search(queries, base, k):
    scores = queries.astype(np.float64) @ base.T.astype(np.float64)
    ids = np.stack([np.lexsort((np.arange(len(base)), -row))[:k] for row in scores])
    return ids, np.take_along_axis(scores, ids, axis=1)


def naive_ranks(scores, gold):
    own = scores[np.arange(len(gold)), gold][:, None]
    return Ranks((scores > own).sum(axis=1), (scores == own).sum(axis=1) - 1)


def equal(got, expected):
    return (got.better == expected.better).all() and (got.equal == expected.equal).all()


def test_few_copies_are_left_alone_and_many_are_found_with_their_first_rows():
    assert distinct_rows(torch.randn(3000, 4)) is None
    assert distinct_rows(torch.zeros(2047, 4)) is None  # too few to matter
    rows = torch.from_numpy(copies(0, 3000))
    found = distinct_rows(rows)
    expected, first, place, counts = np.unique(
        rows.numpy(), axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    assert found.first.tolist() == sorted(first.tolist()) and len(found.first) == len(expected)
    assert torch.equal(rows[found.first][found.place], rows)
    assert found.counts.tolist() == [counts[place[row]] for row in found.first.tolist()]
    assert distinct_rows(torch.cat([rows, torch.randn(1200, 5)])) is None  # 1,230 kinds among 4,200


def test_rows_that_differ_in_one_value_are_told_apart():
    rows = torch.ones(4000, 300)
    rows[1234, 17] = 2
    assert distinct_rows(rows).first.tolist() == [0, 1234]


@pytest.mark.parametrize("kind", ["exact", "flat"])
@pytest.mark.parametrize("k", [1, 3, 64, 65])
@pytest.mark.parametrize("which", ["both", "base", "queries"])
def test_search_keeps_the_order_by_score_and_then_by_row(kind, k, which):
    base = copies(1, SIZES[0]) if which != "queries" else drawn(1, SIZES[0])
    queries = copies(2, SIZES[1]) if which != "base" else drawn(2, 100)
    found = build_index(base, kind=kind, metric="ip", device="cpu").search(queries, k)
    ids, scores = naive_search(queries, base, k)
    assert (found.ids == ids).all() and (found.scores == scores).all()


@pytest.mark.parametrize("kind", ["exact", "flat"])
def test_fewer_kinds_than_neighbours_are_enough(kind):
    found = build_index(np.zeros((3000, 4)), kind=kind, device="cpu").search(np.ones((2, 4)), 5)
    assert found.ids.tolist() == [[0, 1, 2, 3, 4]] * 2 and (found.scores == 0).all()
    padded = build_index(np.zeros((2050, 4)), kind=kind, device="cpu").search(np.ones((1, 4)), 2060)
    assert padded.ids[0].tolist() == [*range(2050), *[-1] * 10]


@pytest.mark.parametrize("k", [1, 3, 200, 5000])
@pytest.mark.parametrize("which", ["both", "left", "right"])
def test_means_count_every_copy(k, which):
    left = copies(3, SIZES[0]) if which != "right" else drawn(3, 300)
    right = copies(4, SIZES[1]) if which != "left" else drawn(4, 300)
    unit = [each / np.maximum(np.linalg.norm(each, axis=1, keepdims=True), 1e-9) for each in (left, right)]
    cosines = unit[0] @ unit[1].T
    expected = [np.sort(table, axis=1)[:, ::-1][:, :k].mean(axis=1) for table in (cosines, cosines.T)]
    for got, wanted in zip(csls_pair_means(left, right, k, kind="exact"), expected, strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-5)
    np.testing.assert_allclose(mean_top_k(left, right, k), expected[0], atol=1e-5)


@pytest.mark.parametrize("which", ["both", "left", "right"])
def test_ranks_count_every_copy(which):
    left = copies(5, SIZES[0]) if which != "right" else drawn(5, SIZES[0])
    right = copies(6, SIZES[1]) if which != "left" else drawn(6, SIZES[1])
    count = 2080
    scores = left.astype(np.float64) @ right.T.astype(np.float64)
    there, back = both_directions(left, right, pairs=count, normalise=False, device="cpu")
    assert equal(there, naive_ranks(scores[:count], np.arange(count)))
    assert equal(back, naive_ranks(scores.T[:count], np.arange(count)))
    gold = np.random.default_rng(7).integers(0, len(right), len(left))
    assert equal(ranks(left, right, gold, normalise=False, device="cpu"), naive_ranks(scores, gold))
    means = np.random.default_rng(8).integers(0, 5, len(right)).astype(np.float32)  # not those of the vectors
    got = ranks(left, right, gold, normalise=False, csls_k=3, col_mean=means, device="cpu")
    assert equal(got, naive_ranks(2 * scores - means, gold))


def test_equal_vectors_have_the_middle_rank_by_csls():
    links = np.stack([np.arange(3000)] * 2, axis=1)
    ones = np.ones((3000, 3))
    for found in (*link_ranks(ones, ones, links, device="cpu"), *sampled_ranks(ones, ones, links, links, device="cpu")):
        assert set(found.mean.tolist()) == {1500.5}
