"""Triples and facts of both graphs as sparse matrices."""

import numpy as np
from scipy import sparse
from torch import Tensor

from ...typing import IntArray
from ..task import AlignmentTask
from ..tensors.sparse import sparse_rows
from ..tensors.tables import SparseTable
from .bags import merged_labels

LARGEST_KEY = np.iinfo(np.int64).max  # of a triple as one number


def distinct_triples(task: AlignmentTask) -> tuple[IntArray, int]:
    """Triples of both graphs without repetitions and self loops.

    Returns:
        (head row, relation, tail row), int64 ``[3, T]``, sorted; rows of the right graph count on from those of the
        left one, and relations with equal labels are the same. And the number of distinct relations.
    """
    num_left, num_right = task.left.num_entities, task.right.num_entities
    labels, columns = merged_labels(task.left.relations, task.right.relations)
    head, relation, tail = (
        np.concatenate(parts)
        for parts in zip(
            *(
                (graph.triples[:, 0] + shift, columns[side][graph.triples[:, 1]], graph.triples[:, 2] + shift)
                for side, (graph, shift) in enumerate(((task.left, 0), (task.right, num_left)))
            ),
            strict=True,
        )
    )
    between = head != tail
    head, relation, tail = head[between], relation[between], tail[between]
    size, kinds = num_left + num_right, max(len(labels), 1)
    if size * size * kinds > LARGEST_KEY:
        found: IntArray = np.unique(np.stack([head, relation, tail], axis=1), axis=0).T
        return found, len(labels)
    keys = np.sort((head * kinds + relation) * size + tail)  # many times faster than np.unique
    keys, tail = np.divmod(keys[np.diff(keys, prepend=-1) != 0], size)
    head, relation = np.divmod(keys, kinds)
    return np.stack([head, relation, tail]), len(labels)


def count_matrix(rows: IntArray, cols: IntArray, shape: tuple[int, int]) -> Tensor:
    """How often each (row, column) occurs, sparse CSR float32 with ascending columns."""
    matrix = sparse.coo_matrix((np.ones(len(rows), np.float32), (rows, cols)), shape=shape).tocsr()
    matrix.sum_duplicates()
    return whole_table(SparseTable(matrix))


def whole_table(table: SparseTable) -> Tensor:
    """All rows of a table, sparse CSR float32 ``[N, d]``."""
    return sparse_rows(table.offsets, table.indices.long(), table.data, (len(table.offsets) - 1, table.dim))
