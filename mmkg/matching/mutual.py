"""Matching of mutual nearest neighbours."""

import numpy as np
import torch

from ..compute.host import isolated
from ..search.vectors import Vectors, check_count
from ..typing import IntArray
from .candidates import Indexes, Lists, Means, Scorer
from .matcher import Matcher
from .matching import Matching, matching_of


@isolated
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
    lists: Lists | None = None,
    never: IntArray | None = None,
) -> Matching:
    """Pairs of mutual nearest neighbours: few pairs, with a high precision.

    Args:
        left: embeddings ``[n1, d]``; compared by cosine.
        right: embeddings ``[n2, d]``.
        k: has no effect, since only the nearest neighbour counts; every matcher takes it.
        csls_k: neighbourhood size of CSLS, 0 = off.
        kind: index kind for the neighbours, as for ``build_index``.
        device: ``auto``, ``cpu`` or ``cuda``.
        means: CSLS means of the left rows ``[n1]`` and the right rows ``[n2]`` from ``csls_pair_means``, if they are
            known already.
        indexes: index of the right rows and index of the left rows, if they exist already; ``kind`` is then ignored.
            With CSLS they index the vectors of ``csls_augment``.
        lists: nearest right rows of each left row, and nearest left rows of each right row, by the same measure, if
            they are known already, see ``nearest_both_ways``; read where they are long enough.
        never: pairs (left row, right row) that are not matched, int64 ``[W, 2]``.

    Returns:
        Pairs with their cosine or CSLS score. Among equal scores the lower row counts as nearer.

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
        k=1,
        means=means,
        indexes=indexes,
        lists=lists,
        never=never,
    )
    best_right = scorer.nearest(1, kind=kind).ids[:, 0]
    best_left = scorer.swapped().nearest(1, kind=kind).ids[:, 0]
    rows = np.flatnonzero(best_right >= 0)
    rows = rows[best_left[best_right[rows]] == rows]
    cols = best_right[rows]
    return matching_of(rows, cols, scorer.pair_scores(rows, cols))


MATCHER = Matcher(mutual, lists=True)
