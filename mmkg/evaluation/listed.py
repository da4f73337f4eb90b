"""Ranks from the scores of listed pairs only, and metrics of the links that a matcher found."""

import numpy as np

from ..compute.host import isolated
from ..errors import InputError
from ..search.neighbors import Neighbors
from ..typing import BoolArray, FloatArray, IntArray
from .record import Ranks


@isolated
def listed_ranks(
    rows: IntArray,
    cols: IntArray,
    scores: FloatArray,
    gold: IntArray,
    *,
    num_rows: int,
    num_candidates: int,
    others: tuple[IntArray, IntArray] | None = None,
) -> Ranks:
    """Ranks of gold pairs if a query has scores for the candidates on its list only.

    Listed candidates rank before all others. A gold candidate that is not listed ties with all others not listed.

    Args:
        rows, cols: query and candidate of each listed pair, int64 ``[P]``, without repetition.
        scores: scores of the pairs, ``[P]``, larger is better.
        gold: (query, right candidate), int64 ``[L, 2]``.
        num_rows: number of queries, including those without a gold pair.
        num_candidates: number of candidates of each query, listed or not.
        others: positions in ``gold`` and candidates that are no competitors there, ``[X]`` each; see ``other_answers``.

    Raises:
        InputError: columns of different lengths, or a row out of range.
    """
    if not rows.shape == cols.shape == scores.shape:
        raise InputError(f"expected columns of one length, got {rows.shape}, {cols.shape}, {scores.shape}")
    for what, values, size in (("query", rows, num_rows), ("candidate", cols, num_candidates)):
        if len(values) and not 0 <= int(values.min()) <= int(values.max()) < size:
            raise InputError(f"{what} rows must be in 0..{size - 1}, got {int(values.min())}..{int(values.max())}")
    order = np.lexsort((cols, rows))
    keys = (rows * num_candidates + cols)[order]
    wanted = gold[:, 0] * num_candidates + gold[:, 1]
    places = np.searchsorted(keys, wanted)
    listed = places < len(keys)
    listed[listed] = keys[places[listed]] == wanted[listed]
    length = np.bincount(rows, minlength=num_rows)
    better, equal = length[gold[:, 0]], num_candidates - length[gold[:, 0]] - 1
    # entries by row, then score: those above the gold score are behind the last one with its score
    own = scores[order][places[listed]]
    queries = gold[listed, 0]
    levels, level = np.unique(np.concatenate([scores, own]), return_inverse=True)
    sorted_keys = np.sort(rows * len(levels) + level[: len(rows)])
    own_keys = queries * len(levels) + level[len(rows) :]
    ends = np.cumsum(length)[queries]
    first, last = np.searchsorted(sorted_keys, own_keys), np.searchsorted(sorted_keys, own_keys, side="right")
    better[listed], equal[listed] = ends - last, last - first - 1
    if others is not None:
        _leave_out(better, equal, gold, *others, keys=keys, scores=scores[order], num_candidates=num_candidates)
    return Ranks(better, equal)


def ranks_on_lists(
    lists: Neighbors,
    queries: IntArray,
    gold: IntArray,
    *,
    num_candidates: int,
    others: tuple[IntArray, IntArray] | None = None,
) -> tuple[Ranks, BoolArray]:
    """Ranks that the lists of the nearest candidates determine: those of gold candidates above the end of a list.

    Args:
        lists: nearest candidates of each row by the score that ranks, exact, ``[N, K]``.
        queries: rows of ``lists``, int64 ``[L]``.
        gold: right candidate of each query, ``[L]``.
        num_candidates: number of candidates, listed or not.
        others: positions in ``queries`` and candidates that are no competitors there, ``[X]`` each; see
            ``other_answers``.

    Returns:
        Ranks, and whether each is determined, bool ``[L]``; those that are not have no meaning.
    """
    ids, scores = lists.ids[queries], lists.scores[queries]
    is_gold = ids == gold[:, None]
    own = np.where(is_gold, scores, -np.inf).max(axis=1, initial=-np.inf)
    known = is_gold.any(axis=1)
    if ids.shape[1] < num_candidates:
        known &= own > scores[:, -1]  # else candidates that are not listed may have the same score
    better, equal = (scores > own[:, None]).sum(axis=1), (scores == own[:, None]).sum(axis=1) - 1
    if others is not None:
        which, answers = others
        other = np.where(ids[which] == answers[:, None], scores[which], -np.inf).max(axis=1, initial=-np.inf)
        np.subtract.at(better, which[other > own[which]], 1)
        np.subtract.at(equal, which[known[which] & (other == own[which])], 1)
    return Ranks(better.astype(np.int64), equal.astype(np.int64)), known


def _leave_out(
    better: IntArray,
    equal: IntArray,
    gold: IntArray,
    which: IntArray,
    answers: IntArray,
    *,
    keys: IntArray,
    scores: FloatArray,
    num_candidates: int,
) -> None:
    """Take candidates that are no competitors of a gold pair out of its counts, to which this writes.

    Args:
        better, equal: counts of the gold pairs, ``[L]``.
        gold: (query, right candidate), ``[L, 2]``.
        which, answers: positions in ``gold``, and the candidates to leave out there, ``[X]`` each.
        keys: ``query * num_candidates + candidate`` of each listed pair, ascending, ``[P]``.
        scores: scores of these pairs, ``[P]``.
        num_candidates: number of candidates of each query.
    """

    def looked_up(candidates: IntArray) -> tuple[BoolArray, FloatArray]:
        """Whether each is on the list of its query, and its score, -inf if it is not: a tie of all not listed."""
        wanted = gold[which, 0] * num_candidates + candidates
        places = np.searchsorted(keys, wanted)
        found = np.zeros(len(wanted), bool)
        found[places < len(keys)] = keys[places[places < len(keys)]] == wanted[places < len(keys)]
        values = np.full(len(wanted), -np.inf)
        values[found] = scores[places[found]]
        return found, values

    (on_list, own), (other_on_list, other) = looked_up(gold[which, 1]), looked_up(answers)
    above = (other_on_list & ~on_list) | (other_on_list & on_list & (other > own))
    level = (other_on_list & on_list & (other == own)) | (~other_on_list & ~on_list)
    np.subtract.at(better, which[above], 1)
    np.subtract.at(equal, which[level], 1)


@isolated
def matching_figures(pairs: IntArray, links: IntArray) -> dict[str, float]:
    """Precision, recall and F1 of the pairs that contain an entity of the links.

    Pairs of other entities cannot be checked and are not counted. Recall counts links: of an entity in several links
    each counts, so that one-to-one pairs cannot reach a recall of 1 there.

    Args:
        pairs: pairs found, int64 ``[M, 2]``.
        links: true pairs, int64 ``[L, 2]``, L >= 1.

    Returns:
        ``precision``, ``recall``, ``f1`` in [0, 1], and the numbers ``found`` (pairs checked), ``right`` and ``links``.

    Raises:
        InputError: no links.
    """
    if len(links) == 0:
        raise InputError("matching figures need at least one true link, got none")
    about = pairs[np.isin(pairs[:, 0], links[:, 0]) | np.isin(pairs[:, 1], links[:, 1])]
    true = set(map(tuple, links.tolist()))
    right = sum(tuple(pair) in true for pair in about.tolist())
    precision, recall = right / len(about) if len(about) else 0.0, right / len(links)
    f1 = 2 * right / (len(about) + len(links))
    return {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "found": len(about),
        "right": right,
        "links": len(links),
    }
