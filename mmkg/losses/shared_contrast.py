"""ICL of several embeddings and of their weighted concatenation, and IAL, from one similarity product per embedding."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..compute.products import add_product
from ..compute.ranks import ranks
from ..errors import UsageError
from .contrast_tiles import LN2, Tiles, add_sums, area, cover, fill_energy, fill_joint, fill_logits, pair_sums, views

LOWEST_TEMPERATURE = 0.025  # exp(1 / temperature) times any number of entities is a float32


class _SharedContrast(torch.autograd.Function):
    """log q of every entity's counterpart, ``[terms, 2B]``, and KL(joint || embedding) of every entity, ``[M, 2B]``.

    Forward and backward go over the upper triangle of each group's similarities tile by tile. ``E = exp(s / τ1)``
    is symmetric, so one tile serves its rows and its columns: with ``r_i = sum over present j of E_ij`` and g the
    gradient of log q, the gradient of ``s_ij / τ1`` is ``-E_ij (g_i / r_i + g_j / r_j)``. Absent embeddings have zero
    rows and so contribute no gradient to others; their own gradient is set to zero at the end. The joint similarity is
    ``sum_m u_im u_jm s_m`` and needs no matrix product of its own. IAL has the energies ``exp(s / τ2)``: P of the
    joint, a constant for the gradient, and Q of an embedding. They are symmetric too, and the gradient of
    ``s_ij / τ2`` is ``Q_ij (g_i / zq_i + g_j / zq_j) - P_ij (g_i / zp_i + g_j / zp_j)``. No operation makes the host
    wait for a value of the device. Processes that train together share the tiles, and add up what they found.
    """

    @staticmethod
    def forward(
        ctx: Any,
        scale: Tensor | None,
        present: Tensor,
        temperature: float,
        ratio: float | None,
        tiles: Tiles,
        keep_bytes: int,
        *embeddings: Tensor,
    ) -> tuple[Tensor, Tensor]:
        weights = present.t().to(embeddings[0].dtype).contiguous()  # [M, 2B]
        lengths = [torch.linalg.vector_norm(embedding, dim=1) for embedding in embeddings]
        inverses = [_inverse(length) * weight for length, weight in zip(lengths, weights, strict=True)]
        units = [embedding * inverse[:, None] for embedding, inverse in zip(embeddings, inverses, strict=True)]
        shares = None if scale is None else scale.t().contiguous()  # [M, 2B]
        if shares is not None:
            weights = torch.cat([weights, torch.ones_like(weights[:1])])
        own = ranks()
        tiles = own.tiles(tiles)
        number, largest = len(units), area(tiles)
        fits = min(len(tiles), keep_bytes // max(1, number * largest * weights.element_size()))
        kept = weights.new_empty(fits, number, largest)
        buffers = weights.new_empty(number + 3, largest)
        sums = torch.zeros_like(weights)
        sums_p, sums_q, gaps = weights.new_zeros(3, 0 if ratio is None else number, weights.shape[1])
        for place, (rows, columns) in enumerate(tiles):
            joint, energy, spare, *logits = views(buffers, rows, columns)
            if place < fits:
                logits = views(kept[place], rows, columns)
            fill_logits(logits, units, temperature, rows, columns)
            if shares is not None:
                fill_joint(joint, spare, logits, shares, rows, columns)
            for term, logit in enumerate(logits if shares is None else [*logits, joint]):
                fill_energy(energy, logit, rows, columns)
                add_sums(sums[term], energy, weights[term], rows, columns)
            if ratio is None:
                continue
            for m, logit in enumerate(logits):
                fill_energy(energy, torch.mul(logit, ratio, out=spare), rows, columns)
                add_sums(sums_q[m], energy, weights[m], rows, columns)
            fill_energy(energy, torch.mul(joint, ratio, out=spare), rows, columns)
            for m, logit in enumerate(logits):
                add_sums(sums_p[m], energy, weights[m], rows, columns)
                torch.sub(joint, logit, out=spare).mul_(energy)
                add_sums(gaps[m], spare, weights[m], rows, columns)
        own.summed_(sums, sums_p, sums_q, gaps)
        tiny = torch.finfo(sums.dtype).tiny
        log_q = _mate_logits(units, shares, temperature).repeat(1, 2) - sums.clamp(min=tiny).log()
        inverse_p, inverse_q = _inverse(sums_p), _inverse(sums_q)
        divergence = gaps * inverse_p * ((ratio or 0.0) * LN2)
        divergence += (sums_q.clamp(min=tiny) / sums_p.clamp(min=tiny)).log()
        ctx.save_for_backward(weights, kept, _inverse(sums), inverse_p, inverse_q, *inverses, *units, shares)
        ctx.number, ctx.temperature, ctx.ratio, ctx.tiles, ctx.ranks = number, temperature, ratio, tiles, own
        return log_q, divergence

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_log_q: Tensor, grad_divergence: Tensor) -> tuple[Tensor | None, ...]:
        with torch.autocast(grad_log_q.device.type, enabled=False):
            return _SharedContrast._gradients(ctx, grad_log_q, grad_divergence)

    @staticmethod
    def _gradients(ctx: Any, grad_log_q: Tensor, grad_divergence: Tensor) -> tuple[Tensor | None, ...]:
        weights, kept, inverse, inverse_p, inverse_q, *rest = ctx.saved_tensors
        inverses, units, shares = rest[: ctx.number], rest[ctx.number : -1], rest[-1]
        # Per query row; the slope is E_ij (pull_i + pull_j). The loss has no gradient for rows of absent embeddings.
        pull = -grad_log_q * inverse
        pull_p, pull_q = grad_divergence * inverse_p, grad_divergence * inverse_q
        grad_units = [torch.zeros_like(unit) for unit in units]
        grad_shares = None if shares is None else torch.zeros_like(shares)
        buffers = weights.new_empty(ctx.number + 5, area(ctx.tiles))
        for place, (rows, columns) in enumerate(ctx.tiles):
            joint, teacher, slope, spare, energy, *logits = views(buffers, rows, columns)
            if place < len(kept):
                logits = views(kept[place], rows, columns)
            else:
                fill_logits(logits, units, ctx.temperature, rows, columns)
            if shares is not None:
                fill_joint(joint, spare, logits, shares, rows, columns)
                if ctx.ratio is not None:
                    fill_energy(teacher, torch.mul(joint, ctx.ratio, out=spare), rows, columns)
                fill_energy(joint, joint, rows, columns)
                joint.mul_(pair_sums(pull[-1], rows, columns, out=spare))
            for m, logit in enumerate(logits):
                fill_energy(slope, logit, rows, columns)
                slope.mul_(pair_sums(pull[m], rows, columns, out=spare))
                if ctx.ratio is not None:
                    fill_energy(energy, torch.mul(logit, ctx.ratio, out=spare), rows, columns)
                    slope.addcmul_(energy, pair_sums(pull_q[m], rows, columns, out=spare), value=ctx.ratio)
                    slope.addcmul_(teacher, pair_sums(pull_p[m], rows, columns, out=spare), value=-ctx.ratio)
                if shares is not None and grad_shares is not None:
                    torch.mul(joint, shares[m, rows, None], out=spare)
                    slope.addcmul_(spare, shares[m, None, columns])
                    add_sums(grad_shares[m], torch.mul(joint, logit, out=spare), shares[m], rows, columns)
                add_product(grad_units[m][rows], slope, units[m][columns])
                if rows != columns:
                    add_product(grad_units[m][columns], slope.t(), units[m][rows])
        ctx.ranks.summed_(*grad_units, grad_shares)
        if grad_shares is not None:
            grad_shares *= LN2
        grad_mates = grad_log_q.reshape(len(grad_log_q), 2, -1).sum(dim=1)
        _add_mates(grad_units, grad_shares, units, shares, grad_mates, ctx.temperature)
        for grad, unit, length in zip(grad_units, units, inverses, strict=True):
            along = torch.linalg.vecdot(grad, unit)
            grad.addcmul_(unit, along[:, None], value=-1).mul_(length[:, None] / ctx.temperature)
        return None if grad_shares is None else grad_shares.t(), None, None, None, None, None, *grad_units


class _GradientAtOnce(torch.autograd.Function):
    """Losses of one embedding each, with their gradients: the forward pass computes both, so that no tile is kept."""

    @staticmethod
    def forward(ctx: Any, losses: Callable[..., Tensor], *embeddings: Tensor) -> Tensor:
        with torch.enable_grad():
            leaves = [embedding.detach().requires_grad_() for embedding in embeddings]
            found = losses(*leaves)
            ctx.save_for_backward(*torch.autograd.grad(found.sum(), leaves))
        return found.detach()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grads: Tensor) -> tuple[Tensor | None, ...]:
        return None, *(grad.to(own.dtype) * own for grad, own in zip(grads, ctx.saved_tensors, strict=True))


_shared_contrast: Callable[..., tuple[Tensor, Tensor]] = _SharedContrast.apply
_gradient_at_once: Callable[..., Tensor] = _GradientAtOnce.apply


def _inverse(values: Tensor) -> Tensor:
    """``1 / values``, and 0 where a value is 0."""
    return torch.where(values > 0, 1 / values, 0.0)


def _mate_logits(units: Sequence[Tensor], shares: Tensor | None, temperature: float) -> Tensor:
    """``s / τ1`` of the two entities of each link, ``[terms, B]``."""
    size = len(units[0]) // 2
    mates = torch.stack([torch.linalg.vecdot(unit[:size], unit[size:]) for unit in units]) / temperature
    if shares is None:
        return mates
    return torch.cat([mates, (shares[:, :size] * shares[:, size:] * mates).sum(dim=0, keepdim=True)])


def _add_mates(
    grad_units: list[Tensor],
    grad_shares: Tensor | None,
    units: Sequence[Tensor],
    shares: Tensor | None,
    grads: Tensor,
    temperature: float,
) -> None:
    """Add the gradients through ``_mate_logits`` in place, given that of its output; those of units are times τ1."""
    size = grads.shape[1]
    weights = grads[: len(units)]
    if shares is not None and grad_shares is not None:
        mates = _mate_logits(units, None, temperature) * grads[-1]
        grad_shares[:, :size] += mates * shares[:, size:]
        grad_shares[:, size:] += mates * shares[:, :size]
        weights = weights + grads[-1] * shares[:, :size] * shares[:, size:]
    for grad, unit, weight in zip(grad_units, units, weights, strict=True):
        grad[:size].addcmul_(unit[size:], weight[:, None])
        grad[size:].addcmul_(unit[:size], weight[:, None])


def shared_icl(
    embeddings: Sequence[Tensor],
    *,
    temperature: float = 0.1,
    scale: Tensor | None = None,
    present: Tensor | None = None,
    group_size: int | None = None,
    tile: int | None = None,
    keep_bytes: int | None = None,
) -> Tensor:
    """Exact ICL of each embedding, and of their weighted concatenation, without a 2B x 2B matrix.

    Args:
        embeddings: each ``[2B, d_m]``, the left entities of B links, then their right ones; rows are normalised here.
        temperature: τ1, at least 0.025.
        scale: u, ``[2B, M]``: the joint embedding of an entity is the concatenation of ``u_m`` times the unit
            embedding. It has length 1: the squares of u over the present modalities sum to 1, and u of an absent
            modality is 0. ``None``: no joint embedding.
        present: bool ``[2B, M]``; absent embeddings are neither queries nor candidates. ``None``: all present.
        group_size: number of consecutive links of the batch that are contrasted with each other; the loss is the mean
            over these groups. ``None``: one group of all links.
        tile: largest edge of a tile; by default 512 on a CPU and 4,096 elsewhere.
        keep_bytes: how many bytes of similarities to keep for the gradient, which recomputes the others; by default
            320 MiB on a CPU (three embeddings of 3,500 links) and 1 GiB elsewhere. With a joint embedding they are
            kept until the backward pass, otherwise only until this function returns.

    Returns:
        ``[M]``, or ``[M + 1]`` with the joint loss last; each equals ``icl(..., average="log")``. Float32 under
        autocast.

    Raises:
        UsageError: the temperature is too low for sums in float32.

    Source: Lin et al., COLING 2022, Eq. 7 and 8.
    """

    def losses(*embeddings: Tensor) -> Tensor:
        log_q, _, counts = _contrast(embeddings, temperature, None, scale, present, group_size, tile, keep_bytes)
        return -_group_means(log_q, counts, group_size).mean(dim=1)

    if scale is None and torch.is_grad_enabled():
        return _gradient_at_once(losses, *embeddings)
    return losses(*embeddings)


def shared_icl_ial(
    embeddings: Sequence[Tensor],
    *,
    scale: Tensor,
    temperature: float = 0.1,
    ial_temperature: float = 4.0,
    present: Tensor | None = None,
    group_size: int | None = None,
    tile: int | None = None,
    keep_bytes: int | None = None,
) -> tuple[Tensor, Tensor]:
    """``shared_icl`` per group and, from the same products, IAL from the joint embedding to each embedding.

    Args:
        embeddings: as in ``shared_icl``, like all arguments that are not listed here.
        scale: u of the joint embedding, which is the teacher of IAL; IAL gives it no gradient.
        ial_temperature: τ2, at least 0.025.

    Returns:
        ICL ``[M + 1, G]`` of the G groups, the joint embedding last, and IAL ``[M, G]``, which equals
        ``ial_from_similarity``.

    Raises:
        UsageError: a temperature is too low for sums in float32.

    Source: Lin et al., COLING 2022, Eq. 7, 8 and 10.
    """
    log_q, divergence, counts = _contrast(
        embeddings, temperature, ial_temperature, scale, present, group_size, tile, keep_bytes
    )
    queries = torch.ones_like(divergence, dtype=torch.bool) if present is None else present.t()
    return -_group_means(log_q, counts, group_size), _group_means(divergence, queries, group_size)


def _contrast(
    embeddings: Sequence[Tensor],
    temperature: float,
    ial_temperature: float | None,
    scale: Tensor | None,
    present: Tensor | None,
    group_size: int | None,
    tile: int | None,
    keep_bytes: int | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The two outputs of ``_SharedContrast``, and which entities count for ICL, bool ``[terms, 2B]``."""
    lowest = temperature if ial_temperature is None else min(temperature, ial_temperature)
    if lowest < LOWEST_TEMPERATURE:
        raise UsageError(f"expected a temperature of at least {LOWEST_TEMPERATURE}, got {lowest}; raise it")
    device, size = embeddings[0].device, len(embeddings[0]) // 2
    if present is None:
        present = torch.ones(2 * size, len(embeddings), dtype=torch.bool, device=device)
    if tile is None:
        tile = 512 if device.type == "cpu" else 4096
    if keep_bytes is None:
        keep_bytes = 320 << 20 if device.type == "cpu" else 1 << 30
    ratio = None if ial_temperature is None else temperature / ial_temperature
    tiles = cover(size, group_size or size, tile)
    dtype = torch.promote_types(embeddings[0].dtype, torch.float32)
    exact = [embedding.to(dtype) for embedding in embeddings]
    if scale is not None:
        scale = scale.to(dtype)
    with torch.autocast(device.type, enabled=False):
        log_q, divergence = _shared_contrast(scale, present, temperature, ratio, tiles, keep_bytes, *exact)
    counts = (present[:size] & present[size:]).repeat(2, 1).t()
    if scale is not None:
        counts = torch.cat([counts, torch.ones_like(counts[:1])])
    return log_q, divergence, counts


def _group_means(values: Tensor, counts: Tensor, group_size: int | None) -> Tensor:
    """Mean over the entities of each group that count, ``[terms, 2B] -> [terms, G]``; 0 if none does."""
    size = values.shape[1] // 2
    group = group_size or size
    number = -(-size // group)

    def totals(rows: Tensor) -> Tensor:
        padded = F.pad(rows.reshape(len(rows), 2, size), (0, number * group - size))
        return padded.view(len(rows), 2, number, group).sum(dim=(1, 3))

    return totals(torch.where(counts, values, 0.0)) / totals(counts.to(values.dtype)).clamp(min=1)
