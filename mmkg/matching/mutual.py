"""Pairs that are each other's nearest neighbour."""

import numpy as np
import torch

from ..search.vectors import Vectors, check_count
from .candidates import Indexes, Means, Scorer
from .matching import Matching, matching_of


def mutual(
    left: Vectors,
    right: Vectors,
    *,
    k: int = 1,
    csls_k: int = 3,
    kind: str = "exact",
    device: str | torch.device = "auto",
    means: Means | None = None,
    indexes: Indexes | None = None,
) -> Matching:
    """Keep the pairs whose best right row has the left row as its best: few, and mostly right.

    Args:
        left: embeddings ``[n1, d]``; compared by cosine.
        right: embeddings ``[n2, d]``.
        k: accepted as every matcher does; only the first place counts.
        csls_k: neighbourhood size of CSLS, 0 = off.
        kind: index kind that finds the neighbours, as for ``build_index``.
        device: ``auto``, ``cpu`` or ``cuda``.
        means: CSLS means of the left rows ``[n1]`` and the right rows ``[n2]``, as ``csls_pair_means`` gives them,
            where they are known already.
        indexes: that left rows ask, and that right rows ask, where there are any; ``kind`` is not read then. With
            CSLS they are over the vectors of ``csls_augment``.

    Returns:
        Pairs with their cosine or CSLS score. Among equal scores the lower row is the nearest.

    Raises:
        InputError: vectors that are not finite matrices of one width.
        UsageError: k < 1, ``csls_k`` < 0, unknown kind or device.
    """
    check_count(k, "k")
    scorer = Scorer.of(left, right, csls_k=csls_k, device=device, kind=kind, means=means, indexes=indexes)
    best_right = scorer.nearest(1, kind=kind).ids[:, 0]
    best_left = scorer.swapped().nearest(1, kind=kind).ids[:, 0]
    rows = np.flatnonzero(best_right >= 0)
    rows = rows[best_left[best_right[rows]] == rows]
    cols = best_right[rows]
    return matching_of(rows, cols, scorer.pair_scores(rows, cols))
