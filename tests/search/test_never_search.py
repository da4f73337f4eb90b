"""Pairs that are known to be wrong, left out of neighbours."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmkg.search.neighbors import Neighbors, sort_neighbors
from mmkg.search.never import allowed, among, is_in

NONE = np.empty((0, 2), np.int64)


def searcher(scores):
    def find(rows, k):
        found = sort_neighbors(np.tile(np.arange(scores.shape[1]), (len(rows), 1)), scores[rows])
        return Neighbors(found.ids[:, :k], found.scores[:, :k])

    return find


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(0, 12))
def test_the_best_of_the_allowed_are_found(seed, k, number):
    draw = np.random.default_rng(seed)
    scores = draw.integers(0, 5, (4, 5)).astype(np.float32)
    never = np.stack([draw.integers(0, 4, number), draw.integers(0, 5, number)], axis=1)
    rows = np.array([3, 0, 2])
    found = allowed(searcher(scores), rows, k, never, 5)
    for place, row in enumerate(rows):
        free = [col for col in range(5) if not any((row, col) == tuple(pair) for pair in never.tolist())]
        wanted = sorted(free, key=lambda col: (-scores[row, col], col))[:k]
        assert found.ids[place][found.present[place]].tolist() == wanted
        assert found.scores[place][found.present[place]].tolist() == [scores[row, col] for col in wanted]


def test_without_wrong_pairs_nothing_is_searched_again():
    calls = []
    find = searcher(np.eye(3, dtype=np.float32))
    allowed(lambda rows, k: calls.append(k) or find(rows, k), np.arange(3), 2, NONE, 3)
    assert calls == [2]


def test_pairs_among_some_rows_are_positions():
    pairs = np.array([[4, 1], [2, 5], [4, 5], [0, 9]])
    assert among(pairs, np.array([2, 4]), np.array([1, 5, 7])).tolist() == [[1, 0], [0, 1], [1, 1]]
    assert among(pairs, None, np.array([9])).tolist() == [[0, 0]]
    assert pairs.tolist() == [[4, 1], [2, 5], [4, 5], [0, 9]]
    assert is_in(pairs, np.array([[2, 5], [1, 4]])).tolist() == [False, True, False, False]
    assert is_in(np.array([[1, -1]]), np.array([[0, 1], [1, 0]])).tolist() == [False]
