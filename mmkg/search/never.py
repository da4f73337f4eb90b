"""Pairs that are known to be wrong: no search returns them, and the next best takes their place."""

from collections.abc import Callable

import numpy as np

from ..typing import BoolArray, IntArray
from .neighbors import Neighbors, pad_neighbors, sort_neighbors

NO_PAIRS = np.empty((0, 2), np.int64)
Find = Callable[[IntArray, int], Neighbors]


def allowed(find: Find, rows: IntArray, k: int, never: IntArray, size: int) -> Neighbors:
    """The k best answers without pairs that are wrong, ``[Q, k]``, as many columns as ``find`` gives.

    Args:
        find: returns the k best answers of some querying rows.
        rows: querying rows, int64 ``[Q]``.
        k: number of answers, >= 1.
        never: wrong pairs (querying row, answering row), int64 ``[W, 2]``.
        size: number of answering rows.
    """
    found = find(rows, k)
    hit = np.isin(rows, never[:, 0])
    if not hit.any():
        return found
    some = rows[hit]
    most = int(np.unique(never[np.isin(never[:, 0], some), 0], return_counts=True)[1].max())
    more = find(some, min(k + most, max(k, size)))
    pairs = np.stack([np.repeat(some, more.ids.shape[1]), more.ids.ravel()], axis=1)
    wrong = is_in(pairs, never).reshape(more.ids.shape)
    kept = pad_neighbors(sort_neighbors(np.where(wrong, -1, more.ids), more.scores), found.ids.shape[1])
    ids, scores = found.ids.copy(), found.scores.copy()
    ids[hit], scores[hit] = kept.ids[:, : ids.shape[1]], kept.scores[:, : ids.shape[1]]
    return Neighbors(ids, scores)


def is_in(pairs: IntArray, others: IntArray) -> BoolArray:
    """Which pairs, int64 ``[P, 2]``, are among others, int64 ``[K, 2]``; bool ``[P]``."""
    if not len(pairs) or not len(others):
        return np.zeros(len(pairs), bool)
    width = int(max(pairs[:, 1].max(), others[:, 1].max())) + 1
    found: BoolArray = np.isin(pairs[:, 0] * width + pairs[:, 1], others[:, 0] * width + others[:, 1])
    return found & (pairs[:, 1] >= 0)


def among(pairs: IntArray, left: IntArray | None, right: IntArray | None) -> IntArray:
    """Pairs of rows as positions among some rows of either side; those with another end are left out.

    Args:
        pairs: int64 ``[P, 2]``.
        left, right: rows, ascending; ``None`` = all.
    """
    for side, rows in enumerate((left, right)):
        if rows is not None:
            pairs = pairs[np.isin(pairs[:, side], rows)].copy()
            pairs[:, side] = np.searchsorted(rows, pairs[:, side])
    return pairs
