"""Iterative training: confident predictions become pseudo-links, which the next round may take back."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from torch import Tensor

from ..typing import BoolArray, FloatArray, IntArray
from .config import BootstrapConfig

logger = logging.getLogger(__name__)


class Matched(Protocol):
    """Output of a matcher: matched rows of both sides and the score of each pair."""

    @property
    def left(self) -> IntArray:
        """Left rows, ``[M]``."""

    @property
    def right(self) -> IntArray:
        """Right rows, ``[M]``."""

    @property
    def score(self) -> FloatArray:
        """Score of each pair, larger is better, ``[M]``."""


class Embedded(Protocol):
    """Embeddings of all entities after one round of training."""

    @property
    def left(self) -> Tensor:
        """Embeddings of the left entities, ``[n1, D]``."""

    @property
    def right(self) -> Tensor:
        """Embeddings of the right entities, ``[n2, D]``."""

    @property
    def history(self) -> Sequence[Mapping[str, Any]]:
        """Rows of the training history."""


E = TypeVar("E", bound=Embedded)
Match = Callable[[Tensor, Tensor], Matched]
Propose = Callable[[Tensor, Tensor], IntArray]
Judge = Callable[[Tensor, Tensor], float]


@dataclass(frozen=True, eq=False)
class BootstrapResult(Generic[E]):
    """Outcome of the rounds.

    Args:
        kept: embeddings and history of the best round, as returned by ``embed``.
        best_round: number of that round; 0 = seed links alone.
        pseudo_links: pseudo-links it was trained with, int64 ``[P, 2]``.
        history: one row per round: ``step``; ``pseudo_links``, their number; ``pseudo_precision``, the share of correct
            ones among the ``pseudo_judged`` pseudo-links that contain a validation entity (``None`` if there are
            none); ``valid``, the validation score.
        training: rows of the training history of all rounds.
    """

    kept: E
    best_round: int
    pseudo_links: IntArray
    history: Sequence[Mapping[str, Any]]
    training: Sequence[Mapping[str, Any]]


def propose(
    left: Tensor,
    right: Tensor,
    *,
    known: IntArray,
    match: Match,
    free: Sequence[IntArray] | None = None,
    min_score: float = -math.inf,
    valid: IntArray | None = None,
    precision: float = 0.0,
) -> IntArray:
    """Propose pseudo-links: pairs that the matcher finds among the entities outside of known links.

    Args:
        left: embeddings of all left entities, ``[n1, D]``.
        right: embeddings of all right entities, ``[n2, D]``.
        known: training links, int64 ``[L, 2]``; their entities are excluded.
        match: matcher of two sets of embeddings, e.g. mutual nearest neighbours by CSLS.
        free: rows of either side that may be in a pair; by default all that are in no known link.
        min_score: least score of a pair.
        valid: held-out links, int64 ``[V, 2]``, on which ``precision`` is measured.
        precision: see ``BootstrapConfig``.

    Returns:
        (left row, right row), int64 ``[P, 2]``, without the entities of ``known``.

    Source:
        Mutual nearest neighbours as in EVA (Liu et al., AAAI 2021). EVA keeps pseudo-links on probation; here they are
        recomputed every round, and none is permanent.
    """
    if free is None:
        free = [np.setdiff1d(np.arange(len(side)), known[:, place]) for place, side in enumerate((left, right))]
    if min(len(rows) for rows in free) == 0:
        return np.empty((0, 2), np.int64)
    found = match(left[free[0]], right[free[1]])
    pairs = np.stack([free[0][found.left], free[1][found.right]], axis=1)
    if valid is not None and precision > 0:
        min_score = max(min_score, least_score(pairs, found.score, valid, precision))
    return pairs[found.score >= min_score]


def least_score(pairs: IntArray, scores: FloatArray, links: IntArray, precision: float) -> float:
    """The least score threshold at which the judged pairs reach a precision.

    Only pairs that contain an entity of ``links`` are judged.

    Args:
        pairs: int64 ``[P, 2]``.
        scores: score of each pair, larger is better, ``[P]``.
        links: true pairs, int64 ``[L, 2]``, one-to-one.
        precision: share of correct ones to reach among all judged pairs that score at least the threshold.

    Returns:
        The threshold; -inf if no pair is judged, inf if no threshold reaches the precision.
    """
    judged = _judged(pairs, links)
    if not judged.any():
        return -math.inf
    true = set(map(tuple, links.tolist()))
    correct = np.array([tuple(pair) in true for pair in pairs[judged].tolist()])
    order = np.argsort(-scores[judged], kind="stable")
    reached = np.flatnonzero(correct[order].cumsum() >= precision * np.arange(1, len(order) + 1))
    return float(scores[judged][order[reached[-1]]]) if len(reached) else math.inf


def _judged(pairs: IntArray, links: IntArray) -> BoolArray:
    """Which pairs contain an entity of the links, bool ``[P]``."""
    found: BoolArray = np.isin(pairs[:, 0], links[:, 0]) | np.isin(pairs[:, 1], links[:, 1])
    return found


def precision_on(pairs: IntArray, links: IntArray) -> tuple[float | None, int]:
    """Precision of pairs, judged on those that contain an entity of ``links``.

    Args:
        pairs: int64 ``[P, 2]``.
        links: true pairs, int64 ``[L, 2]``, one-to-one.

    Returns:
        Share of the judged pairs that are in ``links`` (``None`` if no pair is judged), and the number of judged pairs.
    """
    judged = pairs[_judged(pairs, links)]
    if len(judged) == 0:
        return None, 0
    true = set(map(tuple, links.tolist()))
    return sum(tuple(pair) in true for pair in judged.tolist()) / len(judged), len(judged)


def bootstrap(
    embed: Callable[[IntArray], E],
    links: IntArray,
    config: BootstrapConfig,
    *,
    propose: Propose,
    judge: Judge | None = None,
    valid: IntArray | None = None,
    on_round: Callable[[Mapping[str, Any]], None] | None = None,
) -> BootstrapResult[E]:
    """Train on the seed links, then on these and the pseudo-links of the previous round; keep the best round.

    Pseudo-links are recomputed every round: one that is not proposed again is dropped.

    Args:
        embed: trains on links, int64 ``[L, 2]``, and returns embeddings of all left and all right entities.
        links: seed links, int64 ``[L, 2]``.
        config: number of rounds.
        propose: computes pseudo-links from left and right embeddings, see ``propose``.
        judge: score of left and right embeddings on validation links, larger is better; ``None`` = keep the last round.
        valid: validation links, int64 ``[V, 2]``, for the reported precision only; no choice depends on it.
        on_round: called with each row of the history.
    """
    kept: tuple[E, int, IntArray] | None = None
    best_score = -math.inf
    history: list[Mapping[str, Any]] = []
    training: list[Mapping[str, Any]] = []
    pseudo = np.empty((0, 2), np.int64)
    for number in range(config.rounds + 1):
        found = embed(np.concatenate([links, pseudo]))
        training += found.history
        row: dict[str, Any] = {"step": number, "pseudo_links": len(pseudo)}
        if valid is not None and len(valid):
            row["pseudo_precision"], row["pseudo_judged"] = precision_on(pseudo, valid)
        score = math.inf if judge is None else float(judge(found.left, found.right))
        if judge is not None:
            row["valid"] = score
        history.append(row)
        if on_round is not None:
            on_round(row)
        if kept is None or judge is None or score > best_score:
            kept, best_score = (found, number, pseudo), score
        if number < config.rounds:
            pseudo = propose(found.left, found.right)
    assert kept is not None
    return BootstrapResult(*kept, history, training)
