"""Clusters of rows from pairs: rows that are known to differ are never in one cluster."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..typing import BoolArray, FloatArray, IntArray

LARGEST = 256  # rows that are clustered at a time; larger groups are first split at a higher confidence
FAR = 1e6  # distance of rows that are known to differ
SPLITS = 40
BATCH_PAIRS = 1 << 20  # pairs inside groups that are scored at a time


def clusters_of(
    size: int,
    pairs: IntArray,
    confidence: FloatArray,
    *,
    score: Callable[[IntArray], FloatArray],
    apart: Callable[[IntArray], BoolArray],
    together: IntArray,
    threshold: float = 0.5,
) -> IntArray:
    """Cluster rows by the mean confidence of their pairs.

    Rows that are connected by pairs of at least ``threshold`` are clustered by average linkage over *all* their pairs,
    so that a chain a = b = c does not join a and c that are unlike. Rows that are ``together`` are always in one
    cluster; other rows that are ``apart`` never are.

    Args:
        size: number of rows, n.
        pairs: candidate pairs, int64 ``[P, 2]``.
        confidence: that the rows of each are the same, in [0, 1], ``[P]``.
        score: confidence of any pairs.
        apart: whether the rows of any pairs are known to differ.
        together: pairs that are known to be the same, int64 ``[T, 2]``.
        threshold: least mean confidence of two parts of a cluster, in (0, 1].

    Returns:
        Number of the cluster of each row, int64 ``[n]``, counted in the order of the first rows; -1 for a row alone.

    Source:
        Average linkage: Sokal and Michener, Univ. Kansas Sci. Bull. 1958.
    """
    groups = _components(size, together)
    kept = (confidence >= threshold) & ~apart(pairs)
    edges = np.concatenate([pairs[kept], together])
    weights = np.concatenate([confidence[kept], np.ones(len(together))])
    found = np.full(size, -1, np.int64)
    number = 0
    connected = _groups_of(size, edges, weights, threshold)
    for batch in _batches(connected):
        inside = [_pairs_in(rows) for rows in batch]
        ends = np.concatenate(inside)
        distance = 2 - score(ends).astype(np.float64)  # in [1, 2]
        distance[apart(ends)] = FAR
        distance[groups[ends[:, 0]] == groups[ends[:, 1]]] = 0.0  # before all others
        parts = np.split(distance, np.cumsum([len(each) for each in inside])[:-1])
        for rows, part in zip(batch, parts, strict=True):
            labels = fcluster(linkage(part, "average"), 2 - threshold, "distance")
            for label in np.flatnonzero(np.bincount(labels) > 1).tolist():
                found[rows[labels == label]] = number
                number += 1
    return _in_order(found)


def certainty_of(
    cluster: IntArray, pairs: IntArray, confidence: FloatArray, score: Callable[[IntArray], FloatArray]
) -> FloatArray:
    """Mean confidence of each entity with the other members of its cluster, float32 ``[n]``; 0 for an entity alone.

    Args:
        cluster: number of each entity's cluster, -1 = alone, ``[n]``.
        pairs: sorted pairs whose confidence is known.
        confidence: of these, ``[P]``.
        score: confidence of any pairs.
    """
    n = len(cluster)
    order = np.argsort(cluster, kind="stable")
    order = order[cluster[order] >= 0]
    sizes = np.bincount(cluster[order]) if len(order) else np.empty(0, np.int64)
    inside = [np.empty((0, 2), np.int64)]
    start = 0
    for size in sizes.tolist():
        first, second = np.triu_indices(size, 1)
        rows = np.sort(order[start : start + size])
        inside.append(np.stack([rows[first], rows[second]], axis=1))
        start += size
    ends = np.concatenate(inside)
    found = np.asarray(score(ends), np.float64)
    keys, known = ends[:, 0] * n + ends[:, 1], pairs[:, 0] * n + pairs[:, 1]
    sorter = np.argsort(known)
    place = np.minimum(np.searchsorted(known, keys, sorter=sorter), max(len(known) - 1, 0))
    if len(known):
        there = known[sorter[place]] == keys
        found[there] = confidence[sorter[place[there]]]
    total = np.bincount(ends.reshape(-1), np.repeat(found, 2), minlength=n)
    count = np.bincount(ends.reshape(-1), minlength=n)
    return (total / np.maximum(count, 1)).astype(np.float32)


def _groups_of(size: int, edges: IntArray, weights: FloatArray, threshold: float) -> list[IntArray]:
    """Rows that are connected, at least two and at most ``LARGEST`` each; weak edges of larger groups are cut."""
    for _ in range(SPLITS):
        component = _components(size, edges)
        counts = np.bincount(component)
        large = counts[component[edges[:, 0]]] > LARGEST if len(edges) else np.zeros(0, bool)
        cut = large & (weights < 1)
        if not cut.any():
            break
        threshold = max(float(np.quantile(weights[cut], 0.1)), np.nextafter(threshold, 2.0))
        kept = ~cut | (weights >= threshold)
        edges, weights = edges[kept], weights[kept]
    component = _components(size, edges)
    order = np.argsort(component, kind="stable")
    starts = np.flatnonzero(np.diff(component[order], prepend=-1))
    sizes = np.diff(starts, append=size)
    return [
        order[start : start + count] for start, count in zip(starts.tolist(), sizes.tolist(), strict=True) if count > 1
    ]


def _batches(groups: list[IntArray]) -> Iterator[list[IntArray]]:
    """The groups, some at a time, so that the pairs inside them fit into memory."""
    batch: list[IntArray] = []
    count = 0
    for rows in groups:
        batch.append(rows)
        count += len(rows) * (len(rows) - 1) // 2
        if count >= BATCH_PAIRS:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch


def _pairs_in(rows: IntArray) -> IntArray:
    """All pairs of some ascending rows, int64 ``[P, 2]``, in the order of a condensed distance matrix."""
    first, second = np.triu_indices(len(rows), 1)
    return np.stack([rows[first], rows[second]], axis=1)


def _components(size: int, edges: IntArray) -> IntArray:
    graph = coo_array((np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), shape=(size, size))
    found: IntArray = connected_components(graph, directed=False)[1].astype(np.int64)
    return found


def _in_order(labels: IntArray) -> IntArray:
    """Clusters counted in the order of their first rows."""
    there = labels >= 0
    distinct, first, where = np.unique(labels[there], return_index=True, return_inverse=True)
    rank = np.empty(len(distinct), np.int64)
    rank[np.argsort(first)] = np.arange(len(distinct))
    found = labels.copy()
    found[there] = rank[where]
    return found
