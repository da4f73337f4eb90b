"""Clusters from pairs: average linkage over all pairs, rows that differ apart, known duplicates together."""

import numpy as np
import pytest

from mmkg.matching import clusters as module
from mmkg.matching.clusters import certainty_of, clusters_of

NONE = np.empty((0, 2), np.int64)


def found(matrix, *, apart=(), together=(), threshold=0.5):
    """Clusters of rows whose pairs have the confidences of a symmetric matrix."""
    matrix = np.asarray(matrix, float)
    pairs = np.argwhere(np.triu(matrix, 1) > 0.05)
    forbidden = {tuple(sorted(pair)) for pair in apart}
    labels = clusters_of(
        len(matrix),
        pairs,
        matrix[pairs[:, 0], pairs[:, 1]],
        score=lambda some: matrix[some[:, 0], some[:, 1]],
        apart=lambda some: np.array([tuple(sorted(pair)) in forbidden for pair in some.tolist()], bool),
        together=np.array(together, np.int64).reshape(-1, 2),
        threshold=threshold,
    )
    return [np.flatnonzero(labels == label).tolist() for label in range(labels.max(initial=-1) + 1)]


def symmetric(size, pairs):
    matrix = np.zeros((size, size))
    for (i, j), value in pairs.items():
        matrix[i, j] = matrix[j, i] = value
    return matrix


def test_a_chain_does_not_join_unlike_ends():
    # by hand: 0-1 join at 0.9; the mean of 1-2 (0.8) and 0-2 (0) is 0.4
    assert found(symmetric(3, {(0, 1): 0.9, (1, 2): 0.8})) == [[0, 1]]
    assert found(symmetric(3, {(0, 1): 0.9, (1, 2): 0.8, (0, 2): 0.3})) == [[0, 1, 2]]  # mean 0.55
    assert found(symmetric(3, {(0, 1): 0.9, (1, 2): 0.8, (0, 2): 0.3}), threshold=0.6) == [[0, 1]]


def test_rows_that_differ_are_apart_whatever_else_is_similar():
    matrix = np.full((4, 4), 0.95)
    clusters = found(matrix, apart=[(0, 3)])
    assert len(clusters) <= 2 and not any({0, 3} <= set(each) for each in clusters)
    assert sum(map(len, clusters)) >= 3
    assert found(symmetric(2, {(0, 1): 0.99}), apart=[(1, 0)]) == []


def test_known_duplicates_are_together_without_similarity():
    assert found(np.zeros((4, 4)), together=[(0, 2), (2, 3)]) == [[0, 2, 3]]
    # 0 = 1 is known; 2 is like 1 alone, in the mean 0.45
    assert found(symmetric(3, {(1, 2): 0.9}), together=[(0, 1)]) == [[0, 1]]


def test_clusters_are_counted_by_their_first_rows():
    assert found(symmetric(6, {(0, 5): 0.9, (1, 2): 0.99, (3, 4): 0.7})) == [[0, 5], [1, 2], [3, 4]]
    assert found(np.zeros((3, 3))) == []


def naive(matrix, threshold):
    """Average linkage as defined: join the two clusters with the largest mean, while it reaches the threshold."""
    clusters = [[row] for row in range(len(matrix))]
    while len(clusters) > 1:
        means = {
            (a, b): np.mean([matrix[i, j] for i in clusters[a] for j in clusters[b]])
            for a in range(len(clusters))
            for b in range(a)
        }
        (a, b), best = max(means.items(), key=lambda each: each[1])
        if best < threshold:
            break
        clusters[b] = sorted(clusters[b] + clusters[a])
        del clusters[a]
    return sorted(each for each in clusters if len(each) > 1)


@pytest.mark.parametrize("seed", range(6))
def test_clusters_are_those_of_average_linkage(seed):
    draw = np.random.default_rng(seed)
    matrix = np.triu(draw.random((14, 14)) ** 1.5, 1)
    matrix += matrix.T
    assert found(matrix, threshold=0.55) == naive(matrix, 0.55)


def test_large_groups_are_cut_at_their_weakest_pairs(monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 6)
    draw = np.random.default_rng(0)
    matrix = np.zeros((30, 30))
    for start in range(0, 30, 5):
        matrix[start : start + 5, start : start + 5] = 0.9
    for start in range(4, 25, 5):
        matrix[start, start + 1] = matrix[start + 1, start] = 0.5 + 0.05 * draw.random()
    assert found(matrix) == [list(range(start, start + 5)) for start in range(0, 30, 5)]


def test_the_certainty_is_the_mean_over_the_other_members():
    cluster = np.array([0, 0, -1, 0])
    pairs = np.array([[0, 1], [1, 3], [2, 3]])
    scored = []

    def score(some):
        scored.extend(some.tolist())
        return np.full(len(some), 0.2)

    found = certainty_of(cluster, pairs, np.array([0.9, 0.7, 0.1]), score)
    assert found == pytest.approx([(0.9 + 0.2) / 2, (0.9 + 0.7) / 2, 0, (0.2 + 0.7) / 2])
    assert [0, 3] in scored
