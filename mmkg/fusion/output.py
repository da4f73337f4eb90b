"""What fusion hands on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class FusionOutput:
    """B fused items.

    Args:
        joint: unit rows, ``[B, D]``: the concatenation of ``factor * unit pooled`` over modalities,
            so that the inner product of two joints is a sum with one summand per modality.
        tokens: per modality ``[B, T, d]``, after any attention; zero where absent.
        pooled: per modality ``[B, d]``, before any attention; zero where absent.
        weights: weight of each modality for each item, ``[B, M]``, rows sum to 1 over the present ones
            (all zero for an item that has none).
        present: bool ``[B, M]``.
        names: modality names, the order of the M axis and of the parts of ``joint``.
        had: bool ``[B, M]``: what an item had before a fill; ``None`` = ``present``.
        told: per modality ``[B, d]``, what a generator tells of it from the others; empty without one.
        asked: per modality ``[B, d]``, what it was to tell, before tags; empty without one.
    """

    joint: Tensor
    tokens: Mapping[str, Tensor]
    pooled: Mapping[str, Tensor]
    weights: Tensor
    present: Tensor
    names: tuple[str, ...]
    had: Tensor | None = None
    told: Mapping[str, Tensor] = field(default_factory=dict)
    asked: Mapping[str, Tensor] = field(default_factory=dict)
