"""Greedy one-to-one matching."""

import numpy as np
import torch

from ..compute.host import isolated
from ..search.vectors import Vectors, check_count
from ..typing import IntArray
from .candidates import Indexes, Lists, Means, Scorer, candidate_pairs
from .matcher import Matcher
from .matching import Matching, matching_of


@isolated
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
    lists: Lists | None = None,
    never: IntArray | None = None,
) -> Matching:
    """Match the pair with the best score, drop both rows, and repeat, among the k nearest candidates of each row.

    The lists of both sides are used, so that swapping left and right swaps the result. An entity remains unmatched
    if all candidates on its lists are taken. With k = size of the larger side, all pairs are candidates.

    Args:
        left: embeddings ``[n1, d]``; compared by cosine.
        right: embeddings ``[n2, d]``.
        k: candidates per entity, >= 1.
        csls_k: neighbourhood size of CSLS, 0 = off.
        kind: index kind for the candidate lists, as for ``build_index``.
        device: ``auto``, ``cpu`` or ``cuda``.
        means: CSLS means of the left rows ``[n1]`` and the right rows ``[n2]`` from ``csls_pair_means``, if they are
            known already.
        indexes: index of the right rows and index of the left rows, if they exist already; ``kind`` is then ignored.
            With CSLS they index the vectors of ``csls_augment``.
        lists: nearest right rows of each left row, and nearest left rows of each right row, by the same measure, if
            they are known already, see ``nearest_both_ways``; read where they are long enough.
        never: pairs (left row, right row) that are not matched, int64 ``[W, 2]``.

    Returns:
        Pairs with their cosine or CSLS score. Among equal scores the lower left row, then the lower right row is
        matched first.

    Raises:
        InputError: vectors that are not finite matrices of one width.
        UsageError: k < 1, ``csls_k`` < 0, unknown kind or device.
    """
    check_count(k, "k")
    scorer = Scorer.of(
        left,
        right,
        csls_k=csls_k,
        device=device,
        kind=kind,
        k=k,
        means=means,
        indexes=indexes,
        lists=lists,
        never=never,
    )
    rows, cols, scores = candidate_pairs(scorer, k, kind=kind)
    order = np.lexsort((cols, rows, -scores))
    left_free = np.ones(scorer.shape[0], dtype=bool)
    right_free = np.ones(scorer.shape[1], dtype=bool)
    taken = []
    for place, row, col in zip(order.tolist(), rows[order].tolist(), cols[order].tolist(), strict=True):
        if left_free[row] and right_free[col]:
            left_free[row] = right_free[col] = False
            taken.append(place)
    chosen = np.array(taken, dtype=np.int64)
    return matching_of(rows[chosen], cols[chosen], scores[chosen])


MATCHER = Matcher(greedy, lists=True)
