"""Tiles of the similarity matrix of a batch with itself, used by ``shared_contrast``.

A tile holds the base-2 logits ``l = s log2(e) / τ1`` of its rows and columns, because exp2 costs a third of exp. All
functions write into buffers that are reused for the next tile.
"""

import math
from collections.abc import Sequence
from itertools import combinations_with_replacement

import torch
from torch import Tensor

from ..compute.products import add_product

LN2 = math.log(2)
Tiles = list[tuple[slice, slice]]


def cover(size: int, group: int, tile: int) -> Tiles:
    """Rows and columns of the tiles that cover the upper triangle of each group's square.

    Group k holds the links from k * group on. Their left entities have these rows, their right entities the rows
    ``size`` further down.
    """
    tiles = []
    for start in range(0, size, group):
        stop = min(start + group, size)
        parts = -(-(stop - start) // tile)
        edges = [start + (stop - start) * part // parts for part in range(parts + 1)]
        cuts = [slice(side + a, side + b) for side in (0, size) for a, b in zip(edges, edges[1:], strict=False)]
        tiles += list(combinations_with_replacement(cuts, 2))
    return tiles


def area(tiles: Tiles) -> int:
    """Number of elements of the largest tile; 0 if there is none."""
    areas: list[int] = [(rows.stop - rows.start) * (columns.stop - columns.start) for rows, columns in tiles]
    return max(areas, default=0)


def views(buffers: Tensor, rows: slice, columns: slice) -> list[Tensor]:
    """The beginning of each buffer, viewed as a tile of these rows and columns."""
    height, width = rows.stop - rows.start, columns.stop - columns.start
    return [buffer[: height * width].view(height, width) for buffer in buffers]


def fill_logits(out: list[Tensor], units: Sequence[Tensor], temperature: float, rows: slice, columns: slice) -> None:
    """Write the base-2 logits of one tile of each embedding."""
    for tile, unit in zip(out, units, strict=True):
        add_product(tile, unit[rows], unit[columns].t(), beta=0, alpha=1 / (temperature * LN2))


def fill_joint(out: Tensor, spare: Tensor, logits: list[Tensor], shares: Tensor, rows: slice, columns: slice) -> None:
    """Write the base-2 logits of one tile of the joint embedding: the weighted sum of the others."""
    out.zero_()
    for m, logit in enumerate(logits):
        out.addcmul_(torch.mul(logit, shares[m, rows, None], out=spare), shares[m, None, columns])


def fill_energy(out: Tensor, logits: Tensor, rows: slice, columns: slice) -> None:
    """Write ``exp2(logits)``, with 0 for an entity and itself."""
    torch.exp2(logits, out=out)
    if rows == columns:
        out.fill_diagonal_(0.0)


def add_sums(sums: Tensor, tile: Tensor, weights: Tensor, rows: slice, columns: slice) -> None:
    """Add the weighted row sums of a symmetric matrix that come from one tile of its upper triangle."""
    sums[rows].addmv_(tile, weights[columns])
    if rows != columns:
        sums[columns].addmv_(tile.t(), weights[rows])


def pair_sums(values: Tensor, rows: slice, columns: slice, *, out: Tensor) -> Tensor:
    """``values_i + values_j`` for the rows i and columns j of one tile."""
    return torch.add(values[rows, None], values[None, columns], out=out)
