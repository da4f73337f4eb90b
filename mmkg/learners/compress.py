"""Narrower joint embeddings: each modality's part keeps the directions that most of its length is in."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..compute.host import isolated
from ..compute.seeding import numpy_generator
from .setting import Learned

POWER = 0.5  # of the singular values that remains; 1 = inner products as they are, 0 = all directions alike
SMALLEST = 1e-4  # eigenvalues below this share of the largest of a modality are raised to it
ROUNDING = 1e-6  # share of the sum of eigenvalues below which one is no more than rounding
TINY = 1e-30
SAMPLE = 25_000  # rows of either graph that the directions are learnt from
BLOCK_ROWS = 4096  # rows that are projected at a time


@isolated
def compressed(learned: Learned, width: int, *, seed: int = 0) -> Learned:
    """Embeddings of at most ``width`` columns; unchanged if they have no more.

    The part of each modality, ``[N, w]`` of both graphs, is projected on eigenvectors of its second moments (not
    centred): of all modalities together those with the largest eigenvalues, each as a share of the sum of its modality.
    Singular values are raised to the power 0.5, so that what many entities share counts less, and each part is scaled
    to the length that it had. So the terms of the modalities still sum to the cosine, and a part of zeros stays one.

    Args:
        learned: embeddings of all entities.
        width: largest number of columns; each modality keeps at least one. 0 = as they are.
        seed: random seed of the rows that the directions are learnt from, at most 25,000 of either graph.

    Returns:
        The same record with narrower unit rows on the CPU, and the matrices ``[w, d]`` of the modalities as
        ``projection``, float16.

    Source:
        Caron, Computational Information Retrieval 2001 (SIAM), and Bullinaria and Levy, Behavior Research Methods 44,
        2012, for the power.
    """
    if not width or width >= learned.left.shape[1]:
        return learned
    matrices = _directions(_moments(learned, seed), width)
    projection = dict(zip(learned.widths, matrices, strict=True))
    left, right = (projected(side, projection) for side in (learned.left, learned.right))
    widths = {name: matrix.shape[1] for name, matrix in projection.items()}
    return replace(learned, left=left, right=right, widths=widths, projection=projection)


def projected(rows: Tensor, projection: Mapping[str, Tensor]) -> Tensor:
    """Narrower rows ``[N, D]`` on the CPU, each modality's part as long as before.

    Args:
        rows: unit rows ``[N, W]``.
        projection: matrix ``[w, d]`` of each modality, in the order of the parts.
    """
    matrices = [matrix.to(rows.device, torch.float32) for matrix in projection.values()]
    found = torch.empty(len(rows), sum(matrix.shape[1] for matrix in matrices))
    for start in range(0, len(rows), BLOCK_ROWS):
        parts = rows[start : start + BLOCK_ROWS].float().split([len(matrix) for matrix in matrices], dim=1)
        narrow = [
            F.normalize(part @ matrix, dim=1) * part.norm(dim=1, keepdim=True)
            for part, matrix in zip(parts, matrices, strict=True)
        ]
        found[start : start + len(parts[0])] = F.normalize(torch.cat(narrow, dim=1), dim=1)
    return found


def _moments(learned: Learned, seed: int) -> list[Tensor]:
    """Second moments ``[w, w]`` of each modality's part, of a sample of the rows of both sides."""
    widths = list(learned.widths.values())
    sums = [learned.left.new_zeros(width, width, dtype=torch.float32) for width in widths]
    for label, side in (("left", learned.left), ("right", learned.right)):
        drawn = numpy_generator(seed, f"compressed {label}").permutation(len(side))[:SAMPLE]
        for rows in torch.from_numpy(np.sort(drawn)).to(side.device).split(BLOCK_ROWS):
            block = side.index_select(0, rows).float()
            for total, part in zip(sums, block.split(widths, dim=1), strict=True):
                total.addmm_(part.T, part)
    return sums


def _directions(moments: list[Tensor], width: int) -> list[Tensor]:
    """Eigenvectors with the largest shares of the moments, divided by a power of these, at least one of each modality.

    Args:
        moments: ``[w, w]`` of each modality.
        width: number of eigenvectors.

    Returns:
        Float16 ``[w, d]`` of each modality, the largest eigenvalue first.
    """
    found = [_eigen(each.cpu() / each.trace().cpu().clamp(min=TINY)) for each in moments]
    rest = torch.cat([values[:-1] for values, _ in found])  # ascending: the last of each is kept in any case
    places = rest.topk(min(max(0, width - len(found)), int((rest > ROUNDING).sum()))).indices
    owner = torch.repeat_interleave(torch.tensor([len(values) - 1 for values, _ in found]))
    kept = 1 + torch.bincount(owner[places], minlength=len(found))
    matrices = []
    for number, (values, vectors) in zip(kept.tolist(), found, strict=True):
        shares = (values[-number:] / values[-1].clamp(min=TINY)).clamp(min=SMALLEST)
        matrices.append((vectors[:, -number:] * shares ** ((POWER - 1) / 2)).flip(1).half())
    return matrices


def _eigen(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues ``[w]``, ascending, and eigenvectors ``[w, w]`` of a symmetric matrix."""
    try:
        values, vectors = torch.linalg.eigh(matrix)
    except RuntimeError:  # of very few entities most eigenvalues are 0, which float32 does not resolve
        values, vectors = (each.float() for each in torch.linalg.eigh(matrix.double()))
    return values, vectors
