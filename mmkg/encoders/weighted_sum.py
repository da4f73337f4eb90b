"""Weighted sum over neighbours whose weights can be learned, without a tensor of edges x width."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric import EdgeIndex

from ..data.batch import sparse_rows


class _WeightedSum(torch.autograd.Function):
    """``out[t] = sum over edges (s -> t) of weight * x[s]``; the gradient of a weight is ``grad[t] . x[s]``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, into: tuple[Tensor, Tensor], out_of: tuple[Tensor, ...]) -> Tensor:
        ctx.save_for_backward(x, weight, *into, *out_of)
        offsets, source = into
        return F.embedding_bag(source, x, offsets[:-1], mode="sum", per_sample_weights=weight)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight, offsets, source, back_offsets, target, order = ctx.saved_tensors
        grad = grads[0].contiguous()
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            flipped = weight.index_select(0, order)
            grad_x = F.embedding_bag(target, grad, back_offsets[:-1], mode="sum", per_sample_weights=flipped)
        if ctx.needs_input_grad[1]:
            pattern = sparse_rows(offsets, source, torch.zeros_like(weight), (len(grad), len(x)))
            grad_weight = torch.sparse.sampled_addmm(pattern, grad, x.t(), beta=0.0).values()
        return grad_x, grad_weight, None, None


def weighted_sum(x: Tensor, edge_index: EdgeIndex, weight: Tensor) -> Tensor:
    """Sum of the neighbours' rows of ``x``, each times the weight of its edge.

    Args:
        x: float32 ``[N, d]``.
        edge_index: ``[2, E]`` from source to target, sorted by target, each pair at most once.
        weight: one number per edge, ``[E]``, in the order of ``edge_index``.

    Returns:
        ``[N, d]``. Forward and backward need O(N d + E) memory.
    """
    (offsets, source), _ = edge_index.get_csc()
    (back_offsets, target), order = edge_index.get_csr()
    if order is None:  # sorted both ways only if there is at most one edge per node
        order = torch.arange(len(weight), device=weight.device)
    return _WeightedSum.apply(x, weight, (offsets, source), (back_offsets, target, order))
