"""The record that fusion returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True, eq=False)
class FusionOutput:
    """B fused items.

    Args:
        joint: unit rows, ``[B, D]``: the concatenation of ``factor * unit pooled`` over modalities,
            so that the inner product of two joints is a sum with one term per modality.
        tokens: per modality ``[B, T, d]``, after any attention; zero if absent.
        pooled: per modality ``[B, d]``, before any attention; zero if absent.
        weights: weight of each modality for each item, ``[B, M]``, rows sum to 1 over the present ones
            (all zero for an item that has none).
        present: whether an item has each modality, after a fill, bool ``[B, M]``.
        names: modality names, the order of the M axis and of the parts of ``joint``.
        present_before: the same before the fill; ``None`` = ``present``.
        predicted: per modality ``[B, d]``, the token predicted from the other modalities; empty without a generator.
        targets: per modality ``[B, d]``, the token to predict, before tags are added; empty without a generator.
    """

    joint: Tensor
    tokens: Mapping[str, Tensor]
    pooled: Mapping[str, Tensor]
    weights: Tensor
    present: Tensor
    names: tuple[str, ...]
    present_before: Tensor | None = None
    predicted: Mapping[str, Tensor] = field(default_factory=dict)
    targets: Mapping[str, Tensor] = field(default_factory=dict)
