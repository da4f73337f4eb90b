"""Pairs of entities that may be the same: nearest neighbours in each view."""

import numpy as np

from ..search import build_index
from ..typing import BoolArray, FloatArray, IntArray

BLOCK_ROWS = 1 << 16


def candidate_pairs(views: dict[str, FloatArray], allowed: BoolArray, *, k: int = 10, device: str = "auto") -> IntArray:
    """Pairs (smaller row, larger row) of which one is among the k nearest of the other in some view, int64 ``[P, 2]``.

    They are sorted and unique; the search is exact up to 200,000 entities, see ``build_index``.

    Args:
        views: unit rows or zeros by view, float32 ``[n, d]``; a zero row has no neighbours.
        allowed: which entities may be in a pair, ``[n]``.
        k: number of neighbours of an entity in each view.
        device: where to search.
    """
    n = len(allowed)
    found = [np.empty(0, np.int64)]
    for rows in views.values():
        there = np.flatnonzero(allowed & rows.any(axis=1))
        if len(there) < 2:
            continue
        index = build_index(rows[there], device=device)
        for start in range(0, len(there), BLOCK_ROWS):
            block = there[start : start + BLOCK_ROWS]
            near = index.search(rows[block], min(k + 1, len(there)))
            queries, places = np.nonzero(near.present & (near.scores > 0))
            ends = np.stack([block[queries], there[near.ids[queries, places]]], axis=1)
            ends = np.sort(ends[ends[:, 0] != ends[:, 1]], axis=1)
            found.append(np.unique(ends[:, 0] * n + ends[:, 1]))
    keys = np.unique(np.concatenate(found))
    return np.stack(np.divmod(keys, n), axis=1)
