"""Cosine similarities among the 2B entities of a batch of B links."""

import torch
import torch.nn.functional as F
from torch import Tensor


def stack_normalized(left: Tensor, right: Tensor) -> Tensor:
    """Unit rows of both sides, ``[2B, d]``: left entity i is row i, its counterpart row B + i; zero rows stay zero."""
    return F.normalize(torch.cat([left, right]), dim=-1)


def similarity(left: Tensor, right: Tensor) -> Tensor:
    """Cosines of all entities of a batch, ``[B, d]`` on either side, with each other, ``[2B, 2B]``, in [-1, 1]."""
    rows = stack_normalized(left, right)
    return rows @ rows.t()
