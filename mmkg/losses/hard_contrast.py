"""Contrastive loss of links against all entities, dominated by the hardest negatives (Dual-AMN)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..compute.products import add_product
from ..errors import UsageError

TILE_BYTES = 96 << 20
SLICE_BYTES = 1 << 20
LEAST_VARIANCE = 1e-12


class _HardNegatives(torch.autograd.Function):
    """The loss and its gradient, tile by tile: neither keeps a ``B x n`` matrix.

    ``d_ij = |q_i - p_i|^2 - |q_i - x_j|^2`` is ``w_i . z_j`` plus a term that depends on i alone, with
    ``w_i = [2 q_i, -1]`` and ``z_j = [x_j, |x_j|^2]``. Its standard deviation over all j is that of ``w_i . z``, which
    follows from the covariance of z without a pass over the tiles.
    """

    @staticmethod
    def forward(ctx: Any, embeddings: Tensor, left: Tensor, right: Tensor, sharpness: float) -> Tensor:
        squares = embeddings.square().sum(dim=1, keepdim=True)
        centred = torch.cat([embeddings, squares], dim=1)
        centred -= centred.mean(dim=0)
        covariance = centred.new_empty(centred.shape[1], centred.shape[1])
        add_product(covariance, centred.t(), centred, alpha=1 / len(centred), beta=0)
        grad = torch.zeros_like(embeddings)
        pushed = embeddings.new_zeros(len(embeddings))  # total weight of the terms of each entity x_j
        total = embeddings.new_zeros(())
        height = max(1, min(len(left), TILE_BYTES // (4 * len(embeddings))))
        buffer = embeddings.new_empty(height, len(embeddings))
        for sources, targets in ((left, right), (right, left)):
            for own, mates in zip(torch.split(sources, height), torch.split(targets, height), strict=True):
                queries, truths = embeddings[own], embeddings[mates]
                directions = torch.cat([2 * queries, -torch.ones_like(queries[:, :1])], dim=1)
                variance = ((directions @ covariance) * directions).sum(dim=1, keepdim=True)
                slope = sharpness / variance.clamp(min=LEAST_VARIANCE).sqrt()
                tile = add_product(buffer[: len(own)], directions * slope, centred.t(), beta=0)
                tile.scatter_(1, torch.stack([own, mates], dim=1), -torch.inf)
                for part, steep in zip(torch.split(tile, _slice(tile)), torch.split(slope, _slice(tile)), strict=True):
                    peak = part.amax(dim=1, keepdim=True)
                    sums = part.sub_(peak).exp_().sum(dim=1, keepdim=True)
                    total += (sums.log() + peak).sum()
                    part.mul_(steep / sums)
                # tile now holds the gradient of d_ij, which pulls q_i to p_i and pushes it away from x_j
                add_product(grad, tile.t(), queries, alpha=2)
                pushed += tile.sum(dim=0)
                pull = queries.new_zeros(queries.shape)
                add_product(pull, tile, embeddings, alpha=2, beta=0)
                pull.addcmul_(slope, truths, value=-2)
                grad.index_add_(0, own, pull)
                grad.index_add_(0, mates, 2 * slope * (truths - queries))
        grad.addcmul_(pushed[:, None], embeddings, value=-2)
        ctx.save_for_backward(grad.div_(len(left)))
        return total / len(left)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return grad * ctx.saved_tensors[0], None, None, None


def _slice(tile: Tensor) -> int:
    """Number of rows whose elementwise work fits into a CPU cache; all rows on a GPU."""
    return len(tile) if tile.is_cuda else max(1, SLICE_BYTES // (4 * tile.shape[1]))


_hard_negatives: Callable[..., Tensor] = _HardNegatives.apply


def hard_negatives(embeddings: Tensor, left: Tensor, right: Tensor, *, sharpness: float = 30.0) -> Tensor:
    """Normalised hard sample mining loss: a log-sum-exp over all other entities of each query.

    With ``d_ij = |q_i - p_i|^2 - |q_i - x_j|^2`` for query q_i, its counterpart p_i and every other entity x_j, the
    loss is the mean over links of ``log sum_j exp(sharpness (d_ij - mean_i) / deviation_i)``, summed over both
    directions. ``mean_i`` and ``deviation_i`` (standard deviation) run over all j and count as constants in the
    gradient. Because of this normalisation one sharpness fits the whole training; the margin and the offset of the
    paper cancel out.

    Args:
        embeddings: all entities that take part, ``[n, d]``, n >= 3.
        left: rows of the left entities of the links, int64 ``[B]``.
        right: rows of their right entities, int64 ``[B]``.
        sharpness: λ, > 0; 30 in the paper's code.

    Returns:
        A scalar. Memory: O(n d) and tiles of 96 MiB.

    Raises:
        UsageError: no link, not as many left as right rows, fewer than three entities, or a sharpness that is not
            positive.

    Source:
        Mao et al., WWW 2021 (Dual-AMN), Sec. 4.4.
    """
    if len(left) == 0 or len(left) != len(right) or len(embeddings) < 3 or sharpness <= 0:
        raise UsageError(
            "hard negatives need at least one link, as many left as right rows, three entities of both graphs together "
            f"and a sharpness > 0, got {len(left)} left and {len(right)} right rows, {len(embeddings)} entities and "
            f"sharpness {sharpness}"
        )
    with torch.autocast(embeddings.device.type, enabled=False):
        return _hard_negatives(embeddings.float(), left, right, sharpness)
