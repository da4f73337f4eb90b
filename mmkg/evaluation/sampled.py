"""Metrics of a sample of the links, ranked among the candidates of all links, for graphs too large for all pairs."""

from collections.abc import Sequence

import numpy as np
import torch

from ..compute.devices import resolve_device
from ..compute.host import isolated
from ..errors import InputError, UsageError, nearest
from ..search.means import csls_pair_means
from ..search.neighbors import Neighbors
from ..search.vectors import Vectors
from ..typing import FloatArray, IntArray
from .filtered import known_pairs, other_answers
from .listed import ranks_on_lists
from .metrics import HITS, all_metrics
from .protocol import CANDIDATES, LEFT_TO_RIGHT, RIGHT_TO_LEFT
from .ranks import ranks
from .record import Ranks


@isolated
def evaluate_sample(
    left: Vectors,
    right: Vectors,
    links: IntArray,
    ranked: IntArray,
    *,
    candidates: str = "test",
    csls_k: int = 3,
    kind: str = "auto",
    means: tuple[FloatArray, FloatArray] | None = None,
    lists: tuple[Neighbors, Neighbors] | None = None,
    complete: bool = True,
    device: str | torch.device = "auto",
    known: IntArray | None = None,
    hits: Sequence[int] = HITS,
) -> dict[str, dict[str, float]]:
    """``evaluate`` for some of the links; the candidates follow from all links.

    Ranks are exact among the candidates. The CSLS neighbourhoods are found by an index: exact up to 200,000
    candidates, approximate above (``kind="auto"``).

    Args:
        left: embeddings of the left graph, ``[n1, D]``.
        right: embeddings of the right graph, ``[n2, D]``.
        links: all true pairs, int64 ``[L, 2]``.
        ranked: the links to rank, ``[S, 2]``.
        candidates: ``test`` = the entities in ``links``; ``all`` = every row.
        csls_k: neighbourhood size of CSLS, 0 = off.
        kind: index kind for the neighbourhoods, see ``build_index``.
        means: CSLS means of all left rows and all right rows, if they are known already; for candidates ``all`` only.
        lists: nearest candidates of all left rows and all right rows by the same measure, with these means, if they are
            known already; for candidates ``all`` only. Scores are computed for links that they do not rank.
        complete: whether lists hold the nearest of all candidates. If they are approximate, a right answer that its
            list lacks ranks behind all candidates of the list, even if few have a higher score.
        device: ``auto``, ``cpu`` or ``cuda``.
        known: further true pairs, as for ``evaluate``.
        hits: each k of Hits@k, besides 1.

    Raises:
        InputError: no link to rank, or an array of links of another shape.
        UsageError: unknown ``candidates``, index kind or device.
    """
    forward, backward = sampled_ranks(
        left,
        right,
        links,
        ranked,
        candidates=candidates,
        csls_k=csls_k,
        kind=kind,
        means=means,
        lists=lists,
        complete=complete,
        device=device,
        known=known,
    )
    return {LEFT_TO_RIGHT: all_metrics(forward, hits), RIGHT_TO_LEFT: all_metrics(backward, hits)}


@isolated
def sampled_ranks(
    left: Vectors,
    right: Vectors,
    links: IntArray,
    ranked: IntArray,
    *,
    candidates: str = "test",
    csls_k: int = 3,
    kind: str = "auto",
    means: tuple[FloatArray, FloatArray] | None = None,
    lists: tuple[Neighbors, Neighbors] | None = None,
    complete: bool = True,
    device: str | torch.device = "auto",
    known: IntArray | None = None,
) -> tuple[Ranks, Ranks]:
    """The ranks of which ``evaluate_sample`` gives the metrics, one per ranked link and direction, in their order."""
    if candidates not in CANDIDATES:
        raise UsageError(f"unknown candidates {candidates!r}; {nearest(str(candidates), CANDIDATES)}")
    where = resolve_device(device)
    links, ranked = np.asarray(links), np.asarray(ranked)
    pairs = known_pairs(links, ranked, known, sizes=(len(left), len(right)))
    if len(ranked) == 0:
        raise InputError("expected at least one link to rank, got none")
    if candidates == "test" and not all(np.isin(ranked[:, side], links[:, side]).all() for side in (0, 1)):
        raise InputError("expected every ranked link among the links, whose entities are the candidates")
    pools: list[IntArray | None] = [np.unique(links[:, side]) if candidates == "test" else None for side in (0, 1)]
    lefts, rights = (
        rows if pool is None else _take(rows, pool) for rows, pool in zip((left, right), pools, strict=True)
    )
    places = [
        ranked[:, side] if pool is None else np.searchsorted(pool, ranked[:, side]) for side, pool in enumerate(pools)
    ]
    if csls_k == 0:
        left_means = right_means = None
    else:
        given = means if means is not None and candidates == "all" else None
        left_means, right_means = given or csls_pair_means(lefts, rights, csls_k, kind=kind, device=where)
    there = other_answers(ranked[:, 0], ranked[:, 1], pairs, pool=pools[1])
    back = other_answers(ranked[:, 1], ranked[:, 0], pairs[:, ::-1], pool=pools[0])
    listed = lists if lists is not None and candidates == "all" else (None, None)

    def direction(queries: Vectors, base: Vectors, side: int, means: FloatArray | None) -> Ranks:
        rows, gold, others = places[side], places[1 - side], (there, back)[side]

        def count(some: IntArray, left_out: tuple[IntArray, IntArray]) -> Ranks:
            rest = _take(queries, rows[some])
            return ranks(rest, base, gold[some], csls_k=csls_k, col_mean=means, device=where, others=left_out)

        if (own := listed[side]) is None:
            return count(np.arange(len(rows)), others)
        found, known = ranks_on_lists(own, rows, gold, num_candidates=len(base), others=others)
        some = np.flatnonzero(~known)
        if len(some):
            kept = ~known[others[0]]
            counted = count(some, (np.searchsorted(some, others[0][kept]), others[1][kept]))
            better = counted.better
            if not complete:
                lacking = ~(own.ids[rows[some]] == gold[some, None]).any(axis=1)
                better = np.where(lacking, np.maximum(better, own.present[rows[some]].sum(axis=1)), better)
            found.better[some], found.equal[some] = better, counted.equal
        return found

    return direction(lefts, rights, 0, right_means), direction(rights, lefts, 1, left_means)


def _take(rows: Vectors, which: IntArray) -> Vectors:
    return rows[which] if isinstance(rows, np.ndarray) else rows[torch.from_numpy(which).to(rows.device)]
