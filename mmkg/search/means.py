"""The neighbourhood means of CSLS, found by an index, for more rows than all pairs can be scored of."""

from typing import Any

import numpy as np
import torch

from ..compute.devices import resolve_device
from ..typing import FloatArray
from .csls import pair_means
from .index import LARGEST_FLAT, build_index
from .neighbors import Neighbors
from .tiles import ScorePasses
from .vectors import Vectors, check_count, prepare


def csls_means(
    queries: Vectors,
    base: Vectors,
    k: int,
    *,
    kind: str = "auto",
    device: str | torch.device = "auto",
    config: Any = None,
) -> FloatArray:
    """Mean cosine of each query to its k nearest base rows, as an index finds them, float32 ``[Q]``.

    ``mean_top_k`` is the same by all pairs; kind ``auto`` is exact up to 200,000 base rows.

    Args:
        queries: ``[Q, d]``.
        base: ``[N, d]``; with N < k the mean is over all N.
        k: neighbourhood size, >= 1.
        kind: of the index, see ``build_index``.
        device: ``auto``, ``cpu`` or ``cuda``.
        config: settings of the index.

    Raises:
        InputError: NaN, infinity, no rows, widths that differ.
        UsageError: k < 1, unknown kind or device.
    """
    return mean_scores(build_index(base, kind=kind, device=device, config=config).search(queries, k))


def csls_pair_means(
    left: Vectors,
    right: Vectors,
    k: int,
    *,
    kind: str = "auto",
    device: str | torch.device = "auto",
    config: Any = None,
) -> tuple[FloatArray, FloatArray]:
    """``csls_means`` of left to right rows and of right to left rows, float32 ``[n1]`` and ``[n2]``.

    Kinds ``exact`` and, up to 200,000 rows a side or on CUDA, ``auto`` score all pairs once for both.

    Args:
        left: ``[n1, d]``.
        right: ``[n2, d]``.
        k: neighbourhood size, >= 1.
        kind: of the index, see ``build_index``.
        device: ``auto``, ``cpu`` or ``cuda``.
        config: settings of the index.

    Raises:
        InputError: NaN, infinity, no rows, widths that differ.
        UsageError: k < 1, unknown kind or device.
    """
    where = resolve_device(device)
    if kind == "exact" or (kind == "auto" and (where.type == "cuda" or max(len(left), len(right)) <= LARGEST_FLAT)):
        lefts = prepare(left, "left vectors", normalise=True, device=where)
        rights = prepare(right, "right vectors", normalise=True, dim=lefts.shape[1], device=where)
        means = pair_means(ScorePasses(lefts, rights), check_count(k, "the CSLS neighbourhood k"))
        return means[0].cpu().numpy(), means[1].cpu().numpy()
    return (
        csls_means(left, right, k, kind=kind, device=where, config=config),
        csls_means(right, left, k, kind=kind, device=where, config=config),
    )


def mean_scores(found: Neighbors) -> FloatArray:
    """Mean score of the neighbours that were found for each query, float32 ``[Q]``; 0 where none was."""
    there = found.ids >= 0
    sums = np.where(there, found.scores, 0).sum(axis=1, dtype=np.float64)
    means: FloatArray = (sums / np.maximum(there.sum(axis=1), 1)).astype(np.float32)
    return means
