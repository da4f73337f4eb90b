"""How far a reconstruction is from what it stands for."""

import torch
import torch.nn.functional as F
from torch import Tensor


def masked_smooth_l1(predicted: Tensor, target: Tensor, where: Tensor) -> Tensor:
    """SmoothL1 at some steps only; nothing flows back into the target, nor from anywhere else.

    Args:
        predicted: ``[B, T, d]`` (or ``[B, d]``).
        target: of the same shape.
        where: bool ``[B, T]`` (or ``[B]``): the steps that count, those that were dropped.

    Returns:
        Scalar mean over these steps and their features; 0 where there are none.

    Source: Yuan et al., ACM MM 2021 (TFR-Net), Eq. 11. Its code lets the gradient into the target of the text.
    """
    gap = torch.where(where[..., None], predicted - target.detach(), 0.0)
    total = F.smooth_l1_loss(gap, torch.zeros_like(gap), reduction="sum")
    return total / (where.sum() * predicted.shape[-1]).clamp(min=1)


def tag_loss(logits: Tensor, bits: Tensor) -> Tensor:
    """Cross-entropy of each bit of a tag, ``[B, M + 1]`` each, mean over all."""
    return F.binary_cross_entropy_with_logits(logits, bits)
