"""The neighbourhood means of CSLS, found by an index, for more rows than all pairs can be scored of."""

import numpy as np
import torch

from ..typing import FloatArray
from .index import build_index
from .neighbors import Neighbors
from .vectors import Vectors


def csls_means(
    queries: Vectors,
    base: Vectors,
    k: int,
    *,
    kind: str = "auto",
    device: str | torch.device = "auto",
) -> FloatArray:
    """Mean cosine of each query to its k nearest base rows, as an index finds them, float32 ``[Q]``.

    ``mean_top_k`` is the same by all pairs; kind ``auto`` is exact up to 200,000 base rows.

    Args:
        queries: ``[Q, d]``.
        base: ``[N, d]``; with N < k the mean is over all N.
        k: neighbourhood size, >= 1.
        kind: of the index, see ``build_index``.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        InputError: NaN, infinity, no rows, widths that differ.
        UsageError: k < 1, unknown kind or device.
    """
    return mean_scores(build_index(base, kind=kind, device=device).search(queries, k))


def mean_scores(found: Neighbors) -> FloatArray:
    """Mean score of the neighbours that were found for each query, float32 ``[Q]``; 0 where none was."""
    there = found.ids >= 0
    sums = np.where(there, found.scores, 0).sum(axis=1, dtype=np.float64)
    means: FloatArray = (sums / np.maximum(there.sum(axis=1), 1)).astype(np.float32)
    return means
