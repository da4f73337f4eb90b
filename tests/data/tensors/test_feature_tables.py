import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from mmkg.data.tensors.tables import DenseTable, SparseTable


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 7), max_size=12))
def test_taken_rows_are_those_of_the_dense_matrix(seed, rows):
    rng = np.random.default_rng(seed)
    matrix = np.where(rng.random((8, 5)) < 0.3, rng.standard_normal((8, 5)), 0).astype(np.float32)
    matrix[3] = 0
    picked = torch.tensor(rows, dtype=torch.int64)
    sparse_table = SparseTable(sparse.csr_matrix(matrix))
    taken = sparse_table.take(picked)
    assert taken.layout == torch.sparse_csr
    assert np.array_equal(taken.to_dense().numpy(), matrix[rows].reshape(-1, 5))
    assert sparse_table.observed.tolist() == (matrix != 0).any(axis=1).tolist()
    some = np.array([0, 2, 3, 7])
    position = np.full(8, -1)
    position[some] = np.arange(4)
    found = DenseTable(position, matrix[some]).take(picked)
    expected = np.where(np.isin(np.arange(8), some)[:, None], matrix, 0)[rows].reshape(-1, 1, 5)
    assert np.array_equal(found.numpy(), expected)
