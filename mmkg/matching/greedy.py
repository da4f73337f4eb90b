"""One-to-one matching, best pairs first."""

import numpy as np
import torch

from ..search.vectors import Vectors, check_count
from .candidates import Indexes, Means, Scorer, candidate_pairs
from .matching import Matching, matching_of


def greedy(
    left: Vectors,
    right: Vectors,
    *,
    k: int = 10,
    csls_k: int = 3,
    kind: str = "exact",
    device: str | torch.device = "auto",
    means: Means | None = None,
    indexes: Indexes | None = None,
) -> Matching:
    """Take the best-scoring pair, drop both rows, and so on, over each row's k nearest on the other side.

    The lists of both sides are used, so that swapping left and right swaps the answer. An entity stays
    alone when all candidates on its lists are taken; k = size of the larger side is the full greedy matching.

    Args:
        left: embeddings ``[n1, d]``; compared by cosine.
        right: embeddings ``[n2, d]``.
        k: candidates per entity, >= 1.
        csls_k: neighbourhood size of CSLS, 0 = off.
        kind: index kind that makes the candidate lists, as for ``build_index``.
        device: ``auto``, ``cpu`` or ``cuda``.
        means: CSLS means of the left rows ``[n1]`` and the right rows ``[n2]``, as ``csls_pair_means`` gives them,
            where they are known already.
        indexes: that left rows ask, and that right rows ask, where there are any; ``kind`` is not read then. With
            CSLS they are over the vectors of ``csls_augment``.

    Returns:
        Pairs with their cosine or CSLS score; among equal scores the lower left row, then the lower right
        row goes first.

    Raises:
        InputError: vectors that are not finite matrices of one width.
        UsageError: k < 1, ``csls_k`` < 0, unknown kind or device.
    """
    check_count(k, "k")
    scorer = Scorer.of(left, right, csls_k=csls_k, device=device, kind=kind, means=means, indexes=indexes)
    rows, cols, scores = candidate_pairs(scorer, k, kind=kind)
    order = np.lexsort((cols, rows, -scores))
    left_free = np.ones(len(scorer.left), dtype=bool)
    right_free = np.ones(len(scorer.right), dtype=bool)
    taken = []
    for place, row, col in zip(order.tolist(), rows[order].tolist(), cols[order].tolist(), strict=True):
        if left_free[row] and right_free[col]:
            left_free[row] = right_free[col] = False
            taken.append(place)
    chosen = np.array(taken, dtype=np.int64)
    return matching_of(rows[chosen], cols[chosen], scores[chosen])
