"""Matching of mutual nearest neighbours."""

from typing import Unpack

import numpy as np

from ..compute.host import isolated
from ..search.given import Vectors, check_count
from .candidates import Scorer, Scoring
from .matcher import Matcher
from .matching import Matching, matching_of


@isolated
def mutual(
    left: Vectors,
    right: Vectors,
    *,
    k: int = 1,
    **scoring: Unpack[Scoring],
) -> Matching:
    """Pairs of mutual nearest neighbours: few pairs, with a high precision.

    Args:
        left: embeddings ``[n1, d]``; compared by cosine.
        right: embeddings ``[n2, d]``.
        k: has no effect, since only the nearest neighbour counts; every matcher takes it.
        scoring: how pairs are scored, and what is known already.

    Returns:
        Pairs with their cosine or CSLS score. Among equal scores the lower row counts as nearer.

    Raises:
        InputError: vectors that are not finite matrices of one width.
        UsageError: k < 1, ``csls_k`` < 0, unknown kind or device.
    """
    check_count(k, "k")
    scorer = Scorer.of(left, right, 1, **scoring)
    there, back = scorer.nearest(1), scorer.swapped().nearest(1)
    best_right, best_left = there.found.ids[:, 0], back.found.ids[:, 0]
    rows = np.flatnonzero(best_right >= 0)
    rows = rows[best_left[best_right[rows]] == rows]
    cols = best_right[rows]
    if there.scored and back.scored:
        return matching_of(rows, cols, np.maximum(there.found.scores[rows, 0], back.found.scores[cols, 0]))
    return matching_of(rows, cols, scorer.pair_scores(rows, cols))


MATCHER = Matcher(mutual, lists=True)
