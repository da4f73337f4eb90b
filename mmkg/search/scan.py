"""Exact search without an index, in vectors that may be mapped from a file; of a few queries by NumPy alone."""

from typing import TYPE_CHECKING

import numpy as np

from ..compute.devices import device_type
from ..typing import FloatArray
from .neighbors import Neighbors, sort_neighbors

if TYPE_CHECKING:
    import torch

MOST_QUERIES = 64  # more are faster by an index, or by tiles of torch
MOST_SCORES = 1 << 24  # of all queries with all base rows, which are held at a time
BLOCK_BYTES = 16 << 20
TILE_BYTES = 256 << 20  # of base rows that many queries are compared with at a time
ROUNDING = 1e-4  # least scores, below the k-th best, of rows that are scored again


def scan(
    queries: FloatArray,
    base: FloatArray,
    k: int,
    *,
    penalty: FloatArray | None = None,
    device: "str | torch.device" = "cpu",
) -> Neighbors:
    """The k best base rows of each query, ``[Q, k]``, in the order (-score, id).

    Args:
        queries: unit rows, float32 ``[Q, d]``; if they are few, see ``can_scan``, no torch is needed on a CPU.
        base: unit rows, float32 or float16 ``[N, d]``, of which a block is in memory at a time.
        k: at most N.
        penalty: with CSLS, the mean of each base row, ``[N]``: the score is ``2 <q, b> - penalty``; else ``<q, b>``.
        device: ``auto``, ``cpu`` or ``cuda``.
    """
    if can_scan(len(queries), len(base)) and device_type(device) == "cpu":
        return _few(queries, base, k, penalty)
    return _many(queries, base, k, penalty, device)


def _few(queries: FloatArray, base: FloatArray, k: int, penalty: FloatArray | None) -> Neighbors:
    """``scan`` by NumPy.

    The products of all pairs choose candidates. These are scored again in float64, each by itself, so that equal rows
    have equal scores whatever kernel multiplies, and among equal scores the lowest ids are found.
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


def _many(
    queries: FloatArray, base: FloatArray, k: int, penalty: FloatArray | None, device: "str | torch.device"
) -> Neighbors:
    """``scan`` by an exact index of one block of base rows after the other."""
    from .exact import ExactIndex

    if penalty is not None:
        queries = np.concatenate([2 * queries, np.ones((len(queries), 1), np.float32)], axis=1)
    ids, scores = np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32)
    step = max(1, TILE_BYTES // (4 * base.shape[1]))
    for start in range(0, len(base), step):
        block = base[start : start + step].astype(np.float32, copy=False)
        if penalty is not None:
            block = np.concatenate([block, -penalty[start : start + step, None]], axis=1, dtype=np.float32)
        part = ExactIndex(block, metric="ip", device=device).search(queries, min(k, len(block)))
        ids = np.concatenate([ids, np.where(part.present, part.ids + start, -1)], axis=1)
        found = sort_neighbors(ids, np.concatenate([scores, part.scores], axis=1))
        ids, scores = found.ids[:, :k], found.scores[:, :k]
    return Neighbors(ids, scores)


def can_scan(number: int, size: int) -> bool:
    """Whether so many queries of ``size`` base rows are few enough for ``scan`` by NumPy."""
    return number <= MOST_QUERIES and number * size <= MOST_SCORES


def _products(query: FloatArray, base: FloatArray, rows: np.ndarray) -> np.ndarray:
    """Inner product of a query with some base rows, each computed in the same order, float64 ``[R]``."""
    found = np.empty(len(rows))
    step = max(1, BLOCK_BYTES // (8 * base.shape[1]))
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        found[start : start + len(some)] = (base[some].astype(np.float64) * query).sum(axis=1)
    return found
