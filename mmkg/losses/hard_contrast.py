"""Contrast of links with all entities, the hardest of them first."""

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

    ``d_ij = |q_i - p_i|^2 - |q_i - x_j|^2`` is ``w_i . z_j`` plus what depends on i alone, with ``w_i = [2 q_i, -1]``
    and ``z_j = [x_j, |x_j|^2]``. Its deviation over all j is that of ``w_i . z``, from the covariance of z, which needs
    no pass over the tiles.
    """

    @staticmethod
    def forward(ctx: Any, embeddings: Tensor, left: Tensor, right: Tensor, sharpness: float) -> Tensor:
        squares = embeddings.square().sum(dim=1, keepdim=True)
        centred = torch.cat([embeddings, squares], dim=1)
        centred -= centred.mean(dim=0)
        covariance = centred.new_empty(centred.shape[1], centred.shape[1])
        add_product(covariance, centred.t(), centred, alpha=1 / len(centred), beta=0)
        grad = torch.zeros_like(embeddings)
        pulled = embeddings.new_zeros(len(embeddings))  # of each entity, the weight of its terms
        total = embeddings.new_zeros(())
        height = max(1, min(len(left), TILE_BYTES // (4 * len(embeddings))))
        buffer = embeddings.new_empty(height, len(embeddings))
        for asked, answers in ((left, right), (right, left)):
            for own, mates in zip(asked.split(height), answers.split(height), strict=True):
                queries, truths = embeddings[own], embeddings[mates]
                directions = torch.cat([2 * queries, -torch.ones_like(queries[:, :1])], dim=1)
                variance = ((directions @ covariance) * directions).sum(dim=1, keepdim=True)
                slope = sharpness / variance.clamp(min=LEAST_VARIANCE).sqrt()
                tile = add_product(buffer[: len(own)], directions * slope, centred.t(), beta=0)
                tile.scatter_(1, torch.stack([own, mates], dim=1), -torch.inf)
                for part, steep in zip(tile.split(_slice(tile)), slope.split(_slice(tile)), strict=True):
                    peak = part.amax(dim=1, keepdim=True)
                    sums = part.sub_(peak).exp_().sum(dim=1, keepdim=True)
                    total += (sums.log() + peak).sum()
                    part.mul_(steep / sums)
                # part is now the gradient of d_ij; d_ij pulls q_i to p_i and pushes it from x_j
                add_product(grad, tile.t(), queries, alpha=2)
                pulled += tile.sum(dim=0)
                pull = queries.new_zeros(queries.shape)
                add_product(pull, tile, embeddings, alpha=2, beta=0)
                pull.addcmul_(slope, truths, value=-2)
                grad.index_add_(0, own, pull)
                grad.index_add_(0, mates, 2 * slope * (truths - queries))
        grad.addcmul_(pulled[:, None], embeddings, value=-2)
        ctx.save_for_backward(grad.div_(len(left)))
        return total / len(left)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return grad * ctx.saved_tensors[0], None, None, None


def _slice(tile: Tensor) -> int:
    """Rows whose elementwise work stays in a cache."""
    return len(tile) if tile.is_cuda else max(1, SLICE_BYTES // (4 * tile.shape[1]))


def hard_negatives(embeddings: Tensor, left: Tensor, right: Tensor, *, sharpness: float = 30.0) -> Tensor:
    """Log-sum-exp of how much nearer all other entities are than the counterpart, in deviations of each query.

    With ``d_ij = |q_i - p_i|^2 - |q_i - x_j|^2`` for query q_i, its counterpart p_i and every other entity x_j, and
    mean and deviation over all j of a query, taken as given by the gradient: the mean over links of
    ``log sum_j exp(sharpness (d_ij - mean_i) / deviation_i)``, of both directions added. The normalisation makes the
    same sharpness fit the whole training. Margin and offset of the paper cancel out in it.

    Args:
        embeddings: all entities to be contrasted, ``[n, d]``, n >= 3.
        left: rows of the left ends, int64 ``[B]``.
        right: rows of the right ends, int64 ``[B]``.
        sharpness: λ, > 0; 30 in the paper's code.

    Returns:
        A scalar. Memory: O(n d), and tiles of 96 MiB.

    Raises:
        UsageError: no link, fewer than three entities, or a sharpness that is not positive.

    Source:
        Mao et al., WWW 2021 (Dual-AMN), Sec. 4.4: normalised hard sample mining loss.
    """
    if len(left) == 0 or len(left) != len(right) or len(embeddings) < 3 or sharpness <= 0:
        raise UsageError(
            "expected as many left as right ends, at least one, at least three entities and a sharpness > 0, got "
            f"{len(left)}, {len(right)}, {len(embeddings)} and {sharpness}"
        )
    with torch.autocast(embeddings.device.type, enabled=False):
        loss: Tensor = _HardNegatives.apply(embeddings.float(), left, right, sharpness)
    return loss
