"""Reconstruction of the masked steps of a modality from the fused sequence."""

from typing import Literal

import torch
from torch import Tensor, nn

from .attention import SequenceBlock


class Reconstructor(nn.Module):
    """Attention over one axis of a fused sequence, then a linear map to the raw features.

    ``feature``: the W columns of ``[T, W]`` are the tokens, each a vector of its T steps; this needs a fixed T and has
    12 T^2 parameters per block. ``time``: the T steps are the tokens.

    Args:
        steps: T, for ``feature``.
        width: W.
        out_dim: raw features d_m.
        axis: ``feature`` or ``time``.
        num_layers: number of blocks.
        num_heads: upper bound of the number of heads, which is the largest divisor of the token width (T or W) with
            at least four dimensions per head.
        dropout: dropout rate of the blocks.
        attention_dropout: dropout rate of their attention.

    Source:
        Yuan et al., ACM MM 2021 (TFR-Net), Sec. 3.3. Its code attends over the batch axis, so that the samples of a
        batch influence each other; and its 25 heads cannot be built for lengths such as 39.
    """

    def __init__(
        self,
        steps: int,
        width: int,
        out_dim: int,
        *,
        axis: Literal["feature", "time"] = "feature",
        num_layers: int = 3,
        num_heads: int = 25,
        dropout: float = 0.2,
        attention_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.axis, self.steps = axis, steps
        dim = steps if axis == "feature" else width
        heads = next(number for number in range(max(1, min(num_heads, dim // 4)), 0, -1) if dim % number == 0)
        self.blocks = nn.ModuleList(
            SequenceBlock(dim, heads, 4 * dim, dropout=dropout, attention_dropout=attention_dropout)
            for _ in range(num_layers)
        )
        self.output = nn.Linear(width, out_dim)

    def forward(self, fused: Tensor, valid: Tensor) -> Tensor:
        """``fused`` [B, T, W], ``valid`` bool [B, T] (true = not padding) -> [B, T, d_m].

        Raises:
            ValueError: with ``feature``, T differs from ``steps``.
        """
        if self.axis == "feature" and fused.shape[1] != self.steps:
            raise ValueError(f"expected {self.steps} steps, got {fused.shape[1]}")
        fused = torch.where(valid[..., None], fused, 0.0)
        if self.axis == "feature":
            x = fused.transpose(1, 2)
            keys = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        else:
            x, keys = fused, valid
        for block in self.blocks:
            x = block(x, keys)
        found: Tensor = self.output(x.transpose(1, 2) if self.axis == "feature" else x)
        return found
