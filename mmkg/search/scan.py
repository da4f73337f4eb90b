"""Exact search of a few queries by NumPy alone, in vectors that may be mapped from a file; needs no index."""

import numpy as np

from ..typing import FloatArray
from .neighbors import Neighbors, sort_neighbors

MOST_QUERIES = 64  # more are faster by an index, or by tiles of torch
MOST_SCORES = 1 << 24  # of all queries with all base rows, which are held at a time
BLOCK_BYTES = 16 << 20
ROUNDING = 1e-4  # least scores, below the k-th best, of rows that are scored again


def scan(queries: FloatArray, base: FloatArray, k: int, *, penalty: FloatArray | None = None) -> Neighbors:
    """The k best base rows of each query, ``[Q, k]``, in the order (-score, id).

    The products of all pairs choose candidates. These are scored again in float64, each by itself, so that equal rows
    have equal scores whatever kernel multiplies, and among equal scores the lowest ids are found.

    Args:
        queries: unit rows, float32 ``[Q, d]``, few, see ``can_scan``.
        base: unit rows, float32 or float16 ``[N, d]``.
        k: at most N.
        penalty: with CSLS, the mean of each base row, ``[N]``: the score is ``2 <q, b> - penalty``; else ``<q, b>``.
    """
    step = max(1, BLOCK_BYTES // (4 * base.shape[1]))
    scores = np.empty((len(queries), len(base)), np.float32)
    for start in range(0, len(base), step):
        block = base[start : start + step].astype(np.float32, copy=False)
        np.matmul(queries, block.T, out=scores[:, start : start + step])
    if penalty is not None:
        scores *= 2
        scores -= penalty
    ids = np.empty((len(queries), k), np.int64)
    found = np.empty((len(queries), k), np.float32)
    for place, (query, row) in enumerate(zip(queries, scores, strict=True)):
        least = np.partition(row, len(row) - k)[len(row) - k]
        near = np.flatnonzero(row >= least - ROUNDING)
        exact = _products(query, base, near)
        if penalty is not None:
            exact = 2 * exact - penalty[near]
        best = sort_neighbors(near[None], exact.astype(np.float32)[None])
        ids[place], found[place] = best.ids[0, :k], best.scores[0, :k]
    return Neighbors(ids, found)


def can_scan(number: int, size: int) -> bool:
    """Whether so many queries are few enough for ``scan`` of ``size`` base rows."""
    return number <= MOST_QUERIES and number * size <= MOST_SCORES


def _products(query: FloatArray, base: FloatArray, rows: np.ndarray) -> np.ndarray:
    """Inner product of a query with some base rows, each computed in the same order, float64 ``[R]``."""
    found = np.empty(len(rows))
    step = max(1, BLOCK_BYTES // (8 * base.shape[1]))
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        found[start : start + len(some)] = (base[some].astype(np.float64) * query).sum(axis=1)
    return found
