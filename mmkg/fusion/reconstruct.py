"""What a modality must have been at the steps that are not seen, from what the others say."""

from typing import Literal

import torch
from torch import Tensor, nn

from .attention import SequenceBlock


class Reconstructor(nn.Module):
    """Attention over one axis of a fused sequence, then a linear map to the raw features.

    ``feature``: the W columns of ``[T, W]`` are the tokens, each embedded by its T steps; needs a fixed T, and has
    12 T^2 parameters per block. ``time``: the T steps are the tokens.

    Args:
        steps: T, of ``feature``. The number of heads is the largest divisor of the width of a token (T, or W) up to
            ``num_heads`` that leaves each head four numbers or more.
        width: W.
        out_dim: raw features d_m.
        axis: ``feature`` or ``time``.
        num_layers: blocks.
        num_heads: at most.
        dropout: of blocks.
        attention_dropout: of their attention.

    Source: Yuan et al., ACM MM 2021 (TFR-Net), Sec. 3.3. Its code hands the batch to the encoder as the axis that
        attention runs over, so that samples of a batch see each other; 25 heads leave lengths such as 39 unbuilt.
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

    def forward(self, fused: Tensor, here: Tensor) -> Tensor:
        """``fused`` [B, T, W], ``here`` bool [B, T]: steps that are no padding -> [B, T, d_m].

        Raises:
            ValueError: another T than it was built for, with ``feature``.
        """
        if self.axis == "feature" and fused.shape[1] != self.steps:
            raise ValueError(f"expected {self.steps} steps, got {fused.shape[1]}")
        fused = torch.where(here[..., None], fused, 0.0)
        if self.axis == "feature":
            x = fused.transpose(1, 2)
            keys = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        else:
            x, keys = fused, here
        for block in self.blocks:
            x = block(x, keys)
        found: Tensor = self.output(x.transpose(1, 2) if self.axis == "feature" else x)
        return found
