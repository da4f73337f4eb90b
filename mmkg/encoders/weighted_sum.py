"""Weighted sums over neighbours with learnable weights, without a tensor of size edges x width."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.tensors.sparse import sparse_rows

if TYPE_CHECKING:
    from ..data.tensors.pyg import EdgeIndex


class _WeightedSum(torch.autograd.Function):
    """``out[t] = sum over heads k and edges (s -> t) of scale[k] * weight[k] * x[s]``.

    The K sums of a target are consecutive bags, so that the second reads its rows of x from the CPU cache. With
    ``scaled[t, k] = scale[k] * grad[t]``, the gradient of ``x[s]`` is the sum over edges (s -> t) and heads of
    ``weight[k] * scaled[t, k]``, that of ``scale[k]`` is ``sum_t grad[t] * sums[t, k]``, and that of a weight
    ``scaled[t, k] . x[s]``. All tensors of width K d have a row per target; a sampled step has ten times more sources.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, scale: Tensor, into: tuple[Tensor, Tensor], out_of: tuple[Tensor, ...]
    ) -> Tensor:
        offsets, source = into
        sums = _bag_sums(offsets, source, x, weight)
        ctx.save_for_backward(x, weight, scale, sums if ctx.needs_input_grad[2] else None, *into, *out_of)
        return _combine(sums, scale)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, scale, sums, offsets, source, back_offsets, target, order = ctx.saved_tensors
        grad, heads = grads[0].contiguous(), weight.shape[1]
        grad_x = grad_weight = grad_scale = None
        scaled = (grad[:, None, :] * scale).flatten(0, 1)  # [T K, d]
        if ctx.needs_input_grad[0]:
            entries = (target[:, None] * heads + torch.arange(heads, device=target.device)).flatten()
            weights = weight.index_select(0, order).flatten()
            grad_x = F.embedding_bag(entries, scaled, back_offsets[:-1] * heads, mode="sum", per_sample_weights=weights)
        if ctx.needs_input_grad[2]:
            grad_scale = torch.stack([(grad * part).sum(dim=0) for part in sums.unbind(dim=1)])
        if ctx.needs_input_grad[1]:
            bags, edges, places = _bags(offsets, heads, len(source))
            pattern = sparse_rows(
                bags, source.index_select(0, edges), weight.new_zeros(len(edges)), (len(bags) - 1, len(x))
            )
            found = torch.sparse.sampled_addmm(pattern, scaled, x.t(), beta=0.0).values()
            grad_weight = torch.empty_like(weight).flatten().index_copy_(0, places, found).view_as(weight)
        return grad_x, grad_weight, grad_scale, None, None


def _bag_sums(offsets: Tensor, source: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """The K sums of each target, ``[T, K, d]``."""
    heads = weight.shape[1]
    bags, edges, places = _bags(offsets, heads, len(source))
    weights = weight.flatten().index_select(0, places)
    sums = F.embedding_bag(source.index_select(0, edges), x, bags[:-1], mode="sum", per_sample_weights=weights)
    return sums.view(len(offsets) - 1, heads, x.shape[1])


def _combine(sums: Tensor, scale: Tensor) -> Tensor:
    """``sum_k scale[k] * sums[:, k]``, ``[T, d]``."""
    out = sums[:, 0] * scale[0]
    for head in range(1, len(scale)):
        out.addcmul_(sums[:, head], scale[head])
    return out


def _bags(offsets: Tensor, heads: int, num_edges: int) -> tuple[Tensor, Tensor, Tensor]:
    """The K bags of each target: their offsets ``[T K + 1]``, and the edge of each entry and its position in the flat
    weights, ``[E K]`` each."""
    counts = offsets.diff().repeat_interleave(heads)
    bags = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    head = torch.arange(heads, device=offsets.device).repeat(len(offsets) - 1)
    # entry p of the bag of target t and head k is edge e = offsets[t] + p - bags[t, k], its position is e K + k
    shift = (offsets[:-1].repeat_interleave(heads) - bags[:-1]) * heads + head
    total = heads * num_edges
    places = shift.repeat_interleave(counts, output_size=total)
    places += heads * torch.arange(total, device=offsets.device)
    return bags, torch.div(places, heads, rounding_mode="floor"), places


def weighted_sum(x: Tensor, edge_index: "EdgeIndex", weight: Tensor, scale: Tensor | None = None) -> Tensor:
    """Sum of the neighbours' rows of ``x`` times the weights of their edges; with several heads, the scaled sum of all.

    Args:
        x: float32 ``[S, d]``, one row per source.
        edge_index: ``[2, E]`` from source to target, sorted by target, each pair at most once.
        weight: one number per edge ``[E]``, or per edge and head ``[E, K]``, in the order of ``edge_index``.
        scale: factor of the sum of each head, ``[K, d]``; ``None`` = 1.

    Returns:
        ``[T, d]``. Forward and backward need O((S + T) K d + E K) memory.
    """
    (offsets, source), _ = edge_index.get_csc()
    heads = weight[:, None] if weight.ndim == 1 else weight
    factors = x.new_ones(heads.shape[1], x.shape[1]) if scale is None else scale
    if not torch.is_grad_enabled():  # the reverse index costs O(S), too much for a block of a large graph
        return _combine(_bag_sums(offsets, source, x, heads), factors)
    (back_offsets, target), order = edge_index.get_csr()
    if order is None:  # sorted in both directions only if no node has more than one edge
        order = torch.arange(len(weight), device=weight.device)
    apply: Callable[..., Tensor] = _WeightedSum.apply
    return apply(x, heads, factors, (offsets, source), (back_offsets, target, order))
