"""Sparse CSR tensors."""

import warnings

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...compute.seeding import numpy_generator


def sparse_rows(offsets: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """Sparse CSR tensor of parts that are known to be sound, without torch's note that CSR is in beta."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse (CSR tensor support|invariant checks)")
        return torch.sparse_csr_tensor(offsets, columns, values, shape, check_invariants=False)


def sparse_entries(rows: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """Sparse CSR tensor of entries in any order; those of one row keep theirs, and none is summed with another."""
    order = torch.argsort(rows, stable=True)
    counts = torch.bincount(rows, minlength=shape[0])
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return sparse_rows(offsets, columns[order], values[order], shape)


def row_entries(offsets: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Where the entries of some rows of a CSR matrix lie, row after row ``[E]``, and how many each row has ``[B]``."""
    starts = offsets.index_select(0, rows)
    counts = offsets.index_select(0, rows + 1) - starts
    entries = (starts - (counts.cumsum(0) - counts)).repeat_interleave(counts)
    return entries + torch.arange(len(entries), device=rows.device), counts


def ship(tensor: Tensor, device: str | torch.device) -> Tensor:
    """A tensor of the host on ``device``; on CUDA out of pinned memory, so that the host need not wait for it."""
    if torch.device(device).type != "cuda":
        return tensor.to(device)
    if tensor.layout == torch.sparse_csr:
        parts = (tensor.crow_indices(), tensor.col_indices(), tensor.values())
        offsets, columns, values = (ship(part, device) for part in parts)
        return sparse_rows(offsets, columns, values, (tensor.shape[0], tensor.shape[1]))
    return tensor.pin_memory().to(device, non_blocking=True)


def walk_steps(neighbors: Tensor, hub_damping: float) -> Tensor:
    """Probability of a step from each entity to another, CSR ``[N, N]``; rows sum to 1, or to 0 without neighbours."""
    counts = neighbors.crow_indices().diff()
    rows = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)
    degree = neighbors.values().new_zeros(len(counts)).index_add_(0, rows, neighbors.values())
    likely = neighbors.values() * degree[neighbors.col_indices()].pow(-hub_damping)
    total = likely.new_zeros(len(counts)).index_add_(0, rows, likely)
    return revalued(neighbors, likely / total[rows])


def random_projection(rows: int, cols: int, seed: int, purpose: str, device: str | torch.device) -> Tensor:
    """Random projection ``[rows, cols]`` that keeps lengths on average."""
    values = numpy_generator(seed, purpose).standard_normal((rows, cols), dtype=np.float32)
    return torch.from_numpy(values / np.float32(cols**0.5)).to(device)


def centred(rows: Tensor, num_left: int) -> Tensor:
    """Rows less the mean of their graph's rows that are not zero, of unit length; zero rows stay zero."""
    there = (rows != 0).any(dim=1, keepdim=True)
    for side, here in ((rows[:num_left], there[:num_left]), (rows[num_left:], there[num_left:])):
        side -= here * (side.sum(dim=0) / here.sum().clamp(min=1))
    return F.normalize(rows, dim=1)


def revalued(matrix: Tensor, values: Tensor) -> Tensor:
    """The CSR matrix with other values at the same places."""
    return sparse_rows(matrix.crow_indices(), matrix.col_indices(), values, (matrix.shape[0], matrix.shape[1]))


def column_sums(matrix: Tensor) -> Tensor:
    """Sum of each column of a CSR matrix."""
    sums = matrix.values().new_zeros(matrix.shape[1])
    return sums.index_add_(0, matrix.col_indices(), matrix.values())


def transposed(matrix: Tensor) -> Tensor:
    """The transpose of a CSR matrix, CSR again."""
    rows = torch.arange(matrix.shape[0], device=matrix.device).repeat_interleave(matrix.crow_indices().diff())
    return sparse_entries(matrix.col_indices(), rows, matrix.values(), (matrix.shape[1], matrix.shape[0]))
