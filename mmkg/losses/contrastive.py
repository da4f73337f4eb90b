"""Contrastive losses over a batch of links: ICL (MCLEA, MEAformer) and the NCA loss of EVA."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from .similarity import similarity

Average = Literal["log", "probability"]


def icl(
    left: Tensor, right: Tensor, *, temperature: float = 0.1, average: Average = "log", present: Tensor | None = None
) -> Tensor:
    """Intra-modal contrastive loss: each entity has to identify its counterpart among the 2B - 1 others.

    ``q(a, b) = exp(a.b / τ) / sum over all others c in the batch of exp(a.c / τ)``.

    Args:
        left: embeddings of the left entities, ``[B, d]``; rows are normalised here.
        right: embeddings of the right entities, ``[B, d]``.
        temperature: τ1, positive.
        average: ``log`` averages -log q of both directions, as the published code does; ``probability``
            takes -log of the average of q, as the paper prints it. The first is never smaller (Jensen).
        present: bool ``[2B]``, left entities first: entities that have this modality. Others are neither
            queries nor candidates; a link counts if both its entities are present.

    Returns:
        Scalar mean over the links that count, >= 0; zero if there are none.

    Source: Lin et al., COLING 2022, Eq. 7 and 8. With ``average="log"`` and all present this is NT-Xent.
    """
    return icl_from_similarity(similarity(left, right), temperature=temperature, average=average, present=present)


def icl_from_similarity(
    scores: Tensor, *, temperature: float = 0.1, average: Average = "log", present: Tensor | None = None
) -> Tensor:
    """``icl`` from cosines ``[2B, 2B]`` that were computed before, see ``similarity``."""
    log_q, counts = _log_q(scores, temperature, present)
    both = log_q.view(2, -1)
    each = both.mean(dim=0) if average == "log" else torch.logsumexp(both, dim=0) - math.log(2)
    return -torch.where(counts, each, 0.0).sum() / counts.sum().clamp(min=1)


def _log_q(scores: Tensor, temperature: float, present: Tensor | None) -> tuple[Tensor, Tensor]:
    """log q of each entity's counterpart, ``[2B]``, and which links count, bool ``[B]``."""
    size = len(scores) // 2
    logits = scores / temperature
    self_pairs = torch.eye(2 * size, dtype=torch.bool, device=scores.device)
    excluded = self_pairs if present is None else self_pairs | ~present[None, :]
    mate = torch.arange(2 * size, device=scores.device).roll(size)
    counts = torch.ones(size, dtype=torch.bool, device=scores.device)
    if present is not None:
        counts = present[:size] & present[size:]
    logits = logits.masked_fill(excluded, float("-inf"))
    rows = torch.where(counts.repeat(2)[:, None], logits, 0.0)  # rows that do not count must stay finite
    return rows.log_softmax(dim=1).gather(1, mate[:, None]).squeeze(1), counts


def nca(left: Tensor, right: Tensor, *, alpha: float, beta: float = 10.0, present: Tensor | None = None) -> Tensor:
    """Neighbourhood component loss of EVA with in-batch negatives of the other graph.

    ``1/α log(1 + sum_{j != i} exp(α s_ji)) + 1/α log(1 + sum_{j != i} exp(α s_ij)) - β log(1 + relu(s_ii))``.

    Args:
        left: embeddings ``[B, d]``.
        right: embeddings ``[B, d]``.
        alpha: α, 5 for structure and 15 for the rest in EVA.
        beta: β, 10 in EVA.
        present: bool ``[2B]``, left entities first; links with an absent entity are left out.

    Returns:
        Scalar mean over the links that count; zero if there are none.

    Source: Liu et al., AAAI 2021, Eq. 8. The paper prints -log(1 + β s_ii); the published code multiplies by β outside
        of the logarithm, and this function follows the code.
    """
    size = len(left)
    counts = torch.ones(size, dtype=torch.bool, device=left.device)
    if present is not None:
        counts = present[:size] & present[size:]
    dtype = torch.promote_types(left.dtype, torch.float32)
    with torch.autocast(left.device.type, enabled=False):
        left, right = F.normalize(left.to(dtype), dim=-1), F.normalize(right.to(dtype), dim=-1)
        logits = (alpha * left) @ right.t()
    others = (counts[:, None] & counts[None, :]).fill_diagonal_(False)
    off = logits.masked_fill(~others, torch.finfo(dtype).min)  # a row of nothing but -inf has no gradient
    sums = torch.logsumexp(off, dim=1), torch.logsumexp(off, dim=0)
    rows, columns = (torch.logaddexp(each, torch.zeros_like(each)) for each in sums)
    each = (rows + columns) / alpha - beta * torch.log1p(logits.diagonal().relu() / alpha)
    return torch.where(counts, each, 0.0).sum() / counts.sum().clamp(min=1)
