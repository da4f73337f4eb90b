"""Neighbours of both sides from one pass are those of a full matrix of scores, and of two searches with an index."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmkg.errors import InputError, UsageError
from mmkg.search import both_ways, build_index, csls_augment, csls_neighbors, mean_top_k
from mmkg.search.both_ways import nearest_both_ways
from mmkg.search.tiles import score_tiles


def signs(seed, size, dim=4):
    """Rows of +1 and -1: their cosines are multiples of 1/4 without rounding, and many are equal."""
    return np.random.default_rng(seed).choice([-1.0, 1.0], (size, dim)).astype(np.float32)


def naive(left, right, k, csls_k):
    """Full matrix, means of both sides, and the k best of each row and column in the order (-score, id)."""
    scores = np.float64(left) @ np.float64(right).T
    scores = scores / np.linalg.norm(left, axis=1)[:, None] / np.linalg.norm(right, axis=1)[None, :]
    means = None
    if csls_k:
        means = [-np.sort(-table, axis=1)[:, :csls_k].mean(axis=1) for table in (scores, scores.T)]
        scores = 2 * scores - means[0][:, None] - means[1][None, :]
    lists = []
    for table in (scores, scores.T):
        ids = np.stack([np.lexsort((np.arange(table.shape[1]), -row))[:k] for row in table])
        lists.append((ids, np.take_along_axis(table, ids, axis=1)))
    return lists, means


@pytest.mark.parametrize("csls_k", [0, 1, 4])  # means of 1 and 4 multiples of 1/4 have no rounding either
@pytest.mark.parametrize("sizes", [(1, 1), (1, 40), (40, 1), (7, 5), (60, 333), (500, 90), (2100, 2304)])
def test_neighbours_are_those_of_the_full_matrix_with_ties_by_row(sizes, csls_k):
    left, right = signs(1, sizes[0]), signs(2, sizes[1])
    for memory_bytes in (1, None) if max(sizes) < 2000 else (None,):
        found = nearest_both_ways(left, right, 10, csls_k=csls_k, device="cpu", memory_bytes=memory_bytes)
        lists, means = naive(left, right, 10, csls_k)
        for got, (ids, scores) in zip((found.left, found.right), lists, strict=True):
            assert (got.ids == ids).all() and (got.scores == scores).all()
        for got, expected in zip(found.means or (), means or (), strict=True):
            assert (got == expected).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 120), st.integers(1, 120), st.integers(1, 12), st.integers(0, 3))
def test_swapping_the_sides_swaps_the_answer(seed, n1, n2, k, csls_k):
    left, right = signs(seed, n1), signs(seed + 1, n2)
    found = nearest_both_ways(left, right, k, csls_k=csls_k, device="cpu")
    swapped = nearest_both_ways(right, left, k, csls_k=csls_k, device="cpu")
    assert found.left == swapped.right and found.right == swapped.left
    assert found.left.ids.shape == (n1, min(k, n2)) and found.right.ids.shape == (n2, min(k, n1))


@pytest.mark.parametrize("store", [np.float16, np.float32])
def test_neighbours_equal_two_searches_of_an_exact_index(store):
    draw = np.random.default_rng(3)
    left = draw.normal(size=(900, 24))
    right = np.concatenate([left[::2] + 0.4 * draw.normal(size=(450, 24)), draw.normal(size=(300, 24))])
    left, right = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (left, right))
    left, right = left.astype(store), right.astype(store)
    found = nearest_both_ways(left, right, 10, csls_k=3, device="cpu")
    for queries, base, got, mean in ((left, right, found.left, 0), (right, left, found.right, 1)):
        means = mean_top_k(queries, base, 3, device="cpu")
        np.testing.assert_allclose(found.means[mean], means, atol=1e-6)
        wanted = build_index(csls_augment(queries, base, 3, device="cpu")[1], kind="exact", metric="ip", device="cpu")
        expected = csls_neighbors(wanted.search(csls_augment(queries, base, 3, device="cpu")[0], 10), means)
        assert (got.ids == expected.ids).all()
        np.testing.assert_allclose(got.scores, expected.scores, atol=1e-5)


@pytest.mark.parametrize("order", ["mixed", "ascending", "descending"])
@pytest.mark.parametrize("kept", [(0, 1), (2, 1), (24, 4), (5000, 0)])
def test_means_that_are_known_late_change_nothing(order, kept, monkeypatch):
    """Left rows in blocks of 16: what is known of the means of right rows is far too low at first."""
    draw = np.random.default_rng(6)
    left = draw.normal(size=(600, 12)).astype(np.float32)
    right = np.concatenate([left[:400] + 0.3 * draw.normal(size=(400, 12)), draw.normal(size=(100, 12))])
    if order != "mixed":  # the right rows with the highest means have their neighbours among the last or first rows
        left = left[np.argsort(left[:, 0])[:: 1 if order == "ascending" else -1]]
    monkeypatch.setattr(both_ways, "CANDIDATES", kept)
    found = nearest_both_ways(left, right, 10, csls_k=3, device="cpu", memory_bytes=1)
    for got, (ids, scores) in zip((found.left, found.right), naive(left, right, 10, 3)[0], strict=True):
        assert (got.ids == ids).all()
        np.testing.assert_allclose(got.scores, scores, atol=1e-5)


def test_few_rows_are_scored_twice(monkeypatch):
    draw = np.random.default_rng(7)
    left = draw.normal(size=(1500, 32))
    right = left[draw.permutation(1500)] + 0.5 * draw.normal(size=(1500, 32))
    scored = []

    def counted(queries, base, **options):
        scored.append(len(queries))
        return score_tiles(queries, base, **options)

    monkeypatch.setattr(both_ways, "score_tiles", counted)
    nearest_both_ways(left, right, 10, csls_k=3, device="cpu", memory_bytes=1 << 20)
    assert scored[0] == 1500 and sum(scored[1:]) < 300


def test_given_means_are_used_and_need_no_second_pass():
    left, right = signs(4, 30, 16), signs(5, 50, 16)
    means = (np.zeros(30, np.float32), np.linspace(0, 8, 50, dtype=np.float32))
    found = nearest_both_ways(left, right, 3, csls_k=2, means=means, device="cpu")
    assert all((a == b).all() for a, b in zip(found.means, means, strict=True))
    assert (found.left.ids == np.argsort(-(2 * left @ right.T / 16 - means[1]), axis=1, kind="stable")[:, :3]).all()
    assert found.right.ids.shape == (50, 3)


def test_rows_of_zeros_score_nothing_and_arguments_stay_as_they_are():
    left, right = torch.zeros(3, 4), torch.eye(4)
    found = nearest_both_ways(left, right, 2, device="cpu")
    assert found.left.ids.tolist() == [[0, 1]] * 3 and (found.left.scores == 0).all() and not left.any()
    assert found.means is None and found.right.ids.tolist() == [[0, 1]] * 4


def test_wrong_arguments_are_named():
    good = np.eye(3)
    with pytest.raises(UsageError, match="k must be a whole number >= 1"):
        nearest_both_ways(good, good, 0)
    with pytest.raises(UsageError, match="csls_k must be a whole number >= 0"):
        nearest_both_ways(good, good, 1, csls_k=-1)
    with pytest.raises(InputError, match="right vectors must be finite"):
        nearest_both_ways(good, good * np.nan, 1)
    with pytest.raises(InputError, match="expected means of 3 left and 3 right rows"):
        nearest_both_ways(good, good, 1, csls_k=1, means=(np.zeros(2), np.zeros(3)))
