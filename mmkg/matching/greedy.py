"""Greedy one-to-one matching."""

from typing import Unpack

import numpy as np

from ..compute.host import isolated
from ..search.given import Vectors, check_count
from .candidates import Scorer, Scoring, candidate_pairs
from .matcher import Matcher
from .matching import Matching, matching_of


@isolated
def greedy(
    left: Vectors,
    right: Vectors,
    *,
    k: int = 10,
    **scoring: Unpack[Scoring],
) -> Matching:
    """Match the pair with the best score, drop both rows, and repeat, among the k nearest candidates of each row.

    The lists of both sides are used, so that swapping left and right swaps the result. An entity remains unmatched
    if all candidates on its lists are taken. With k = size of the larger side, all pairs are candidates.

    Args:
        left: embeddings ``[n1, d]``; compared by cosine.
        right: embeddings ``[n2, d]``.
        k: candidates per entity, >= 1.
        scoring: how pairs are scored, and what is known already.

    Returns:
        Pairs with their cosine or CSLS score. Among equal scores the lower left row, then the lower right row is
        matched first.

    Raises:
        InputError: vectors that are not finite matrices of one width.
        UsageError: k < 1, ``csls_k`` < 0, unknown kind or device.
    """
    check_count(k, "k")
    scorer = Scorer.of(left, right, k, **scoring)
    rows, cols, scores = candidate_pairs(scorer, k)
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
