"""What people decided about pairs of entities: as rows of two graphs, and applied to known links."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import InputError
from ...records import Record
from ...typing import BoolArray, IntArray
from ..entities import is_among
from ..parsing.columns import Faults
from ..task import LinkSplit
from ..texts.labels import Labels
from .checked import LabelLinks

NO_ROWS = np.empty((0, 2), np.int64)
SIDES = ("left", "right")


class DecidedLabels(NamedTuple):
    """Decisions that hold, between labels; no two contradict each other.

    Args:
        path: their file, for messages.
        accepted: pairs that are the same.
        rejected: pairs that are not.
        alone: side (0 = left, 1 = right) and label of entities without a counterpart.
    """

    path: Path
    accepted: LabelLinks
    rejected: LabelLinks
    alone: Sequence[tuple[int, str]]


@dataclass(frozen=True, eq=False, repr=False)
class Decided(Record):
    """Decisions that hold, as rows of both graphs.

    Args:
        accepted: pairs that are the same, int64 ``[A, 2]``.
        rejected: pairs that are not, int64 ``[R, 2]``.
        alone: entities without a counterpart, int64 ``[N, 2]`` of (side, row), side 0 = left, 1 = right.
        unknown: number of decisions that name an entity that the graphs do not have.
    """

    accepted: IntArray = field(default_factory=lambda: NO_ROWS)
    rejected: IntArray = field(default_factory=lambda: NO_ROWS)
    alone: IntArray = field(default_factory=lambda: NO_ROWS)
    unknown: int = 0

    def __len__(self) -> int:
        return len(self.accepted) + len(self.rejected) + len(self.alone)


def decided_rows(decided: DecidedLabels, labels: tuple[Sequence[str], Sequence[str]], faults: Faults) -> Decided:
    """Decisions as rows; those about unknown entities are counted, as after a change of a graph.

    Raises:
        InputError: no decision is about entities of these graphs.
    """
    known = [Labels.of(side) for side in labels]
    rows, unknown = [], 0
    for links in (decided.accepted, decided.rejected):
        found = np.stack([known[0].rows(links.left), known[1].rows(links.right)], axis=1).astype(np.int64)
        there = (found >= 0).all(axis=1)
        rows.append(found[there])
        unknown += int((~there).sum())
    sides = np.array([side for side, _ in decided.alone], np.int64)
    places = np.empty(len(sides), np.int64)
    for side in (0, 1):
        places[sides == side] = known[side].rows([label for at, label in decided.alone if at == side])
    alone = np.stack([sides, places], axis=1)[places >= 0]
    unknown += int((places < 0).sum())
    result = Decided(rows[0], rows[1], alone, unknown)
    if unknown and not len(result):
        first = next(iter([*zip(decided.accepted.left, decided.accepted.right, strict=True),
                           *zip(decided.rejected.left, decided.rejected.right, strict=True),
                           *((label, label) for _, label in decided.alone)]))  # fmt: skip
        raise InputError(
            f"expected decisions about entities of these graphs, got {unknown:,} about others, first {first[0]!r}; "
            "they belong to another run",
            decided.path,
        )
    faults.count(f"{decided.path.name}: decisions about unknown entities, left out", unknown)
    return result


def with_decisions(links: LinkSplit, decided: Decided, *, one_to_one: bool, faults: Faults, name: str) -> LinkSplit:
    """Known links after decisions: accepted pairs are training links, what contradicts a decision is left out.

    Args:
        links: the known links.
        decided: the decisions.
        one_to_one: whether an entity has one counterpart at most.
        faults: where it is counted how many links were left out.
        name: of the file of decisions, for the counts.
    """
    accepted, kept = decided.accepted, []
    contradicting = 0
    for part in (links.train, links.valid, links.test):
        given = is_among(part, accepted)
        out = is_among(part, decided.rejected) | has_end(part, decided.alone)
        if one_to_one:
            out |= (np.isin(part[:, 0], accepted[:, 0]) | np.isin(part[:, 1], accepted[:, 1])) & ~given
        contradicting += int(out.sum())
        kept.append(part[~out])
    faults.count(f"{name}: known links that contradict a decision, left out", contradicting)
    train, valid, test = kept
    new = accepted[~is_among(accepted, np.concatenate([train, valid]))]
    faults.count(f"{name}: accepted pairs that are new training links", len(new))
    return LinkSplit(np.concatenate([new, train]), valid, test[~is_among(test, accepted)])


def has_end(pairs: IntArray, alone: IntArray) -> BoolArray:
    """Which pairs, int64 ``[P, 2]``, have an entity without a counterpart, int64 ``[N, 2]`` of (side, row)."""
    found = np.zeros(len(pairs), bool)
    for side in (0, 1):
        found |= np.isin(pairs[:, side], alone[alone[:, 0] == side, 1])
    return found
