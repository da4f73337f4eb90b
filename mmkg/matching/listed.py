"""Neighbours of both sides and their CSLS means by an index, for more rows than all pairs can be scored of."""

import numpy as np
import torch

from ..search.both_ways import BothWays
from ..search.index import build_index
from ..search.means import mean_scores
from ..search.neighbors import Neighbors, sort_neighbors
from ..search.vectors import Vectors
from ..typing import FloatArray

WIDER = 2  # neighbours by cosine per wanted neighbour by CSLS


def listed_by_index(
    left: Vectors, right: Vectors, k: int, *, csls_k: int, device: str | torch.device = "auto", kind: str = "auto"
) -> BothWays:
    """``nearest_both_ways`` from one index and one search per side.

    The CSLS means are those of the neighbours that are found. The best by CSLS are chosen among ``WIDER`` times as many
    neighbours by cosine.

    Args:
        left: ``[n1, d]``; compared by cosine.
        right: ``[n2, d]``.
        k: number of neighbours, >= 1.
        csls_k: neighbourhood size of CSLS; 0 = cosine.
        device: ``auto``, ``cpu`` or ``cuda``.
        kind: index kind.
    """
    found = []
    for queries, base in ((left, right), (right, left)):
        index = build_index(base, kind=kind, device=device)  # one at a time
        found.append(index.search(queries, min(max(WIDER * k, csls_k), len(base))))
        del index
    if not csls_k:
        return BothWays(_first(found[0], k), _first(found[1], k))
    means = mean_scores(_first(found[0], csls_k)), mean_scores(_first(found[1], csls_k))
    there, back = _by_csls(found[0], *means), _by_csls(found[1], *means[::-1])
    return BothWays(_first(there, k), _first(back, k), means)


def _by_csls(found: Neighbors, own: FloatArray, other: FloatArray) -> Neighbors:
    """Neighbours in the order of CSLS, from their cosines and the means of either side."""
    scores = 2 * found.scores - own[:, None] - other[found.ids]
    return sort_neighbors(found.ids, np.where(found.present, scores, -np.inf).astype(np.float32))


def _first(found: Neighbors, k: int) -> Neighbors:
    return Neighbors(found.ids[:, :k], found.scores[:, :k])
