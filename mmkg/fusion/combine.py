"""Modality embeddings and weights become one joint embedding."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def joint_scale(weights: Tensor, present: Tensor) -> Tensor:
    """Factor of each modality's unit vector in the joint embedding, ``[B, M]``, rows of length 1.

    Args:
        weights: non-negative, ``[B, M]``.
        present: bool ``[B, M]``; an absent modality has factor 0.
    """
    return F.normalize(weights * present, dim=1)


def weighted_concat(pooled: Mapping[str, Tensor], scale: Tensor, names: Sequence[str]) -> Tensor:
    """Concatenation of the unit embeddings, each times its factor: ``[B, sum of d]``.

    Since every part has length 0 or 1 and the rows of ``scale`` have length 1, so have the rows of the
    result, and ``joint_i . joint_j = sum over m of scale_im scale_jm cos_m(i, j)``.

    Source: Lin et al., COLING 2022, Eq. 6, brought to length 1 as its evaluation does.
    """
    return torch.cat([scale[:, m, None] * F.normalize(pooled[name], dim=-1) for m, name in enumerate(names)], dim=-1)


def modality_shares(left: Tensor, right: Tensor, widths: Sequence[int]) -> Tensor:
    """How much each modality adds to the inner product of two joints.

    Args:
        left: joint embeddings, ``[L, D]``.
        right: joint embeddings of their partners, ``[L, D]``.
        widths: width of each modality's part; they sum to D.

    Returns:
        ``[L, M]``; rows sum to ``(left * right).sum(dim=1)``.
    """
    parts = (left * right).split(list(widths), dim=1)
    return torch.stack([part.sum(dim=1) for part in parts], dim=1)
