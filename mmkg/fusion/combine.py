"""Joint embeddings from modality embeddings and weights."""

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

    Every part has length 0 or 1 and the rows of ``scale`` have length 1; so the rows of the result have length 1
    and ``joint_i . joint_j = sum over m of scale_im scale_jm cos_m(i, j)``.

    Source: Lin et al., COLING 2022, Eq. 6, scaled to length 1 as in its evaluation.
    """
    return torch.cat([scale[:, m, None] * F.normalize(pooled[name], dim=-1) for m, name in enumerate(names)], dim=-1)


def modality_shares(left: Tensor, right: Tensor, widths: Sequence[int]) -> Tensor:
    """The term of each modality in the inner product of two joint embeddings.

    Args:
        left: joint embeddings, ``[L, D]``.
        right: joint embeddings of their partners, ``[L, D]``.
        widths: width of each modality's part; they sum to D.

    Returns:
        ``[L, M]``; rows sum to ``(left * right).sum(dim=1)``.
    """
    parts = torch.split(left * right, list(widths), dim=1)
    return torch.stack([part.sum(dim=1) for part in parts], dim=1)
