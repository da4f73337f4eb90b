"""Scores of candidate pairs as a part of the joint embedding."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.tensors.sparse import few_rows, random_codes, sparse_entries
from .label_parts import row_blocks


def pair_part(
    rows: Tensor,
    cols: Tensor,
    scores: Tensor,
    sizes: tuple[int, int],
    *,
    dim: int,
    purpose: str,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Rows whose products are the scores of pairs of entities, and 0 for all other pairs.

    Every right entity has a random code, and a left one the sum of the codes of its candidates, weighted by their
    scores. Where that sum is longer than 1, it is scaled to this length. The error of a product has standard deviation
    ``dim ** -0.5`` at most.

    Args:
        rows, cols: left and right entity of each pair, int64 ``[P]`` each, no pair twice.
        scores: of the pairs, in [0, 1], ``[P]``.
        sizes: number of entities of either graph.
        dim: width.
        purpose: of the codes; parts with different ones have different errors.
        seed: random seed of the codes.
        dtype: of the result; it is computed in float32.

    Returns:
        Unit rows ``[N, dim]``, left ones first, on the device of the scores.
    """
    out = torch.zeros(sum(sizes), dim, device=scores.device, dtype=dtype)
    left, right = out.split(sizes)
    codes = random_codes(len(right), dim - 1, seed, purpose, scores.device)
    F.normalize(codes, dim=1, out=codes)
    right[:, :-1] = codes
    weights = sparse_entries(rows, cols, scores.float(), (len(left), len(right)))
    for block, own in row_blocks(len(left), None, out.device):
        sums = few_rows(weights, own) @ codes
        lengths = sums.norm(dim=1, keepdim=True)
        left[block, :-1] = sums / lengths.clamp(min=1)
        left[block, -1:] = (1 - lengths.square()).clamp(min=0).sqrt()  # a column that no right entity has
    return out
