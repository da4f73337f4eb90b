"""Parts of label propagation whose vectors both graphs share: an entity's own, and the mean of its neighbours'."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.tensors.sparse import entry_rows, few_rows, random_projection, sparse_rows
from ..data.tensors.tables import Table
from .label_parts import row_blocks
from .neutral import COLUMNS, neutral

BLOCK_COLUMNS = 128


def own_part(
    table: Table,
    steps: Tensor | None,
    num_left: int,
    *,
    dim: int,
    extended: bool,
    neighbor_weight: float,
    purpose: str,
    seed: int,
    out: Tensor,
    rows: Tensor | None = None,
) -> Tensor:
    """Own vectors, then the mean of the neighbours' vectors; written to ``out``.

    Own vectors have length 1, except that rows of a sparse table which are shorter keep their length: they say less
    about their entity. The neighbours' mean has the mean length of the neighbours' own vectors.

    Args:
        table: the vectors; on the host.
        steps: step probabilities, CSR ``[N, N]``; ``None`` = no neighbours' vectors.
        num_left: number of left rows; they come first.
        dim: width of a vector here. It is used unchanged if ``purpose`` is empty, else projected at random.
        extended: own vectors get the columns of ``neutral``.
        neighbor_weight: factor of the length of the neighbours' mean.
        purpose: of the projection.
        seed: random seed of the projection.
        out: ``[B, dim]``, with ``COLUMNS`` more if extended, and ``dim`` more with steps; may be columns of a wider
            matrix.
        rows: the B rows that are wanted, int64; ``None`` = all N.
    """
    project = random_projection(table.dim, dim, seed, purpose, "cpu") if purpose else None
    own, places = out[:, :dim], None  # the rows that are read, and where the wanted ones are among them
    if rows is not None and steps is not None:
        steps = few_rows(steps, rows)
        read, places = torch.cat([rows, steps.col_indices()]).unique(return_inverse=True)
        shape = len(rows), len(read)
        steps = sparse_rows(steps.crow_indices(), places[len(rows) :], steps.values(), shape)
        own = _own(table, read, project, out.new_empty(len(read), dim))
        out[:, :dim] = own[places[: len(rows)]]
    else:
        _own(table, rows, project, own)
    if steps is not None:
        around = out[:, -dim:]
        lengths = out.new_zeros(len(out))
        for start in range(0, dim, BLOCK_COLUMNS):
            columns = slice(start, start + BLOCK_COLUMNS)
            found = steps @ own[:, columns].contiguous()
            lengths += found.square().sum(dim=1)
            around[:, columns] = found
        norms = own.norm(dim=1, keepdim=True)
        sums = steps @ torch.cat([norms, (norms > 0).to(norms)], dim=1)
        usual = sums[:, 0] / sums[:, 1].clamp(min=1e-12)
        around *= (neighbor_weight * usual / lengths.sqrt().clamp(min=1e-12))[:, None]
    if extended:
        for block, some in row_blocks(len(out), rows, out.device):
            found, left = out[block, :dim].clone(), some < num_left
            sides = neutral(found[left], found[~left])
            for mask, side in ((left, sides[0]), (~left, sides[1])):
                out[block, : dim + COLUMNS][mask] = side
    return out


def _own(table: Table, rows: Tensor | None, project: Tensor | None, out: Tensor) -> Tensor:
    """Vectors of some rows of a table, at most of unit length, written to ``out``, ``[B, dim]``."""
    for block, some in row_blocks(len(out), rows, out.device):
        values = table.take(some.cpu())
        dense = values.layout == torch.strided
        values = values[:, 0] if dense else values
        found = F.normalize(values if project is None else values @ project, dim=1)
        if not dense:
            squares = found.new_zeros(len(found)).index_add_(0, entry_rows(values), values.values().square())
            found *= squares.sqrt_().clamp_(max=1)[:, None]
        out[block] = found.to(out.device)
    return out
