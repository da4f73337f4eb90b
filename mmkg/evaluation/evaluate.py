"""From embeddings and links to metrics in both directions."""

import numpy as np
import torch

from ..compute.devices import resolve_device
from ..errors import InputError, UsageError, nearest
from ..search.csls import pair_means
from ..search.tiles import ScorePasses
from ..search.vectors import Vectors, as_rows, check_count, unit_rows
from ..typing import IntArray
from .metrics import all_metrics
from .protocol import CANDIDATES, LEFT_TO_RIGHT, RIGHT_TO_LEFT
from .ranks import Ranks, both_directions, ranks


def evaluate(
    left: Vectors,
    right: Vectors,
    links: IntArray,
    *,
    candidates: str = "test",
    left_candidates: IntArray | None = None,
    right_candidates: IntArray | None = None,
    csls_k: int = 3,
    device: str | torch.device = "auto",
    memory_bytes: int | None = None,
) -> dict[str, dict[str, float]]:
    """Metrics of known links by cosine (CSLS) ranking, both directions.

    Args:
        left: embeddings of the left graph, ``[n1, D]``.
        right: embeddings of the right graph, ``[n2, D]``.
        links: true pairs, int64 ``[L, 2]`` of (left row, right row). An entity may be in several links:
            each link is ranked on its own, and the other right answers count as rivals.
        candidates: ``test`` = whom the links name, as published; ``all`` = every row.
        left_candidates: rows to rank among from right to left, in place of ``candidates``; unique.
        right_candidates: the same from left to right.
        csls_k: neighbourhood size of CSLS, 0 = off. The neighbourhood of a candidate is made of the
            candidates of the other side.
        device: ``auto``, ``cpu`` or ``cuda``.
        memory_bytes: for scores, besides the vectors and their copies; ``None`` = 512 MiB, 1 GiB on CUDA.
            All scores are kept if they fit, else computed twice; the answer is the same.

    Returns:
        ``{"left_to_right": {"hits@1", "hits@5", "hits@10", "mrr", "mr"}, "right_to_left": {...}}``.

    Raises:
        InputError: no links, a row out of range, a linked entity that is not among its candidates, vectors
            that are not finite.
        UsageError: unknown ``candidates``.
    """
    there, back = link_ranks(
        left,
        right,
        links,
        candidates=candidates,
        left_candidates=left_candidates,
        right_candidates=right_candidates,
        csls_k=csls_k,
        device=device,
        memory_bytes=memory_bytes,
    )
    return {LEFT_TO_RIGHT: all_metrics(there), RIGHT_TO_LEFT: all_metrics(back)}


def link_ranks(
    left: Vectors,
    right: Vectors,
    links: IntArray,
    *,
    candidates: str = "test",
    left_candidates: IntArray | None = None,
    right_candidates: IntArray | None = None,
    csls_k: int = 3,
    device: str | torch.device = "auto",
    memory_bytes: int | None = None,
) -> tuple[Ranks, Ranks]:
    """The ranks behind ``evaluate``, one per link and direction, in the order of ``links``."""
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
    for side, (rows, chosen) in enumerate(((lefts, left_candidates), (rights, right_candidates))):
        name = ("left", "right")[side]
        asked = links[:, side].astype(np.int64)
        _check_rows(f"{name} rows of links", asked, len(rows))
        if chosen is not None:
            _check_rows(f"{name} candidates", np.asarray(chosen), len(rows))
            pool = np.unique(chosen)
        else:
            pool = np.unique(asked) if candidates == "test" else np.arange(len(rows))
        missing = ~np.isin(asked, pool)
        if missing.any():
            raise InputError(f"{name} row {int(asked[missing][0])} is linked but not among the {name} candidates")
        sides.append((asked, pool))
    (left_rows, left_pool), (right_rows, right_pool) = sides
    if len(np.unique(left_rows)) == len(np.unique(right_rows)) == len(links):  # one-to-one
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
        means = pair_means(ScorePasses(left_vectors, right_vectors, memory_bytes=memory_bytes), csls_k)
        left_mean, right_mean = (mean.cpu().numpy() for mean in means)
    left_places = np.searchsorted(left_pool, left_rows)
    right_places = np.searchsorted(right_pool, right_rows)
    there = ranks(
        _take(left_vectors, left_places),
        right_vectors,
        right_places,
        csls_k=csls_k,
        col_mean=right_mean,
        normalise=False,
        device=where,
        memory_bytes=memory_bytes,
    )
    back = ranks(
        _take(right_vectors, right_places),
        left_vectors,
        left_places,
        csls_k=csls_k,
        col_mean=left_mean,
        normalise=False,
        device=where,
        memory_bytes=memory_bytes,
    )
    return there, back


def _take(rows: torch.Tensor, which: IntArray) -> torch.Tensor:
    return rows.index_select(0, torch.from_numpy(which).to(rows.device))


def _check_rows(what: str, rows: np.ndarray, size: int) -> None:
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise InputError(f"{what} must be whole numbers in one dimension, got {rows.dtype} {list(rows.shape)}")
    if rows.size and (int(rows.min()) < 0 or int(rows.max()) >= size):
        raise InputError(f"{what} must be in 0..{size - 1}, got {int(rows.min())}..{int(rows.max())}")
