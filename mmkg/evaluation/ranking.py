"""Metrics in both directions from embeddings and links."""

from collections.abc import Sequence

import numpy as np
import torch

from ..compute.devices import resolve_device
from ..compute.host import isolated
from ..errors import InputError, UsageError, nearest
from ..search.csls import all_pair_means
from ..search.vectors import Vectors, as_rows, check_count, unit_rows
from ..typing import IntArray
from .filtered import known_pairs, other_answers
from .metrics import HITS, all_metrics
from .protocol import CANDIDATES, LEFT_TO_RIGHT, RIGHT_TO_LEFT
from .ranks import both_directions, ranks
from .record import Ranks


@isolated
def evaluate(
    left: Vectors,
    right: Vectors,
    links: IntArray,
    *,
    candidates: str = "test",
    csls_k: int = 3,
    device: str | torch.device = "auto",
    memory_bytes: int | None = None,
    known: IntArray | None = None,
    hits: Sequence[int] = HITS,
) -> dict[str, dict[str, float]]:
    """Metrics of known links, ranked by cosine or CSLS, in both directions.

    Args:
        left: embeddings of the left graph, ``[n1, D]``.
        right: embeddings of the right graph, ``[n2, D]``.
        links: true pairs, int64 ``[L, 2]`` of (left row, right row). An entity may be in several links: each link is
            ranked separately, and the other right answers of its query are no candidates (filtered ranking).
        candidates: ``test`` = the entities in the links, as in published results; ``all`` = every row.
        csls_k: neighbourhood size of CSLS, 0 = off. The neighbourhood of a candidate consists of the
            candidates of the other side.
        device: ``auto``, ``cpu`` or ``cuda``.
        memory_bytes: memory for scores, besides the vectors and their copies; ``None`` = 512 MiB, 1 GiB on CUDA.
            All scores are kept if they fit, else computed twice; the result is the same.
        known: further true pairs, int64 ``[K, 2]``, e.g. training links; they too are no candidates of their entities.
        hits: each k of Hits@k, besides 1.

    Returns:
        ``{"left_to_right": {"hits@1", "hits@5", "hits@10", "mrr", "mr"}, "right_to_left": {...}}``.

    Raises:
        InputError: no links, a row out of range, vectors that are not finite.
        UsageError: unknown ``candidates``.
    """
    forward, backward = link_ranks(
        left,
        right,
        links,
        candidates=candidates,
        csls_k=csls_k,
        device=device,
        memory_bytes=memory_bytes,
        known=known,
    )
    return {LEFT_TO_RIGHT: all_metrics(forward, hits), RIGHT_TO_LEFT: all_metrics(backward, hits)}


@isolated
def link_ranks(
    left: Vectors,
    right: Vectors,
    links: IntArray,
    *,
    candidates: str = "test",
    csls_k: int = 3,
    device: str | torch.device = "auto",
    memory_bytes: int | None = None,
    known: IntArray | None = None,
) -> tuple[Ranks, Ranks]:
    """The ranks of which ``evaluate`` gives the metrics, one per link and direction, in the order of ``links``."""
    if candidates not in CANDIDATES:
        raise UsageError(f"unknown candidates {candidates!r}; {nearest(str(candidates), CANDIDATES)}")
    check_count(csls_k, "csls_k", least=0)
    where = resolve_device(device)
    lefts = as_rows(left, "left embeddings", device=where)
    rights = as_rows(right, "right embeddings", dim=lefts.shape[1], device=where)
    links = np.asarray(links)
    if links.ndim != 2 or links.shape[1] != 2 or len(links) == 0 or links.dtype.kind not in "iu":
        raise InputError(f"expected at least one link, whole numbers [L, 2], got {links.dtype} {list(links.shape)}")
    sides = []
    for side, rows in enumerate((lefts, rights)):
        linked = links[:, side].astype(np.int64)
        _check_rows(f"{('left', 'right')[side]} rows of links", linked, len(rows))
        sides.append((linked, np.unique(linked) if candidates == "test" else np.arange(len(rows))))
    (left_rows, left_pool), (right_rows, right_pool) = sides
    pairs = known_pairs(links, known, sizes=(len(lefts), len(rights)))
    one_to_one = len(np.unique(left_rows)) == len(np.unique(right_rows)) == len(links)
    there = other_answers(left_rows, right_rows, pairs, pool=right_pool)
    back = other_answers(right_rows, left_rows, pairs[:, ::-1], pool=left_pool)
    if one_to_one and len(there[0]) == len(back[0]) == 0:
        return both_directions(
            _take(lefts, np.concatenate([left_rows, np.setdiff1d(left_pool, left_rows)])),
            _take(rights, np.concatenate([right_rows, np.setdiff1d(right_pool, right_rows)])),
            pairs=len(links),
            csls_k=csls_k,
            device=where,
            memory_bytes=memory_bytes,
        )
    left_vectors, right_vectors = unit_rows(_take(lefts, left_pool)), unit_rows(_take(rights, right_pool))
    left_mean = right_mean = None
    if csls_k > 0:
        means = all_pair_means(left_vectors, right_vectors, csls_k, memory_bytes=memory_bytes)
        left_mean, right_mean = (mean.cpu().numpy() for mean in means)
    left_places = np.searchsorted(left_pool, left_rows)
    right_places = np.searchsorted(right_pool, right_rows)
    forward = ranks(
        _take(left_vectors, left_places),
        right_vectors,
        right_places,
        csls_k=csls_k,
        col_mean=right_mean,
        normalise=False,
        device=where,
        memory_bytes=memory_bytes,
        others=there,
    )
    backward = ranks(
        _take(right_vectors, right_places),
        left_vectors,
        left_places,
        csls_k=csls_k,
        col_mean=left_mean,
        normalise=False,
        device=where,
        memory_bytes=memory_bytes,
        others=back,
    )
    return forward, backward


def _take(rows: torch.Tensor, which: IntArray) -> torch.Tensor:
    return rows.index_select(0, torch.from_numpy(which).to(rows.device))


def _check_rows(what: str, rows: IntArray, size: int) -> None:
    if rows.size and (int(rows.min()) < 0 or int(rows.max()) >= size):
        raise InputError(f"{what} must be in 0..{size - 1}, got {int(rows.min())}..{int(rows.max())}")
