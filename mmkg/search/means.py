"""The neighbourhood means of CSLS by an index, for graphs too large to score all pairs."""

from typing import Any

import numpy as np
import torch

from ..compute.devices import resolve_device
from ..compute.host import isolated
from ..typing import FloatArray
from .csls import all_pair_means
from .index import build_index, scores_all_pairs
from .neighbors import Neighbors
from .vectors import Vectors, check_count, prepare

CSLS_K = "the CSLS neighbourhood k"


@isolated
def csls_means(
    queries: Vectors,
    base: Vectors,
    k: int,
    *,
    kind: str = "auto",
    device: str | torch.device = "auto",
    config: Any = None,
) -> FloatArray:
    """Mean cosine of each query to its k nearest base rows, found by an index, float32 ``[Q]``.

    ``mean_top_k`` computes the same from all pairs; kind ``auto`` is exact up to 200,000 base rows.

    Args:
        queries: ``[Q, d]``.
        base: ``[N, d]``; with N < k the mean is over all N.
        k: neighbourhood size, >= 1.
        kind: index kind, see ``build_index``.
        device: ``auto``, ``cpu`` or ``cuda``.
        config: settings of the index.

    Raises:
        InputError: NaN, infinity, no rows, widths that differ.
        UsageError: k < 1, unknown kind or device.
    """
    return mean_scores(
        build_index(base, kind=kind, device=device, config=config).search(
            queries, min(check_count(k, CSLS_K), len(base))
        )
    )


@isolated
def csls_pair_means(
    left: Vectors,
    right: Vectors,
    k: int,
    *,
    kind: str = "auto",
    device: str | torch.device = "auto",
    config: Any = None,
) -> tuple[FloatArray, FloatArray]:
    """``csls_means`` of the left rows among the right ones, and vice versa, float32 ``[n1]`` and ``[n2]``.

    Kinds ``exact`` and ``flat`` score all pairs, once for both; so does ``auto`` up to 200,000 rows per side, or on
    CUDA.

    Args:
        left: ``[n1, d]``.
        right: ``[n2, d]``.
        k: neighbourhood size, >= 1.
        kind: index kind, see ``build_index``.
        device: ``auto``, ``cpu`` or ``cuda``.
        config: settings of the index.

    Raises:
        InputError: NaN, infinity, no rows, widths that differ.
        UsageError: k < 1, unknown kind or device.
    """
    where = resolve_device(device)
    if scores_all_pairs(kind, max(len(left), len(right)), where.type):
        lefts = prepare(left, "left vectors", normalise=True, device=where)
        rights = prepare(right, "right vectors", normalise=True, dim=lefts.shape[1], device=where)
        means = all_pair_means(lefts, rights, check_count(k, CSLS_K))
        return means[0].cpu().numpy(), means[1].cpu().numpy()
    return (
        csls_means(left, right, k, kind=kind, device=where, config=config),
        csls_means(right, left, k, kind=kind, device=where, config=config),
    )


def mean_scores(found: Neighbors) -> FloatArray:
    """Mean score of the neighbours found for each query, float32 ``[Q]``; 0 where none was found."""
    present = found.present
    sums = np.where(present, found.scores, 0).sum(axis=1, dtype=np.float64)
    means: FloatArray = (sums / np.maximum(present.sum(axis=1), 1)).astype(np.float32)
    return means
