"""The vectors of a refinement: weighted parts that are not concatenated before the end, and their sketches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..compute.products import add_product, pair_products
from ..data.tensors.sparse import random_projection
from ..matching.sinkhorn import LARGEST_EXACT
from ..models.registry import RULE_PARTS
from ..typing import FloatArray, IntArray
from .setting import BLOCK_ROWS, Setting, concatenated
from .validation import free_entities

BASE = "base"
SKETCH = 768  # width of the projected vectors that the candidates of a refinement are searched with
NARROW_SKETCH = 256  # the same of more free entities than are searched exactly


def of_base(modality: str) -> str:
    """Name of the part that a modality of the base is, where each has a weight of its own."""
    return f"{modality} of {BASE}"


def base_weight(weights: Mapping[str, float], modality: str) -> float:
    """Weight of a modality of the base: its own, or that of the whole base."""
    return weights[of_base(modality)] if of_base(modality) in weights else weights[BASE]


def base_blocks(base: Tensor, widths: Mapping[str, int]) -> dict[str, Tensor]:
    """The columns of each modality of the base, by the name of the part; not copied."""
    blocks = base.split(list(widths.values()), dim=1)
    return {of_base(name): block for name, block in zip(widths, blocks, strict=True)}


@dataclass(frozen=True, eq=False)
class Vectors:
    """Embeddings as weighted parts that are not concatenated.

    Args:
        sides: left and right parts by name, unit rows or zeros, float32 or float16, ``[n1, d_m]`` and ``[n2, d_m]``.
        weights: of the parts; those of the base may be one for each of its modalities, see ``base_weight``.
    """

    sides: tuple[Mapping[str, Tensor], ...]
    weights: Mapping[str, float]

    def bare(self) -> "Vectors":
        """Without the evidence, of which only the weights stay."""
        return replace(self, sides=tuple({BASE: side[BASE]} for side in self.sides))

    def beside(self, evidence: tuple[Mapping[str, Tensor], ...], weights: Mapping[str, float]) -> "Vectors":
        """The base with this evidence."""
        sides = zip(self.sides, evidence, strict=True)
        return Vectors(tuple({BASE: side[BASE], **own} for side, own in sides), weights)

    def halved(self) -> "Vectors":
        """With the evidence in float16: half of the memory."""
        sides = ({name: part if name == BASE else part.half() for name, part in side.items()} for side in self.sides)
        return replace(self, sides=tuple(sides))

    def lengths(self, side: int) -> Tensor:
        """Length of the weighted concatenation of each row, ``[n]``; 1 instead of 0."""
        squares = sum(self.weights[name] ** 2 * part.any(dim=1) for name, part in self.sides[side].items())
        assert isinstance(squares, Tensor)
        return torch.where(squares > 0, squares.sqrt(), 1.0)

    def cosines(self, left: IntArray, right: IntArray) -> FloatArray:
        """Cosine of each pair of a left and a right row, ``[P]``."""
        device = self.sides[0][BASE].device
        rows, cols = torch.from_numpy(left).to(device), torch.from_numpy(right).to(device)
        total = torch.zeros(len(rows), device=device)
        for name, weight in self.weights.items():
            total.add_(pair_products(self.sides[0][name], self.sides[1][name], rows, cols), alpha=weight**2)
        total /= self.lengths(0)[rows] * self.lengths(1)[cols]
        found: FloatArray = total.cpu().numpy()
        return found


class Sketches:
    """Random projections of the free entities' vectors; that of a part that stays is computed once.

    Those of more entities than are searched exactly have columns of their own for each modality, the same number of
    each, so that candidates are found by one modality alone. ``parts`` are then their numbers.

    Args:
        setting: the run.
        widths: columns of each modality in the base.
        apart: whether each modality has columns of its own in any case, so that its weight may change.
    """

    def __init__(self, setting: Setting, widths: Mapping[str, int], *, apart: bool = False) -> None:
        self.free = [np.flatnonzero(mask) for mask in free_entities(setting.task)]
        self.seed, self.widths = setting.experiment.seed, widths
        self.width, self.parts = SKETCH, tuple[int, ...]()
        many = max(map(len, self.free)) > LARGEST_EXACT
        if many or apart:
            self.parts = ((NARROW_SKETCH if many else SKETCH) // len(widths),) * len(widths)
            self.width = sum(self.parts)
        self._base: list[Tensor] = []

    def of(self, found: Vectors) -> tuple[Tensor, Tensor]:
        """Sketches of the left and right free entities; the vectors themselves if these are not wider."""
        sides = [
            (side, torch.from_numpy(rows).to(side[BASE].device))
            for side, rows in zip(found.sides, self.free, strict=True)
        ]
        weights = found.weights
        if sum(part.shape[1] for part in found.sides[0].values()) <= self.width:
            left, right = (
                joined(self.widths, {name: part[rows] for name, part in side.items()}, weights) for side, rows in sides
            )
            return left, right
        if not self._base:
            self._base = [self._sketch(side, {BASE: 1.0}, rows) for side, rows in sides]
        left, right = (
            self._sketch(side, weights, rows, base) for (side, rows), base in zip(sides, self._base, strict=True)
        )
        return left, right

    def _sketch(
        self, side: Mapping[str, Tensor], weights: Mapping[str, float], rows: Tensor, base: Tensor | None = None
    ) -> Tensor:
        """Sketch of some rows, in the type of the base; that of the base itself may be given."""
        pieces = [
            (
                weight,
                part,
                columns,
                random_projection(part.shape[1], columns.stop - columns.start, self.seed, label, rows.device),
            )
            for name, weight in weights.items()
            if name in side and (name != BASE or base is None)
            for label, part, columns in self._pieces(name, side[name])
        ]
        factors = self._base_factors(weights, rows.device)
        out = side[BASE].new_empty(len(rows), self.width)
        for start in range(0, len(rows), BLOCK_ROWS):
            some = rows[start : start + BLOCK_ROWS]
            sums = torch.zeros(len(some), self.width, device=rows.device)
            for weight, part, columns, narrow in pieces:
                add_product(sums[:, columns], part.index_select(0, some).float(), narrow, alpha=weight)
            if base is not None:
                sums.add_(base[start : start + BLOCK_ROWS] * factors)
            out[start : start + BLOCK_ROWS] = sums
        return out

    def _base_factors(self, weights: Mapping[str, float], device: torch.device) -> Tensor:
        """Weight of the base in each column, or one for all, ``[width]`` or ``[1]``."""
        if BASE in weights:
            return torch.tensor([weights[BASE]], device=device)
        found = [torch.full((n,), base_weight(weights, m)) for m, n in zip(self.widths, self.parts, strict=True)]
        return torch.cat(found).to(device)

    def _pieces(self, name: str, vectors: Tensor) -> Iterator[tuple[str, Tensor, slice]]:
        """Label and vectors of what is projected by itself, and the columns of the sketch that it is added to."""
        if not self.parts:
            yield f"sketch of {name}", vectors, slice(0, self.width)
            return
        start = 0
        blocks = vectors.split(list(self.widths.values()), dim=1) if name == BASE else [vectors] * len(self.widths)
        for modality, block, width in zip(self.widths, blocks, self.parts, strict=True):
            if name == BASE or RULE_PARTS.get(name, name) == modality:
                yield f"sketch of {name} {modality}", block, slice(start, start + width)
            start += width


def joined(
    widths: Mapping[str, int], side: Mapping[str, Tensor], weights: Mapping[str, float], store: str = "float32"
) -> Tensor:
    """The base and the evidence, modality by modality, as unit rows."""
    columns: dict[str, tuple[float, Tensor]] = {}
    for name, block in zip(widths, side[BASE].split(list(widths.values()), dim=1), strict=True):
        columns[of_base(name)] = base_weight(weights, name), block
        columns |= {part: (weights[part], side[part]) for part in side if RULE_PARTS.get(part, part) == name}
    return concatenated(columns, store=store)
