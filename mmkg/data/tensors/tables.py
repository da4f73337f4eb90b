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
    """Rows of a sparse N x d matrix; a row without entries counts as not observed."""

    def __init__(self, matrix: sparse.csr_matrix, columns: Sequence[str] = ()) -> None:
        matrix.sort_indices()
        self.offsets = torch.from_numpy(matrix.indptr.astype(np.int64))
        self.indices = torch.from_numpy(matrix.indices.astype(np.int64))
        self.data = torch.from_numpy(matrix.data.astype(np.float32))
        self.dim = matrix.shape[1]
        self.observed = self.offsets.diff() > 0
        self.columns = tuple(columns)

    def take(self, rows: Tensor) -> Tensor:
        """The given rows as sparse CSR, float32 ``[B, d]``."""
        picked, counts = row_entries(self.offsets, rows)
        offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        return sparse_rows(
            offsets, self.indices.index_select(0, picked), self.data.index_select(0, picked), (len(rows), self.dim)
        )


class DenseTable:
    """Vectors of those of N entities that have one; the others read as zero and are not observed.

    The vectors stay where they are, in memory or mapped from a file: only the rows taken are read.

    Args:
        rows: entity row of each vector, ``[P]``.
        vectors: ``[P, d]``, or several such arrays one after the other.
        num_entities: N.
        divisor: what each vector is divided by when it is taken, ``[P]``; ``None`` = nothing.
    """

    def __init__(
        self,
        rows: IntArray,
        vectors: np.ndarray | Sequence[np.ndarray],
        num_entities: int,
        *,
        divisor: FloatArray | None = None,
    ) -> None:
        self.parts = (vectors,) if isinstance(vectors, np.ndarray) else tuple(vectors)
        self.divisor = divisor
        self.position = torch.full((num_entities,), -1, dtype=torch.int64)
        self.position[torch.from_numpy(rows)] = torch.arange(len(rows))
        self.dim = self.parts[0].shape[1]
        self.observed = self.position >= 0

    def take(self, rows: Tensor) -> Tensor:
        """The given rows, float32 ``[B, 1, d]``."""
        position = self.position.index_select(0, rows).numpy()
        out = np.zeros((len(rows), self.dim), np.float32)
        start = 0
        for part in self.parts:
            here = np.flatnonzero((position >= start) & (position < start + len(part)))
            out[here] = part[position[here] - start]
            start += len(part)
        if self.divisor is not None:
            here = np.flatnonzero(position >= 0)
            out[here] /= self.divisor[position[here], None]
        return torch.from_numpy(out)[:, None, :]


Table = SparseTable | DenseTable


def _norms(vectors: FloatArray) -> FloatArray:
    """Lengths of the rows, block by block."""
    blocks = range(0, len(vectors), BLOCK_ROWS)
    return np.concatenate(
        [np.empty(0, np.float32), *(np.linalg.norm(vectors[start : start + BLOCK_ROWS], axis=1) for start in blocks)]
    )
