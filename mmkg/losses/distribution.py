"""Divergences of two distributions: over the entities of a batch (IAL, MCLEA) and over features (TATE)."""

import torch
import torch.nn.functional as F
from torch import Tensor


def ial_from_similarity(
    teacher: Tensor, student: Tensor, *, temperature: float = 4.0, present: Tensor | None = None
) -> Tensor:
    """Inter-modal alignment loss: KL from the joint embedding's distribution to a modality's.

    For every entity, each embedding gives a softmax over the 2B - 1 others of the batch. The loss is
    ``KL(teacher || student)``, averaged over entities. The teacher gets no gradient.

    Args:
        teacher: cosines of the joint embedding, ``[2B, 2B]``.
        student: cosines of one modality, ``[2B, 2B]``.
        temperature: τ2, positive; 4 in MCLEA.
        present: bool ``[2B]``: entities that have this modality; others are neither queries nor candidates.

    Returns:
        Scalar >= 0; zero if both agree.

    Source: Lin et al., COLING 2022, Eq. 10. The official code also divides by 2B and multiplies by its factor
        0.1 twice; ``MCLEAConfig.paper_compat`` reproduces this.
    """
    size = len(teacher)
    keep = ~torch.eye(size, dtype=torch.bool, device=teacher.device)
    queries = torch.ones(size, dtype=torch.bool, device=teacher.device)
    if present is not None:
        keep = keep & present[None, :]
        queries = present & keep.any(dim=1)
    log_p = _log_softmax(teacher.detach(), keep, temperature)
    log_q = _log_softmax(student, keep, temperature)
    each = F.kl_div(log_q, log_p, log_target=True, reduction="none").masked_fill(~keep, 0.0).sum(dim=1)
    return torch.where(queries, each, 0.0).sum() / queries.sum().clamp(min=1)


def feature_kl(
    teacher: Tensor, student: Tensor, where: Tensor, *, temperature: float = 1.0, symmetric: bool = False
) -> Tensor:
    """``tau^2 KL(teacher || student)`` of softmaxes over features, per step; the teacher gets no gradient.

    Args:
        teacher: ``[B, T, d]``.
        student: ``[B, T, d]``.
        where: bool ``[B, T]``: steps that count.
        temperature: tau, positive.
        symmetric: add ``KL(student || teacher)``.

    Returns:
        Scalar >= 0, mean over the steps of ``where``; 0 if there are none.

    Source: Zeng et al., SIGIR 2022 (TATE); its code uses tau = 1, both directions, and the sum over the batch.
    """
    log_p, log_q = ((each / temperature).log_softmax(dim=-1) for each in (teacher.detach(), student))
    each = F.kl_div(log_q, log_p, log_target=True, reduction="none").sum(dim=-1)
    if symmetric:
        each = each + F.kl_div(log_p, log_q, log_target=True, reduction="none").sum(dim=-1)
    return temperature**2 * torch.where(where, each, 0.0).sum() / where.sum().clamp(min=1)


def _log_softmax(scores: Tensor, keep: Tensor, temperature: float) -> Tensor:
    lowest = torch.finfo(scores.dtype).min
    return (scores / temperature).masked_fill(~keep, lowest).log_softmax(dim=1)
