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
    columns: Sequence[str] | None = None,
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
        columns: labels of the columns, in place of the most frequent ones.
    """
    if columns is None:
        frequency = np.bincount(kinds, minlength=len(labels))
        columns = [labels[kind] for kind in np.argsort(-frequency, kind="stable")[:top].tolist()]
    position = {label: number for number, label in enumerate(columns)}
    column = np.array([position.get(label, -1) for label in labels], np.int64)
    keep = column[kinds] >= 0
    entries = (np.ones(int(keep.sum()), np.float32), (rows[keep], column[kinds[keep]]))
    matrix = sparse.coo_matrix(entries, shape=(num_rows, max(len(columns), 1))).tocsr()
    matrix.sum_duplicates()
    if binary:
        matrix.data[:] = 1
    return SparseTable(matrix, columns, all_observed=all_observed)
