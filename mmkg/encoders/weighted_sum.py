"""Weighted sums over neighbours whose weights can be learned, without a tensor of edges x width."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric import EdgeIndex

from ..data.batch import sparse_rows


class _WeightedSum(torch.autograd.Function):
    """``out[t, k] = sum over edges (s -> t) of weight[k] * x[s]``; the gradient of a weight is ``grad[t, k] . x[s]``.

    The K sums of a target are bags that stand one after the other, so that the second reads its rows of x from a cache.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, into: tuple[Tensor, Tensor], out_of: tuple[Tensor, ...]) -> Tensor:
        ctx.save_for_backward(x, weight, *into, *out_of)
        offsets, source = into
        bags, edges, places = _bags(offsets, weight.shape[1], len(source))
        out = F.embedding_bag(
            source.index_select(0, edges),
            x,
            bags[:-1],
            mode="sum",
            per_sample_weights=weight.flatten().index_select(0, places),
        )
        return out.view(len(offsets) - 1, weight.shape[1], x.shape[1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight, offsets, source, back_offsets, target, order = ctx.saved_tensors
        heads = weight.shape[1]
        grad = grads[0].flatten(0, 1)  # [T K, d]
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            head = torch.arange(heads, device=x.device)
            askers = (target[:, None] * heads + head).flatten()  # every edge out of a source, head after head
            flipped = weight.index_select(0, order).flatten()
            grad_x = F.embedding_bag(askers, grad, back_offsets[:-1] * heads, mode="sum", per_sample_weights=flipped)
        if ctx.needs_input_grad[1]:
            bags, edges, places = _bags(offsets, heads, len(source))
            zeros = weight.new_zeros(len(edges))
            pattern = sparse_rows(bags, source.index_select(0, edges), zeros, (len(grad), len(x)))
            found = torch.sparse.sampled_addmm(pattern, grad, x.t(), beta=0.0).values()
            grad_weight = torch.empty_like(weight).flatten().index_copy_(0, places, found).view_as(weight)
        return grad_x, grad_weight, None, None


def _bags(offsets: Tensor, heads: int, num_edges: int) -> tuple[Tensor, Tensor, Tensor]:
    """The K bags of each target in turn: their offsets ``[T K + 1]``, and of each entry its edge and its place in
    the flat weights ``[E K]``."""
    counts = offsets.diff().repeat_interleave(heads)
    bags = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    head = torch.arange(heads, device=offsets.device).repeat(len(offsets) - 1)
    # entry p of the bag of target t and head k is edge e = offsets[t] + p - bags[t, k], its place is e K + k
    shift = (offsets[:-1].repeat_interleave(heads) - bags[:-1]) * heads + head
    total = heads * num_edges
    places = shift.repeat_interleave(counts, output_size=total)
    places += heads * torch.arange(total, device=offsets.device)
    return bags, torch.div(places, heads, rounding_mode="floor"), places


def weighted_sum(x: Tensor, edge_index: EdgeIndex, weight: Tensor) -> Tensor:
    """Sum of the neighbours' rows of ``x``, each times the weight of its edge.

    Args:
        x: float32 ``[S, d]``, one row per source.
        edge_index: ``[2, E]`` from source to target, sorted by target, each pair at most once.
        weight: per edge one number ``[E]``, or one per head ``[E, K]``, in the order of ``edge_index``.

    Returns:
        ``[T, d]``, or ``[T, K, d]``. Forward and backward need O((S + T K) d + E K) memory.
    """
    (offsets, source), _ = edge_index.get_csc()
    (back_offsets, target), order = edge_index.get_csr()
    if order is None:  # sorted both ways only if there is at most one edge per node
        order = torch.arange(len(weight), device=weight.device)
    heads = weight[:, None] if weight.ndim == 1 else weight
    out: Tensor = _WeightedSum.apply(x, heads, (offsets, source), (back_offsets, target, order))
    return out.squeeze(1) if weight.ndim == 1 else out
