"""Neighbours of both sides and their CSLS means by an index, for more rows than all pairs can be scored of."""

from typing import Any

import numpy as np
import torch

from ..compute.devices import device_type
from ..compute.host import isolated
from ..typing import FloatArray
from .both_ways import BothWays, Means
from .config import IndexConfig
from .index import INDEXES, build_index
from .means import mean_scores
from .neighbors import Neighbors, sort_neighbors
from .vectors import Vectors, check_count

SPARE = 10  # neighbours by cosine beside those that are wanted by CSLS


@isolated
def listed_by_index(
    left: Vectors,
    right: Vectors,
    k: int,
    *,
    csls_k: int,
    means: Means | None = None,
    device: str | torch.device = "auto",
    kind: str = "auto",
    config: Any = None,
) -> BothWays:
    """``nearest_both_ways`` from one search by cosine per side, or from lists that both sides share.

    The best by CSLS are chosen among ``SPARE`` more neighbours by cosine, and the CSLS means are those of the nearest
    of these. At most one index is in memory at a time. Vectors of several parts, by kind ``auto`` or
    ``parts`` on the CPU, need none, see ``neighbors_by_shared_lists``.

    Args:
        left: ``[n1, d]``; compared by cosine.
        right: ``[n2, d]``.
        k: number of neighbours, >= 1.
        csls_k: neighbourhood size of CSLS; 0 = cosine.
        means: CSLS means ``[n1]`` and ``[n2]``, if they are known already.
        device: ``auto``, ``cpu`` or ``cuda``.
        kind: index kind.
        config: settings of the index; ``None`` = the defaults of its kind.

    Raises:
        InputError: NaN, infinity, no rows, widths that differ.
        UsageError: k < 1, ``csls_k`` < 0, unknown kind or device.
    """
    k, csls_k = check_count(k, "k"), check_count(csls_k, "csls_k", least=0)
    found = _by_cosine(left, right, wanted_by_cosine(k, csls_k), device, kind, config)
    return best_by_csls(*found, k, csls_k=csls_k, means=means)


def wanted_by_cosine(k: int, csls_k: int) -> int:
    """Number of neighbours by cosine among which ``best_by_csls`` chooses k."""
    return max(k + SPARE, csls_k) if csls_k else k


def best_by_csls(left: Neighbors, right: Neighbors, k: int, *, csls_k: int, means: Means | None = None) -> BothWays:
    """The k best by CSLS of the nearest by cosine, of left rows and of right rows; without CSLS, these themselves.

    Args:
        left, right: nearest by cosine, as many as ``wanted_by_cosine`` says.
        k: number of neighbours, >= 1.
        csls_k: neighbourhood size of CSLS; 0 = cosine.
        means: CSLS means ``[n1]`` and ``[n2]``; ``None`` = those of the nearest.
    """
    if not csls_k:
        return BothWays(left, right)
    if means is None:
        means = mean_scores(_first(left, csls_k)), mean_scores(_first(right, csls_k))
    there, back = _by_csls(left, *means), _by_csls(right, *means[::-1])
    return BothWays(_first(there, k), _first(back, k), means)


def _by_cosine(
    left: Vectors, right: Vectors, k: int, device: str | torch.device, kind: str, config: Any
) -> tuple[Neighbors, Neighbors]:
    shared = kind in ("auto", "parts") and isinstance(config, IndexConfig) and len(config.parts) > 1
    if shared and device_type(device) == "cpu":
        from .shared_lists import neighbors_by_shared_lists

        return neighbors_by_shared_lists(left, right, k, config=config)
    found = []
    for queries, base in ((left, right), (right, left)):
        where = INDEXES[kind].fitting(torch.device(device_type(device))) if kind in INDEXES else device
        index = build_index(base, kind=kind, device=where, config=config)  # one at a time
        found.append(index.search(queries, min(k, len(base))))
        del index
    return found[0], found[1]


def _by_csls(found: Neighbors, own: FloatArray, other: FloatArray) -> Neighbors:
    """Neighbours in the order of CSLS, from their cosines and the means of either side."""
    scores = 2 * found.scores - own[:, None] - other[found.ids]
    return sort_neighbors(found.ids, np.where(found.present, scores, -np.inf).astype(np.float32))


def _first(found: Neighbors, k: int) -> Neighbors:
    return Neighbors(found.ids[:, :k], found.scores[:, :k])
