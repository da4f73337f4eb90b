"""Sparse CSR tensors."""

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...compute.process import quiet
from ...compute.seeding import numpy_generator
from ...typing import FloatArray

KEPT_VALUES = 1 << 20  # of a random projection: 4 MB


def sparse_rows(offsets: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """Sparse CSR tensor of valid parts, which are not checked; torch's warning that CSR is in beta is suppressed."""
    with quiet("Sparse (CSR tensor support|invariant checks)"):
        return torch.sparse_csr_tensor(offsets, columns, values, shape, check_invariants=False)


def sparse_entries(rows: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """Sparse CSR tensor of entries in any order; entries of one row keep their order, equal places are not summed."""
    order = torch.argsort(rows, stable=True)
    counts = torch.bincount(rows, minlength=shape[0])
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return sparse_rows(offsets, columns[order], values[order], shape)


def row_entries(offsets: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Positions of the entries of some rows of a CSR matrix, row by row ``[E]``, and their number per row ``[B]``."""
    starts = offsets.index_select(0, rows)
    counts = offsets.index_select(0, rows + 1) - starts
    entries = (starts - (counts.cumsum(0) - counts)).repeat_interleave(counts)
    return entries + torch.arange(len(entries), device=rows.device), counts


def ship(tensor: Tensor, device: str | torch.device) -> Tensor:
    """A host tensor on ``device``; to CUDA it is copied from pinned memory, so that the host does not wait."""
    if torch.device(device).type != "cuda":
        return tensor.to(device)
    if tensor.layout == torch.sparse_csr:
        parts = (tensor.crow_indices(), tensor.col_indices(), tensor.values())
        offsets, columns, values = (ship(part, device) for part in parts)
        return sparse_rows(offsets, columns, values, (tensor.shape[0], tensor.shape[1]))
    return tensor.pin_memory().to(device, non_blocking=True)


def walk_steps(neighbors: Tensor, hub_damping: float) -> Tensor:
    """Step probabilities of a random walk, CSR ``[N, N]``; rows sum to 1, or to 0 for an entity without neighbours.

    Args:
        neighbors: number of triples between two entities, CSR ``[N, N]``.
        hub_damping: the probability of a neighbour is divided by this power of its degree.
    """
    rows, count = entry_rows(neighbors), neighbors.shape[0]
    degree = neighbors.values().new_zeros(count).index_add_(0, rows, neighbors.values())
    likely = neighbors.values() * degree[neighbors.col_indices()].pow(-hub_damping)
    total = likely.new_zeros(count).index_add_(0, rows, likely)
    return revalued(neighbors, likely / total[rows])


def random_projection(rows: int, cols: int, seed: int, purpose: str, device: str | torch.device) -> Tensor:
    """Gaussian random projection ``[rows, cols]`` that preserves lengths on average; a function of seed and purpose.

    Not to be written to: a small one is kept, because the rounds and folds of a run ask for it again and again.
    """
    drawn = _drawn_once if rows * cols <= KEPT_VALUES else _drawn
    return torch.from_numpy(drawn(rows, cols, seed, purpose)).to(device)


def random_codes(rows: int, cols: int, seed: int, purpose: str, device: str | torch.device) -> Tensor:
    """The same values as ``random_projection``, to be written to."""
    return torch.from_numpy(_drawn(rows, cols, seed, purpose)).to(device)


def _drawn(rows: int, cols: int, seed: int, purpose: str) -> FloatArray:
    values = numpy_generator(seed, purpose).standard_normal((rows, cols), dtype=np.float32)
    values /= np.float32(cols**0.5)
    return values


_drawn_once = lru_cache(maxsize=16)(_drawn)


def centred(rows: Tensor, num_left: int) -> Tensor:
    """Unit rows after the mean of the graph's non-zero rows is subtracted; zero rows stay zero. Writes to ``rows``."""
    filled = (rows != 0).any(dim=1, keepdim=True)
    for side, mask in ((rows[:num_left], filled[:num_left]), (rows[num_left:], filled[num_left:])):
        side -= mask * (side.sum(dim=0) / mask.sum().clamp(min=1))
    return F.normalize(rows, dim=1, out=rows)


def copied_rows(matrix: Tensor, copies: int = 4) -> tuple[Tensor, Tensor] | None:
    """First of the equal rows of a CSR matrix, ``[U]``, and the position in it of each row, ``[N]``.

    ``None`` if there are fewer than ``copies`` rows per distinct row, which is the usual case. The neighbours of a hub
    that have no other neighbour have equal rows.

    Args:
        matrix: CSR float32 ``[N, M]``, the columns of each row ascending.
        copies: least number of rows per distinct row, on average.
    """
    offsets, columns, bits = matrix.crow_indices(), matrix.col_indices(), matrix.values().view(torch.int32)
    size = matrix.shape[0]
    counts, rows = offsets.diff(), entry_rows(matrix)
    mixed = (columns + 1) * 0x2545F4914F6CDD1D ^ (bits + 1) * 0x1B873593
    mixed = (mixed ^ (mixed >> 29)) * 0x1CE4E5B9BF58476D
    codes, place = counts.clone().index_add_(0, rows, mixed ^ (mixed >> 32)).unique(return_inverse=True)
    if len(codes) * copies > size:
        return None
    first = place.new_full((len(codes),), size).scatter_reduce_(
        0, place, torch.arange(size, device=place.device), "amin"
    )
    origin = first[place]
    if not torch.equal(counts[origin], counts):
        return None
    entries, _ = row_entries(offsets, origin)
    if not (torch.equal(columns[entries], columns) and torch.equal(bits[entries], bits)):
        return None  # two rows with one hash
    return first, place


def few_rows(matrix: Tensor, rows: Tensor) -> Tensor:
    """Some rows of a CSR matrix, as CSR."""
    entries, counts = row_entries(matrix.crow_indices(), rows)
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return sparse_rows(offsets, matrix.col_indices()[entries], matrix.values()[entries], (len(rows), matrix.shape[1]))


def revalued(matrix: Tensor, values: Tensor) -> Tensor:
    """A CSR matrix with the same pattern and other values."""
    return sparse_rows(matrix.crow_indices(), matrix.col_indices(), values, (matrix.shape[0], matrix.shape[1]))


def sparse_product(a: Tensor, b: Tensor) -> Tensor:
    """Product of two CSR matrices ``[M, N]`` and ``[N, C]``, as CSR; meant for a ``b`` with few entries per row."""
    entries, counts = row_entries(b.crow_indices(), a.col_indices())
    owners = entry_rows(a).repeat_interleave(counts)
    values = a.values().repeat_interleave(counts) * b.values()[entries]
    keys, place = (owners * b.shape[1] + b.col_indices()[entries]).unique(return_inverse=True)
    sums = values.new_zeros(len(keys)).index_add_(0, place, values)
    counts = torch.bincount(keys // b.shape[1], minlength=a.shape[0])
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return sparse_rows(offsets, keys % b.shape[1], sums, (a.shape[0], b.shape[1]))


def entry_rows(matrix: Tensor) -> Tensor:
    """Row of each entry of a CSR matrix, ``[E]``."""
    counts = matrix.crow_indices().diff()
    return torch.arange(matrix.shape[0], device=counts.device).repeat_interleave(
        counts, output_size=len(matrix.col_indices())
    )


def weighted_rows(weights: Tensor, matrix: Tensor) -> Tensor:
    """Sum of the rows of a CSR matrix ``[N, M]``, each with its weight ``[N]``; float64 ``[M]``."""
    terms = matrix.values().double().mul_(weights.double()[entry_rows(matrix)])
    return terms.new_zeros(matrix.shape[1]).index_add_(0, matrix.col_indices(), terms)


def column_sums(matrix: Tensor) -> Tensor:
    """Sum of each column of a CSR matrix."""
    sums = matrix.values().new_zeros(matrix.shape[1])
    return sums.index_add_(0, matrix.col_indices(), matrix.values())


def transposed(matrix: Tensor) -> Tensor:
    """The transpose of a CSR matrix, as CSR."""
    return sparse_entries(matrix.col_indices(), entry_rows(matrix), matrix.values(), (matrix.shape[1], matrix.shape[0]))
