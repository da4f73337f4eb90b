"""Attribute facts of two entities, side by side: equal, near, different, or stated of one of them only."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ..data.features.values import Value, read_value
from ..data.relations import RelationPair
from .side import Fact, Side

NEAR_NUMBERS = 0.01  # largest difference of near numbers, as a share of the larger
NEAR_YEARS = 1.0  # largest difference of near dates; a year is near each day of it
NEAR_TEXTS = 0.8  # least similarity of near texts
LONGEST = 300  # letters of a text that are compared
LEAST_LETTERS = 4  # of an equal text by which attributes of different names are paired
LEAST_DIGITS = 3  # of such a number
MOST = 60  # facts of either entity that are compared

EQUAL, NEAR, DIFFERENT = "equal", "near", "different"
_ORDER = (EQUAL, NEAR, DIFFERENT, "left", "right")


class SameAttributes(NamedTuple):
    """Which attributes of the two graphs are compared: number of the left and of the right one, the best first."""

    rank: dict[tuple[int, int], int]

    @staticmethod
    def of(left: Side, right: Side, relations: Sequence[RelationPair]) -> "SameAttributes":
        """Those that the run has aligned, and those of one name in any letter case.

        Args:
            left, right: both graphs.
            relations: aligned relations and attributes, the best first.
        """
        if left.graph is None or right.graph is None:
            return SameAttributes({})
        graphs = (left.graph, right.graph)
        labels = [{label: place for place, label in enumerate(graph.attributes.names)} for graph in graphs]
        rank: dict[tuple[int, int], int] = {}
        for pair in relations:
            if pair.kind == "attribute" and pair.left in labels[0] and pair.right in labels[1]:
                rank.setdefault((labels[0][pair.left], labels[1][pair.right]), len(rank))
        named: dict[str, list[int]] = {}
        for place, name in enumerate(right.attribute_names):
            named.setdefault(name.casefold(), []).append(place)
        for place, name in enumerate(left.attribute_names):
            for other in named.get(name.casefold(), ()):
                rank.setdefault((place, other), len(rank))
        return SameAttributes(rank)


def likeness(left: Value, right: Value) -> str:
    """Whether two values are ``equal``, ``near`` or ``different``.

    Numbers are near within 1 % of the larger, dates within a year, texts from a ratio of .8 (``difflib``) on. A year
    as a number is compared with a date.
    """
    if left.text == right.text:
        return EQUAL
    kinds = {left.kind, right.kind}
    if kinds == {"number"}:
        difference, largest = abs(left.number - right.number), max(abs(left.number), abs(right.number))
        if difference <= 1e-9 * largest:
            return EQUAL
        return NEAR if difference <= NEAR_NUMBERS * largest else DIFFERENT
    if kinds == {"date"} or kinds == {"date", "number"}:
        difference = abs(left.number - right.number)
        return EQUAL if not difference else NEAR if difference < NEAR_YEARS else DIFFERENT
    if kinds != {"text"}:
        return DIFFERENT
    mine, theirs = left.text[:LONGEST], right.text[:LONGEST]
    match = difflib.SequenceMatcher(None, mine, theirs, autojunk=False)
    return NEAR if match.quick_ratio() >= NEAR_TEXTS and match.ratio() >= NEAR_TEXTS else DIFFERENT


def compared(left: Sequence[Fact], right: Sequence[Fact], same: SameAttributes) -> list[dict[str, Any]]:
    """Facts of two entities in rows; each fact is in one of them.

    A fact is paired with the most alike of the other entity whose attribute is the same; of equally alike ones with
    that of the better aligned attribute. Facts that are left over are paired if their values are equal and tell enough:
    four letters, or three digits.

    Args:
        left, right: facts of the left and of the right entity.
        same: the attributes that are compared.

    Returns:
        Rows ``{left, right, state}``: equal ones first, then near and different ones, then those of one side;
        ``left`` and ``right`` are ``{attribute, value}`` or ``None``.
    """
    values = [[read_value(fact.value) for fact in facts] for facts in (left, right)]
    found = []
    for i, mine in enumerate(left):
        for j, other in enumerate(right):
            rank = same.rank.get((mine.attribute, other.attribute))
            if rank is not None:
                found.append((_ORDER.index(likeness(values[0][i], values[1][j])), rank, i, j))
    rows, taken = _paired(sorted(found))
    found = [
        (0, 0, i, j)
        for i, value in enumerate(values[0])
        if i not in taken[0] and _tells(value)
        for j, other in enumerate(values[1])
        if j not in taken[1] and other.kind == value.kind and likeness(value, other) == EQUAL
    ]
    more, also = _paired(found)
    taken = (taken[0] | also[0], taken[1] | also[1])
    aligned: list[tuple[int, int | None, int | None]] = [*rows, *more]
    aligned += [(3, i, None) for i in range(len(left)) if i not in taken[0]]
    aligned += [(4, None, j) for j in range(len(right)) if j not in taken[1]]
    return [
        {
            "left": None if i is None else _shown(left[i]),
            "right": None if j is None else _shown(right[j]),
            "state": _ORDER[state],
        }
        for state, i, j in sorted(aligned, key=lambda row: row[0])
    ]


def _paired(found: Iterable[tuple[int, int, int, int]]) -> tuple[list[tuple[int, int, int]], tuple[set[int], set[int]]]:
    """The first pairs (state, left, right) that share no fact, and the facts in them."""
    rows, lefts, rights = [], set[int](), set[int]()
    for state, _, i, j in found:
        if i not in lefts and j not in rights:
            rows.append((state, i, j))
            lefts.add(i)
            rights.add(j)
    return rows, (lefts, rights)


def _tells(value: Value) -> bool:
    """Whether an equal value says that two attributes may be the same."""
    if value.kind == "text":
        return len(value.text) >= LEAST_LETTERS
    return sum(letter.isdigit() for letter in value.text) >= LEAST_DIGITS


def _shown(fact: Fact) -> dict[str, str]:
    return {"attribute": fact.name, "value": fact.value}
