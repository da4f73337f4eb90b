"""Entities that are literals: a year, a number or a date as a node, which equals another exactly or not at all."""

import re
from collections import Counter
from collections.abc import Hashable
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from ..typing import BoolArray, IntArray
from .entities import EntityTable, matched_rows
from .features.values import read_value
from .texts.labels import Labels

MOST_LITERALS = 0.5  # share of an entity table above which numbers are ids, not literals
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:,[0-9]{3})+)(?:\.[0-9]+)?")
_DATE = re.compile(r"(-?[0-9]{3,9})-([0-9]{1,2})(?:-([0-9]{1,2}))?(?:T00:00:00(?:\.0+)?)?Z?")
_MARKS = re.compile(r"[\W_]+")


class Pool(NamedTuple):
    """What is matched with what, of two graphs.

    Args:
        matched: rows of either graph that are queries and candidates, int64, ascending; ``None`` = all.
        exact: pairs of literal nodes with equal values, int64 ``[E, 2]``, one to one; they are in no ``matched``.
        literals: number of literal nodes of either graph.
    """

    matched: tuple[IntArray | None, IntArray | None]
    exact: IntArray
    literals: tuple[int, int] = (0, 0)


def literal_key(text: str) -> Hashable | None:
    """What two texts have in common if they are the same number, year or date; ``None`` for any other text.

    The whole text must be a number in digits, perhaps with commas between thousands and a decimal point, or a date
    ``year-month`` or ``year-month-day`` that exists. ``1824``, ``1,824`` and ``1824.0`` are equal; ``007``, ``1e5``,
    ``5 km`` and ``Apollo 11`` are none. A month and a day of it are different.
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return Decimal(text.replace(",", ""))
    if (found := _DATE.fullmatch(text)) and read_value(text).kind == "date":
        return tuple(map(int, filter(None, found.groups())))
    return None


def literal_keys(table: EntityTable) -> dict[int, Hashable]:
    """The value of each entity whose label, and name if it has one, is a literal.

    Where most labels are literals, they are ids, and none counts.
    """
    found = {}
    labels = Labels.of(table.labels)
    begin = labels.store[labels.offsets[:-1]]
    for row in np.flatnonzero(np.isin(begin, np.frombuffer(b"+-0123456789", np.uint8))).tolist():
        label = labels[row]
        if (key := literal_key(label)) is not None:
            name = table.names[row]
            if name == label or _MARKS.sub("", name) == _MARKS.sub("", label) or literal_key(name) == key:
                found[row] = key
    return {} if len(found) > MOST_LITERALS * len(table.labels) else found


def pool_of(left: EntityTable, right: EntityTable, links: IntArray, *, literals: bool = True) -> Pool:
    """Entities that are compared, and literal nodes that are equal.

    Context (see ``KnowledgeGraph.context``) and literal nodes are compared with nothing. A literal node is paired with
    the only literal node of the other graph that has its value, if it is the only one of its own graph. Known links
    come first: one between equal literals is such a pair, and the ends of all others are compared like any entity. If
    less than half of the links between literal nodes join equal ones, numbers are ids, and none counts.

    Args:
        left, right: the entities.
        links: known links, int64 ``[L, 2]``.
        literals: whether literal nodes are treated so.
    """
    keys = (literal_keys(left), literal_keys(right)) if literals else ({}, {})
    ends = [(keys[0].get(i), keys[1].get(j)) for i, j in links.tolist()] if all(keys) else []
    equal = np.array([mine is not None and mine == other for mine, other in ends], bool)
    if 2 * equal.sum() < sum(mine is not None and other is not None for mine, other in ends):
        keys = ({}, {})
    given = links[equal] if len(equal) and all(keys) else links[:0]
    given = given[_single(given[:, 0]) & _single(given[:, 1])]
    others = [np.setdiff1d(links[:, side], given[:, side]) for side in (0, 1)]
    for side, some in enumerate(keys):
        for row in others[side].tolist():
            some.pop(row, None)
    exact = np.concatenate([given, _equal(*keys, taken=given)])
    masks = [_masked(table, some) for table, some in zip((left, right), keys, strict=True)]
    left_rows, right_rows = (matched_rows(mask, rows) for mask, rows in zip(masks, others, strict=True))
    if len(exact) and (left_rows is None or right_rows is None):  # nothing else is there, so all is compared
        return pool_of(left, right, links, literals=False)
    return Pool((left_rows, right_rows), exact[np.argsort(exact[:, 0])], (len(keys[0]), len(keys[1])))


def _masked(table: EntityTable, literals: dict[int, Hashable]) -> BoolArray:
    mask = table.context.copy()
    mask[list(literals)] = True
    return mask


def _single(rows: IntArray) -> BoolArray:
    single: BoolArray = np.bincount(rows)[rows] == 1
    return single


def _equal(left: dict[int, Hashable], right: dict[int, Hashable], *, taken: IntArray) -> IntArray:
    """Pairs of the rows whose value is there once in either graph, without rows of the pairs ``taken``."""
    rows = [_once(some, set(taken[:, side].tolist())) for side, some in enumerate((left, right))]
    pairs = [(row, rows[1][key]) for key, row in rows[0].items() if key in rows[1]]
    return np.array(pairs, np.int64).reshape(-1, 2)


def _once(values: dict[int, Hashable], taken: set[int]) -> dict[Hashable, int]:
    counts = Counter(values.values())
    return {key: row for row, key in values.items() if counts[key] == 1 and row not in taken}
