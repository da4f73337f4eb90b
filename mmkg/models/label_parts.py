"""Label propagation to relations and attributes: parts of the joint embedding, a block of entities at a time."""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.tensors.sparse import (
    column_sums,
    entry_rows,
    few_rows,
    random_projection,
    revalued,
    sparse_product,
    transposed,
)

BLOCK_ROWS = 4096


def relation_part(
    heads: Tensor, tails: Tensor, labels: Tensor, *, seed: int, out: Tensor, rows: Tensor | None = None
) -> Tensor:
    """Relations out and in, each with the labels of both its ends; written to ``out``, unit rows ``[B, d]`` or zeros.

    Either end of either direction has a random projection of its own.

    Args:
        heads, tails: CSR ``[N, R]``, see ``Incidence``.
        labels: CSR ``[N, C]``.
        seed: random seed of the projections.
        out: ``[B, d]``; may be columns of a wider matrix.
        rows: the B rows that are wanted, int64; ``None`` = all N.
    """
    frequency = column_sums(heads)
    rarity = (frequency.sum() / frequency.clamp(min=1)).log()
    ends = [_times_rows(described(side, labels), rarity) for side in (heads, tails)]
    towards = [
        sum(
            end @ random_projection(end.shape[1], out.shape[1], seed, f"relation {place} {number}", out.device)
            for number, end in enumerate(ends)
        )
        for place in range(2)
    ]
    for block, some in row_blocks(len(out), rows, out.device):
        sides = (few_rows(side, some) for side in (heads, tails))
        found = [revalued(side, side.values().sqrt()) @ each for side, each in zip(sides, towards, strict=True)]
        out[block] = F.normalize(found[0].add_(found[1]), dim=1)
    return out


def attribute_part(
    bag: Tensor, labels: Tensor, num_left: int, *, seed: int, out: Tensor, rows: Tensor | None = None
) -> Tensor:
    """Attributes, half by the labels of the entities that have them, centred per graph, half by codes of their own.

    Written to ``out``, rows ``[B, d]`` of at most unit length. The squared length is the share of log n nats that the
    attributes of the entity have together: so much evidence singles out one of the n entities of the larger graph. An
    attribute that every second entity of its graph has counts log 2.

    Args:
        bag: CSR ``[N, A]``, see ``Incidence``.
        labels: CSR ``[N, C]``.
        num_left: number of left rows; they come first.
        seed: random seed of the projections and codes.
        out: ``[B, d]``, d even; may be columns of a wider matrix.
        rows: the B rows that are wanted, int64; ``None`` = all N.
    """
    dim = out.shape[1] // 2
    rarity = (bag.shape[0] / column_sums(bag).clamp(min=1)).log()[:, None]
    projection = random_projection(labels.shape[1], dim, seed, "attribute labels", out.device)
    towards = (described(bag, labels) @ projection) * rarity
    codes = random_projection(bag.shape[1], dim, seed, "attribute codes", out.device) * rarity
    surprisals = _surprisals(bag, num_left)
    enough = math.log(max(num_left, bag.shape[0] - num_left, 2))
    means = torch.stack([_mean_row(bag, towards, *ends) for ends in ((0, num_left), (num_left, bag.shape[0]))])
    for block, some in row_blocks(len(out), rows, out.device):
        attributes = few_rows(bag, some)
        found = F.normalize(attributes @ towards, dim=1)
        found -= found.any(dim=1, keepdim=True) * means[(some >= num_left).long()]
        both = torch.cat([F.normalize(found, dim=1), F.normalize(attributes @ codes, dim=1)], dim=1)
        nats = (attributes @ surprisals).gather(1, (some >= num_left).long()[:, None])
        out[block] = both.mul_((nats / enough).clamp(max=1).div_(2).sqrt_())
    return out


def _surprisals(bag: Tensor, num_left: int) -> Tensor:
    """Minus the log of the share of the entities of either graph that have each attribute, >= 0, ``[A, 2]``."""
    rows = torch.arange(bag.shape[0], device=bag.device)
    sides = [few_rows(bag, each) for each in (rows[:num_left], rows[num_left:])]
    found = [(len(each) / column_sums(each).clamp(min=1)).log().clamp(min=0) for each in sides]
    return torch.stack(found, dim=1)


def _mean_row(bag: Tensor, towards: Tensor, start: int, stop: int) -> Tensor:
    """Mean of the unit rows of ``bag @ towards`` from ``start`` to ``stop`` that are not zero."""
    total, count = towards.new_zeros(towards.shape[1]), 0
    for _, some in row_blocks(stop - start, None, towards.device):
        found = F.normalize(few_rows(bag, some + start) @ towards, dim=1)
        total += found.sum(dim=0)
        count += int(found.any(dim=1).sum())
    return total / max(count, 1)


def described(incidence: Tensor, labels: Tensor) -> Tensor:
    """What the labels of its members say of each column of an incidence ``[N, R]``: unit rows, CSR ``[R, C]``.

    Square roots of the labels' shares among the members, who count as often as they come.
    """
    shares = sparse_product(transposed(incidence), labels)
    totals = shares.values().new_zeros(shares.shape[0]).index_add_(0, entry_rows(shares), shares.values())
    return revalued(shares, (shares.values() / totals[entry_rows(shares)]).sqrt())


def row_blocks(count: int, rows: Tensor | None, device: torch.device) -> Iterator[tuple[slice, Tensor]]:
    """Blocks of an output of ``count`` rows, each with the rows that belong there; ``rows`` = all if ``None``."""
    rows = torch.arange(count, device=device) if rows is None else rows
    for start in range(0, count, BLOCK_ROWS):
        yield slice(start, start + BLOCK_ROWS), rows[start : start + BLOCK_ROWS]


def _times_rows(matrix: Tensor, factors: Tensor) -> Tensor:
    return revalued(matrix, matrix.values() * factors[entry_rows(matrix)])
