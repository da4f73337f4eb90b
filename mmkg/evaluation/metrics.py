"""Hits@k, mean reciprocal rank and mean rank."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import InputError
from ..search.given import check_count

if TYPE_CHECKING:
    from .record import RankArray, Ranks

HITS = (1, 5, 10)


def hits_at_k(ranks: "Ranks", k: int) -> float:
    """Share of queries whose realistic rank is at most k, in [0, 1].

    If the right answer ties with one other candidate for the first place, its rank is 1.5 and it is no hit at 1.
    """
    check_count(k, "k of hits@k")
    return float((_mean_ranks(ranks) <= k).mean())


def mrr(ranks: "Ranks") -> float:
    """Mean of 1 / realistic rank, in (0, 1]."""
    return float((1 / _mean_ranks(ranks)).mean())


def mean_rank(ranks: "Ranks") -> float:
    """Mean realistic rank, >= 1; smaller is better."""
    return float(_mean_ranks(ranks).mean())


def all_metrics(ranks: "Ranks", hits: Iterable[int] = HITS) -> dict[str, float]:
    """``hits@k`` for 1 and every other k of ``hits``, ascending, then ``mrr`` and ``mr``."""
    found = {f"hits@{k}": hits_at_k(ranks, k) for k in sorted({1, *hits})}
    return {**found, "mrr": mrr(ranks), "mr": mean_rank(ranks)}


def _mean_ranks(ranks: "Ranks") -> "RankArray":
    if len(ranks) == 0:
        raise InputError("metrics need at least one ranked link, got none")
    return ranks.mean
