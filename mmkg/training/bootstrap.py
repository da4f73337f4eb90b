"""Pseudo-links: what an aligner is sure of becomes a link to learn from, and may be taken back in the next round."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from torch import Tensor

from ..errors import UsageError
from ..typing import BoolArray, FloatArray, IntArray

logger = logging.getLogger(__name__)


class Matched(Protocol):
    """What a matcher gives: rows of either side and the score of each pair."""

    @property
    def left(self) -> IntArray:
        """Left rows, ``[M]``."""

    @property
    def right(self) -> IntArray:
        """Right rows, ``[M]``."""

    @property
    def score(self) -> FloatArray:
        """Larger is better, ``[M]``."""


class Embedded(Protocol):
    """Embeddings of all entities that a round has learnt."""

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


@dataclass(frozen=True)
class BootstrapConfig:
    """Rounds of pseudo-links; the round that does best on validation links is kept.

    Args:
        rounds: how many times pseudo-links are drawn up; 0 = not iterative (3 in LightEA).
        matcher: that draws up the pseudo-links, see ``mmkg.matching.MATCHERS``. ``mutual`` in the papers; ``sinkhorn``
            finds more that are right at the same precision, here on DBP15K zh-en.
        min_score: least score of a pair to become a pseudo-link, CSLS of ``mutual``; -4, its least, takes all.
        precision: least share of right ones, in [0, 1], among the pseudo-links that name validation entities: the least
            score of each round is raised until they reach it. 0 = as they come.
        epochs: of training in each round after the first, which goes on from the weights before; at most those of
            the schedule.

    Raises:
        UsageError: ``rounds`` or ``epochs`` < 0, a score that is not a number, or a precision out of range.
    """

    rounds: int = 0
    matcher: str = "sinkhorn"
    min_score: float = -4.0
    precision: float = 0.0
    epochs: int = 50

    def __post_init__(self) -> None:
        if self.rounds < 0 or self.epochs < 0:
            raise UsageError(f"rounds and epochs must be >= 0, got {self.rounds} and {self.epochs}")
        if not 0 <= self.precision <= 1:
            raise UsageError(f"precision must be in [0, 1], got {self.precision}")
        if math.isnan(self.min_score):
            raise UsageError(f"min_score must be a number, got {self.min_score}")


@dataclass(frozen=True)
class BootstrapResult(Generic[E]):
    """How the rounds went.

    Args:
        kept: what the best round has learnt.
        best_round: number of that round; 0 = from the seed links alone.
        pseudo_links: pseudo-links of that round, int64 ``[P, 2]``.
        history: one row per round: ``step``, ``pseudo_links``, ``pseudo_precision`` among the pseudo-links that name
            validation entities (``None`` without such pseudo-links), ``valid``.
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
    min_score: float = -math.inf,
    valid: IntArray | None = None,
    precision: float = 0.0,
) -> IntArray:
    """Pairs of entities that no known link names and that the matcher puts together.

    Args:
        left: embeddings of all left entities, ``[n1, D]``.
        right: of all right entities, ``[n2, D]``.
        known: training links, int64 ``[L, 2]``; their entities take no part.
        match: matcher over the embeddings it is given, e.g. mutual nearest neighbours by CSLS.
        min_score: least score of a pair.
        valid: held-out links, int64 ``[V, 2]``, on which ``precision`` is taken.
        precision: see ``BootstrapConfig``.

    Returns:
        (left row, right row), int64 ``[P, 2]``; no entity of ``known`` is in it.

    Source:
        Mutual nearest neighbours as in EVA (Liu et al., AAAI 2021); there they stay on probation, here every round
        draws them up anew.
    """
    free = [np.setdiff1d(np.arange(len(side)), known[:, place]) for place, side in enumerate((left, right))]
    if min(len(rows) for rows in free) == 0:
        return np.empty((0, 2), np.int64)
    found = match(left[free[0]], right[free[1]])
    pairs = np.stack([free[0][found.left], free[1][found.right]], axis=1)
    if valid is not None and precision > 0:
        min_score = max(min_score, least_score(pairs, found.score, valid, precision))
    return pairs[found.score >= min_score]


def least_score(pairs: IntArray, scores: FloatArray, links: IntArray, precision: float) -> float:
    """The least score at which the pairs that name an entity of ``links`` are right often enough.

    Args:
        pairs: int64 ``[P, 2]``.
        scores: of each, larger is better, ``[P]``.
        links: true pairs, int64 ``[L, 2]``, one-to-one.
        precision: share of right ones that they must reach, all from that score on taken together.

    Returns:
        -inf if no pair names any of these entities, inf if they reach it nowhere.
    """
    about = _about(pairs, links)
    if not about.any():
        return -math.inf
    true = set(map(tuple, links.tolist()))
    right = np.array([tuple(pair) in true for pair in pairs[about].tolist()])
    order = np.argsort(-scores[about], kind="stable")
    reached = np.flatnonzero(right[order].cumsum() >= precision * np.arange(1, len(order) + 1))
    return float(scores[about][order[reached[-1]]]) if len(reached) else math.inf


def _about(pairs: IntArray, links: IntArray) -> BoolArray:
    found: BoolArray = np.isin(pairs[:, 0], links[:, 0]) | np.isin(pairs[:, 1], links[:, 1])
    return found


def precision_on(pairs: IntArray, links: IntArray) -> tuple[float | None, int]:
    """Share of the pairs that name an entity of ``links`` and are one of them, and the number of such pairs.

    Args:
        pairs: int64 ``[P, 2]``.
        links: true pairs, int64 ``[L, 2]``, one-to-one.
    """
    about = pairs[_about(pairs, links)]
    if len(about) == 0:
        return None, 0
    true = set(map(tuple, links.tolist()))
    return sum(tuple(pair) in true for pair in about.tolist()) / len(about), len(about)


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
    """Embed from the seed links, then in rounds from these and the pseudo-links of the round before; keep the best.

    Every round starts from the seed links. A pseudo-link that is no longer proposed is dropped.

    Args:
        embed: turns links, int64 ``[L, 2]``, into embeddings of all left and all right entities.
        links: seed links.
        config: number of rounds.
        propose: turns embeddings into pseudo-links.
        judge: scores embeddings on validation links, larger is better; ``None`` = the last round is kept.
        valid: validation links, for the precision that is reported; nothing is chosen by it.
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
