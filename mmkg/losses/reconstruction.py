"""Losses of reconstructed features and of reconstructed tags."""

import torch
import torch.nn.functional as F
from torch import Tensor


def masked_smooth_l1(predicted: Tensor, target: Tensor, where: Tensor) -> Tensor:
    """SmoothL1 at the given steps only; neither the target nor any other step gets a gradient.

    Args:
        predicted: ``[B, T, d]`` (or ``[B, d]``).
        target: features of the same shape.
        where: bool ``[B, T]`` (or ``[B]``): steps that count, i.e. those that were dropped from the input.

    Returns:
        Scalar mean over these steps and their features; 0 if there are none.

    Source: Yuan et al., ACM MM 2021 (TFR-Net), Eq. 11. The released code also
        lets the gradient flow into the target of the text.
    """
    gap = torch.where(where[..., None], predicted - target.detach(), 0.0)
    total = F.smooth_l1_loss(gap, torch.zeros_like(gap), reduction="sum")
    return total / (where.sum() * predicted.shape[-1]).clamp(min=1)


def tag_loss(logits: Tensor, bits: Tensor) -> Tensor:
    """Binary cross-entropy of the bits of a tag (TATE).

    Args:
        logits: predicted, ``[B, M + 1]``.
        bits: true bits, 0 or 1, ``[B, M + 1]``.

    Returns:
        Scalar mean over all bits.
    """
    return F.binary_cross_entropy_with_logits(logits, bits)
