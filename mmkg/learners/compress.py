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
def compressed(learned: Learned, width: int, *, store: str | None = None, seed: int = 0) -> Learned:
    """Embeddings of at most ``width`` columns; unchanged if they have no more.

    The part of each modality, ``[N, w]`` of both graphs, is projected on eigenvectors of its second moments (not
    centred): of all modalities together those with the largest eigenvalues, each as a share of the sum of its modality.
    Singular values are raised to the power 0.5, so that what many entities share counts less, and each part is scaled
    to the length that it had. So the terms of the modalities still sum to the cosine, and a part of zeros stays one.

    Args:
        learned: embeddings of all entities.
        width: largest number of columns; each modality keeps at least one. 0 = as they are.
        store: type of the narrower rows; ``None`` = as before.
        seed: random seed of the rows that the directions are learnt from, at most 25,000 of either graph.

    Returns:
        The same record with narrower unit rows of the same type on the CPU, and the matrices ``[w, d]`` of the
        modalities as ``projection``, float16.

    Source:
        Caron, Computational Information Retrieval 2001 (SIAM), and Bullinaria and Levy, Behavior Research Methods 44,
        2012, for the power.
    """
    if not width or width >= learned.left.shape[1]:
        return learned
    matrices = _directions(_spectra(learned, seed), width)
    projection = dict(zip(learned.widths, matrices, strict=True))
    left, right = (projected(side, projection, store=store) for side in (learned.left, learned.right))
    without = None
    if learned.without is not None:
        without = (
            projected(learned.without[0], projection, store=store),
            projected(learned.without[1], projection, store=store),
        )
    widths = {name: matrix.shape[1] for name, matrix in projection.items()}
    return replace(learned, left=left, right=right, widths=widths, projection=projection, without=without)


def projected(rows: Tensor, projection: Mapping[str, Tensor], *, store: str | None = None) -> Tensor:
    """Narrower rows ``[N, D]`` on the CPU, each modality's part as long as before.

    Args:
        rows: unit rows ``[N, W]``, float32 or float16.
        projection: matrix ``[w, d]`` of each modality, in the order of the parts.
        store: type of the result; ``None`` = that of the rows.
    """
    matrices = [matrix.to(rows.device, torch.float32) for matrix in projection.values()]
    dtype = rows.dtype if store is None else getattr(torch, store)
    found = torch.empty(len(rows), sum(matrix.shape[1] for matrix in matrices), dtype=dtype)
    for start in range(0, len(rows), BLOCK_ROWS):
        parts = rows[start : start + BLOCK_ROWS].float().split([len(matrix) for matrix in matrices], dim=1)
        narrow = [
            F.normalize(part @ matrix, dim=1) * part.norm(dim=1, keepdim=True)
            for part, matrix in zip(parts, matrices, strict=True)
        ]
        found[start : start + len(parts[0])] = F.normalize(torch.cat(narrow, dim=1), dim=1)
    return found


def _samples(learned: Learned, seed: int) -> list[Tensor]:
    """Sampled rows of either side, as the numbers of the rows in ascending order."""
    return [
        torch.from_numpy(np.sort(numpy_generator(seed, f"compressed {label}").permutation(len(side))[:SAMPLE]))
        for label, side in (("left", learned.left), ("right", learned.right))
    ]


def _spectra(learned: Learned, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Eigenvalues and eigenvectors of the second moments of each modality's part, of a sample of both sides' rows.

    Returns:
        Of each modality of ``w`` columns the eigenvalues ``[r]``, ascending, as shares of their sum, and the
        eigenvectors ``[w, r]``, where r is the smaller of ``w`` and the number of rows.
    """
    widths = list(learned.widths.values())
    samples = _samples(learned, seed)
    number = sum(len(sample) for sample in samples)
    sums = [learned.left.new_zeros(w, w, dtype=torch.float32) if w <= number else None for w in widths]
    few: list[list[Tensor]] = [[] for _ in widths]  # rows of the modalities that have more columns than there are rows
    for sample, side in zip(samples, (learned.left, learned.right), strict=True):
        for rows in sample.to(side.device).split(BLOCK_ROWS):
            block = side.index_select(0, rows).float()
            for total, kept, part in zip(sums, few, block.split(widths, dim=1), strict=True):
                if total is None:
                    kept.append(part)
                else:
                    total.addmm_(part.T, part)
    return [
        _eigen_of_rows(torch.cat(kept).cpu()) if total is None else _eigen(total.cpu())
        for total, kept in zip(sums, few, strict=True)
    ]


def _directions(spectra: list[tuple[Tensor, Tensor]], width: int) -> list[Tensor]:
    """Eigenvectors with the largest shares of the moments, divided by a power of these, at least one of each modality.

    Args:
        spectra: of each modality the eigenvalues ``[r]``, ascending, and the eigenvectors ``[w, r]``.
        width: number of eigenvectors.

    Returns:
        Float16 ``[w, d]`` of each modality, the largest eigenvalue first.
    """
    rest = torch.cat([values[:-1] for values, _ in spectra])  # ascending: the last of each is kept in any case
    places = rest.topk(min(max(0, width - len(spectra)), int((rest > ROUNDING).sum()))).indices
    owner = torch.repeat_interleave(torch.tensor([len(values) - 1 for values, _ in spectra]))
    kept = 1 + torch.bincount(owner[places], minlength=len(spectra))
    matrices = []
    for number, (values, vectors) in zip(kept.tolist(), spectra, strict=True):
        shares = (values[-number:] / values[-1].clamp(min=TINY)).clamp(min=SMALLEST)
        matrices.append((vectors[:, -number:] * shares ** ((POWER - 1) / 2)).flip(1).half())
    return matrices


def _eigen(moments: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, ascending, as shares of the trace, and eigenvectors, of a symmetric matrix ``[w, w]``."""
    matrix = moments / moments.trace().clamp(min=TINY)
    try:
        values, vectors = torch.linalg.eigh(matrix)
    except RuntimeError:  # torch.linalg.LinAlgError: many eigenvalues are 0, which float32 does not always resolve
        values, vectors = torch.linalg.eigh(matrix.double())
    return values.float(), vectors.float()


def _eigen_of_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """What `_eigen` finds of ``rows.T @ rows``, by the smaller product of the rows ``[n, w]``, n < w."""
    exact = rows.double()
    products = exact @ exact.T
    shares, turns = torch.linalg.eigh(products / products.trace().clamp(min=TINY))
    return shares.float(), F.normalize(exact.T @ turns, dim=0).float()
