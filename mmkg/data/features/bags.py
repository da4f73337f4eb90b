"""Bags: sparse counts of the most frequent labels at each entity."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from ...typing import IntArray
from ..tensors.tables import SparseTable


def merged_labels(left: Sequence[str], right: Sequence[str]) -> tuple[list[str], tuple[IntArray, IntArray]]:
    """Distinct labels of both graphs, in order of appearance, and the column of each label of either graph."""
    column = {label: position for position, label in enumerate(dict.fromkeys([*left, *right]))}
    lefts, rights = (np.array([column[label] for label in side], dtype=np.int64) for side in (left, right))
    return list(column), (lefts, rights)


def bag_table(
    rows: IntArray,
    kinds: IntArray,
    labels: Sequence[str],
    num_rows: int,
    *,
    top: int,
    binary: bool,
    all_observed: bool = False,
) -> SparseTable:
    """Counts of the most frequent kinds; columns are sorted by frequency, ties by order of appearance.

    Args:
        rows: entity row of each fact, ``[F]``.
        kinds: position of each fact in ``labels``, ``[F]``.
        labels: labels of the kinds.
        num_rows: N.
        top: largest number of columns.
        binary: whether repeated facts count once.
        all_observed: whether entities with an empty row count as observed.
    """
    frequency = np.bincount(kinds, minlength=len(labels))
    order = np.argsort(-frequency, kind="stable")[:top]
    column = np.full(len(labels), -1)
    column[order] = np.arange(len(order))
    keep = column[kinds] >= 0
    entries = (np.ones(int(keep.sum()), np.float32), (rows[keep], column[kinds[keep]]))
    matrix = sparse.coo_matrix(entries, shape=(num_rows, max(len(order), 1))).tocsr()
    matrix.sum_duplicates()
    if binary:
        matrix.data[:] = 1
    return SparseTable(matrix, [labels[kind] for kind in order], all_observed=all_observed)
