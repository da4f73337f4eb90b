"""ICL of several embeddings and of their weighted concatenation, from one similarity product each."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

LOWEST_TEMPERATURE = 0.025  # exp(-2 / temperature) is still a normal float32


class _SharedContrast(torch.autograd.Function):
    """Forward and backward go over the upper triangle of 2B x 2B tiles; nothing larger than a tile is kept.

    ``E_m = exp((s_m - 1) / τ)`` is symmetric, so one tile serves the rows and the columns; with row sums r
    the loss is ``mean(log r_i + (1 - s_i,mate) / τ)`` and its gradient with respect to ``s_ij`` is
    ``E_ij (1/r_i + 1/r_j)``. The joint similarity is ``sum_m u_im u_jm s_m``, without a product of its own.
    """

    @staticmethod
    def forward(
        ctx: Any, scale: Tensor | None, temperature: float, present: Tensor, tile: int, *units: Tensor
    ) -> Tensor:
        size = len(units[0]) // 2
        terms = len(units) + (scale is not None)
        sums = units[0].new_zeros(terms, 2 * size)
        masked = ~present.all(dim=0)
        for rows, columns in _tiles(2 * size, tile):
            energies, _ = _energies(units, scale, present, masked, temperature, rows, columns)
            for term, energy in enumerate(energies):
                sums[term, rows] += energy.sum(dim=1)
                if rows != columns:
                    sums[term, columns] += energy.sum(dim=0)
        counts = _counts(present, size, scale is not None)
        mates = [(unit[:size] * unit[size:]).sum(dim=1) for unit in units]
        if scale is not None:
            shares = scale[:size] * scale[size:]
            mates.append((shares * torch.stack(mates, dim=1)).sum(dim=1))
        losses = []
        for term, mate in enumerate(mates):
            both = counts[:, term]
            total = torch.log(sums[term].view(2, -1)[:, both]).sum() + 2 * ((1 - mate[both]) / temperature).sum()
            losses.append(total / (2 * both.sum()).clamp(min=1))
        ctx.save_for_backward(present, counts, sums, *units, *([scale] if scale is not None else []))
        ctx.temperature, ctx.tile, ctx.num_units = temperature, tile, len(units)
        return torch.stack(losses)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        present, counts, sums, *rest = ctx.saved_tensors
        units, scale = rest[: ctx.num_units], (rest[ctx.num_units] if len(rest) > ctx.num_units else None)
        size = len(units[0]) // 2
        coefficient = grads[0] / (2 * counts.sum(dim=0)).clamp(min=1) / ctx.temperature  # [terms]
        pull = torch.where(counts.repeat(2, 1).t(), coefficient[:, None] / sums, 0.0)  # dL / dE, per asking row
        masked = ~present.all(dim=0)
        grad_units = [torch.zeros_like(unit) for unit in units]
        grad_scale = None if scale is None else torch.zeros_like(scale)
        for rows, columns in _tiles(2 * size, ctx.tile):
            energies, scores = _energies(units, scale, present, masked, ctx.temperature, rows, columns)
            slopes = [e.mul_(pull[t, rows, None] + pull[t, None, columns]) for t, e in enumerate(energies)]
            for m, unit in enumerate(units):
                slope = slopes[m]
                if scale is not None and grad_scale is not None:
                    weighed = scores[m].mul_(slopes[-1])
                    grad_scale[columns, m] += scale[rows, m] @ weighed
                    if rows != columns:
                        grad_scale[rows, m] += weighed @ scale[columns, m]
                    slope.addcmul_(slopes[-1] * scale[rows, m, None], scale[None, columns, m])
                grad_units[m][rows] += slope @ unit[columns]
                if rows != columns:
                    grad_units[m][columns] += slope.t() @ unit[rows]
        _add_mates(grad_units, grad_scale, units, scale, counts * coefficient, size)
        return grad_scale, None, None, None, *grad_units


def _tiles(size: int, tile: int) -> list[tuple[slice, slice]]:
    """Upper triangle of a size x size square."""
    starts = range(0, size, tile)
    cuts = [slice(start, min(start + tile, size)) for start in starts]
    return [(cuts[i], cuts[j]) for i in range(len(cuts)) for j in range(i, len(cuts))]


def _energies(
    units: Sequence[Tensor],
    scale: Tensor | None,
    present: Tensor,
    masked: Tensor,
    temperature: float,
    rows: slice,
    columns: slice,
) -> tuple[list[Tensor], list[Tensor]]:
    """``exp((s - 1) / τ)`` of one tile for each embedding, and last for their joint; absent pairs are 0.

    With a joint also the similarities s of each embedding, which its gradient needs.
    """
    shift = units[0].new_tensor(-1 / temperature)
    logits = [torch.addmm(shift, unit[rows], unit[columns].t(), alpha=1 / temperature) for unit in units]
    scores = []
    if scale is not None:
        joint = torch.addmm(shift, scale[rows], scale[columns].t(), alpha=1 / temperature)
        for m, logit in enumerate(logits):
            joint.addcmul_(logit * scale[rows, m, None], scale[None, columns, m])
            scores.append(torch.add(1, logit, alpha=temperature))
        logits.append(joint)
    energies = [logit.exp_() for logit in logits]
    for term, energy in enumerate(energies):
        if term < len(units) and bool(masked[term]):
            energy *= present[rows, term, None]
            energy *= present[None, columns, term]
        if rows == columns:
            energy.fill_diagonal_(0.0)
    return energies, scores


def _counts(present: Tensor, size: int, joint: bool) -> Tensor:
    """Which links count for each term, bool ``[B, terms]``; the joint embedding always does."""
    both = present[:size] & present[size:]
    return torch.cat([both, torch.ones_like(both[:, :1])], dim=1) if joint else both


def _add_mates(
    grad_units: list[Tensor],
    grad_scale: Tensor | None,
    units: Sequence[Tensor],
    scale: Tensor | None,
    pull: Tensor,
    size: int,
) -> None:
    """Gradient of ``-2 s_i,mate / τ`` for every link, added in place."""
    for m, unit in enumerate(units):
        weight = pull[:, m]
        if scale is not None and grad_scale is not None:
            score = (unit[:size] * unit[size:]).sum(dim=1)
            grad_scale[:size, m] -= 2 * pull[:, -1] * scale[size:, m] * score
            grad_scale[size:, m] -= 2 * pull[:, -1] * scale[:size, m] * score
            weight = weight + pull[:, -1] * scale[:size, m] * scale[size:, m]
        grad_units[m][:size] -= 2 * weight[:, None] * unit[size:]
        grad_units[m][size:] -= 2 * weight[:, None] * unit[:size]


def shared_icl(
    units: Sequence[Tensor],
    *,
    temperature: float = 0.1,
    scale: Tensor | None = None,
    present: Tensor | None = None,
    tile: int | None = None,
) -> Tensor:
    """ICL of each embedding, and of their weighted concatenation, exactly, in tile-sized memory.

    Args:
        units: unit rows of each embedding, left ends first, each ``[2B, d_m]`` (``stack_normalized``).
        temperature: τ1, at least 0.025.
        scale: u, ``[2B, M]``: the joint embedding of an entity is the concatenation of ``u_m * unit_m``
            and has length 1, i.e. the squares of u over the present modalities sum to 1. ``None``: no joint.
        present: bool ``[2B, M]``; absent embeddings are neither asked nor offered. ``None``: all present.
        tile: edge of a tile; by default 512 on a CPU and 8,192 on a GPU.

    Returns:
        ``[M]``, or ``[M + 1]`` with the joint loss last; equal to ``icl(..., average="log")`` of each.

    Raises:
        ValueError: the temperature is too low for sums in float32.

    Source: Lin et al., COLING 2022, Eq. 7 and 8.
    """
    if temperature < LOWEST_TEMPERATURE:
        raise ValueError(f"expected a temperature of at least {LOWEST_TEMPERATURE}, got {temperature}")
    if present is None:
        present = torch.ones(len(units[0]), len(units), dtype=torch.bool, device=units[0].device)
    if tile is None:
        tile = 512 if units[0].device.type == "cpu" else 8192
    losses: Tensor = _SharedContrast.apply(scale, temperature, present, tile, *units)
    return losses
