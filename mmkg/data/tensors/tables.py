"""Features of all entities, as tables from which rows can be taken."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ...typing import FloatArray, IntArray
from ..kg import BLOCK_ROWS
from .sparse import row_entries, sparse_rows


class SparseTable:
    """Rows of a sparse N x d matrix.

    Args:
        matrix: one row per entity of both graphs, left ones first.
        columns: names of the columns, if they have any.
        all_observed: whether an entity without entries counts as observed too.
    """

    def __init__(self, matrix: sparse.csr_matrix, columns: Sequence[str] = (), *, all_observed: bool = False) -> None:
        matrix.sort_indices()
        self.offsets = torch.from_numpy(matrix.indptr.astype(np.int64))
        self.indices = torch.from_numpy(matrix.indices.astype(np.int32))  # half the memory of all rows
        self.data = torch.from_numpy(matrix.data.astype(np.float32))
        self.dim = int(matrix.shape[1])
        filled = self.offsets.diff() > 0
        self.observed = torch.ones_like(filled) if all_observed else filled
        self.columns = tuple(columns)

    def take(self, rows: Tensor) -> Tensor:
        """The given rows as sparse CSR, float32 ``[B, d]``."""
        picked, counts = row_entries(self.offsets, rows)
        offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        columns = self.indices.index_select(0, picked).long()
        return sparse_rows(offsets, columns, self.data.index_select(0, picked), (len(rows), self.dim))


class DenseTable:
    """Vectors of those of N entities that have one; the others read as zero and are not observed.

    The vectors stay in memory or in the file that they are mapped from: only the rows taken are read.

    Args:
        position: position of each entity's vector, -1 = none, int64 ``[N]``; left entities first. Entities may share
            a vector.
        vectors: ``[P, d]``, or several such arrays, whose positions count on from one to the next.
        divisor: number that each vector is divided by when it is taken, ``[P]``; ``None`` = 1.
    """

    def __init__(
        self, position: IntArray, vectors: FloatArray | Sequence[FloatArray], *, divisor: FloatArray | None = None
    ) -> None:
        self.parts = (vectors,) if isinstance(vectors, np.ndarray) else tuple(vectors)
        self.divisor = divisor
        self.position = torch.from_numpy(position)
        self.dim = int(self.parts[0].shape[1])
        self.observed = self.position >= 0

    def take(self, rows: Tensor) -> Tensor:
        """The given rows, float32 ``[B, 1, d]``."""
        position = self.position.index_select(0, rows).numpy()
        out = np.zeros((len(rows), self.dim), np.float32)
        start = 0
        for part in self.parts:
            inside = np.flatnonzero((position >= start) & (position < start + len(part)))
            out[inside] = part[position[inside] - start]
            start += len(part)
        if self.divisor is not None:
            known = np.flatnonzero(position >= 0)
            out[known] /= self.divisor[position[known], None]
        return torch.from_numpy(out)[:, None, :]


Table = SparseTable | DenseTable


def row_lengths(vectors: FloatArray) -> FloatArray:
    """Euclidean lengths of the rows, ``[P]``, at most the largest float32; by blocks, as the rows may be in a file."""
    lengths = [np.empty(0, np.float32)]
    for start in range(0, len(vectors), BLOCK_ROWS):
        block = vectors[start : start + BLOCK_ROWS]
        with np.errstate(over="ignore"):
            found = np.linalg.norm(block, axis=1)
        if len(large := np.flatnonzero(np.isinf(found))):  # the sum of squares is, the length need not be
            exact = np.linalg.norm(block[large].astype(np.float64), axis=1)
            found[large] = np.minimum(exact, np.finfo(np.float32).max)
        lengths.append(found)
    return np.concatenate(lengths)
