"""Aligned relations and attributes: which relation of one graph holds between the same entities as one of the other."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..typing import IntArray
from .features.values import Values, read_values
from .kg import AttributeTriples, KnowledgeGraph

LEAST_SUPPORT = 2  # statements that both graphs must make before two relations are compared
LEAST_EQUALITY = 0.1  # pairs of relations below are left out
SURE_SUPPORT = 5  # statements before two relations can be called the same
SURE = 0.7  # least probability, in excess of chance, of relations that are called the same, by default
DIGITS = 9  # significant digits in which equal numbers agree


class RelationPair(NamedTuple):
    """A relation (or attribute) of the left graph and one of the right graph, and how far they agree.

    Args:
        left, right: labels.
        kind: ``relation`` or ``attribute``.
        inverse: whether the right relation leads from the tail to the head of the left one.
        support: number of statements that both graphs make of aligned entities.
        left_count: statements of the left relation between aligned entities, of a left attribute about them.
        right_count: those of the right one.
        chance: probability that a statement of either, drawn at random, has the same value or tail.
    """

    left: str
    right: str
    kind: str
    inverse: bool
    support: int
    left_count: int
    right_count: int
    chance: float

    @property
    def left_in_right(self) -> float:
        """Probability that a statement of the left relation is one of the right relation, P(left ⊆ right)."""
        return self.support / self.left_count

    @property
    def right_in_left(self) -> float:
        """Probability that a statement of the right relation is one of the left relation, P(right ⊆ left)."""
        return self.support / self.right_count

    @property
    def equality(self) -> float:
        """Harmonic mean of both probabilities, in (0, 1]."""
        return 2 * self.support / (self.left_count + self.right_count)

    @property
    def beyond_chance(self) -> float:
        """The lower of both probabilities in excess of chance, at most 1; 0 for values that are all the same."""
        least = min(self.left_in_right, self.right_in_left)
        return (least - self.chance) / (1 - self.chance) if self.chance < 1 else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        derived = ("left_in_right", "right_in_left", "equality")
        return self._asdict() | {name: getattr(self, name) for name in derived}


def align_relations(left: KnowledgeGraph, right: KnowledgeGraph, pairs: IntArray) -> list[RelationPair]:
    """Relations and attributes of two graphs that make the same statements of aligned entities.

    ``r(x, y)`` of the left graph is the statement ``s(x', y')`` of the right graph if x = x' and y = y' are aligned; if
    x = y' and y = x', s is an inverse of r. Two attributes make the same statement of aligned entities if their values
    are equal: as numbers or dates, or as texts, see ``read_value``. A repeated statement counts once.

    Args:
        left: the left graph.
        right: the right graph.
        pairs: aligned rows, int64 ``[M, 2]``, one to one, which are taken as certain.

    Returns:
        Pairs with at least two common statements and an equality of 0.1 or more, the most equal first, those of more
        support before others.

    Source:
        Suchanek, Abiteboul and Senellart, PVLDB 5(3), 2011 (PARIS), Eq. 12, for certain equalities. A statement of an
        attribute also counts where its value is nowhere in the other graph.
    """
    to_left = np.full(right.num_entities, -1, np.int64)
    to_left[pairs[:, 1]] = pairs[:, 0]
    aligned = np.zeros(left.num_entities, bool)
    aligned[pairs[:, 0]] = True
    mine = left.triples[aligned[left.triples[:, 0]] & aligned[left.triples[:, 2]]]
    theirs = np.stack([to_left[right.triples[:, 0]], right.triples[:, 1], to_left[right.triples[:, 2]]], axis=1)
    theirs = theirs[(theirs[:, ::2] >= 0).all(axis=1)]
    found = []
    for inverse, (head, tail) in ((False, (0, 2)), (True, (2, 0))):
        sides = (
            _Statements(mine[:, 1], mine[:, 0], mine[:, 2], left.relations),
            _Statements(theirs[:, 1], theirs[:, head], theirs[:, tail], right.relations),
        )
        found += _compared(*sides, "relation", inverse)
    found += _attributes(left.attributes, right.attributes, aligned, to_left)
    return sorted(found, key=lambda pair: (-pair.equality, -pair.support, pair.inverse, pair.left, pair.right))


def same_relations(pairs: Iterable[RelationPair], least: float) -> list[RelationPair]:
    """Pairs that can be called one relation: each is the best counterpart of both of its ends.

    Args:
        pairs: as ``align_relations`` returns them, the best first.
        least: least probability, in excess of chance, of a statement of either to be one of the other, in (0, 1].

    Returns:
        Pairs with at least five common statements in which no relation comes twice.
    """
    taken: set[tuple[str, str, str]] = set()
    chosen = []
    for pair in pairs:
        ends = {("left", pair.kind, pair.left), ("right", pair.kind, pair.right)}
        if not taken & ends and pair.support >= SURE_SUPPORT and pair.beyond_chance >= least:
            chosen.append(pair)
        taken |= ends  # a relation has one best counterpart, or none
    return chosen


def _attributes(
    left: AttributeTriples, right: AttributeTriples, aligned: NDArray[np.bool_], to_left: IntArray
) -> list[RelationPair]:
    """Pairs of attributes with equal values."""
    codes = value_codes(read_values((*left.values, *right.values)))
    own, other = codes[: len(left)], codes[len(left) :]
    mine, theirs = aligned[left.entity] & (own >= 0), (to_left[right.entity] >= 0) & (other >= 0)
    sides = (
        _Statements(left.attribute[mine], left.entity[mine], own[mine], left.names),
        _Statements(right.attribute[theirs], to_left[right.entity[theirs]], other[theirs], right.names),
    )
    return _compared(*sides, "attribute", False)


def value_codes(values: Values) -> IntArray:
    """One number per distinct value, int64 ``[A]``, -1 = no value; numbers and dates are equal in nine digits."""
    numeric = ~np.isnan(values.number) & (values.kind >= 0)
    scale = 10.0 ** (DIGITS - 1 - np.floor(np.log10(np.abs(values.number[numeric]).clip(min=1e-300))))
    exact = np.isfinite(scale)
    rounded = np.where(exact, np.round(values.number[numeric] * np.where(exact, scale, 1)) / scale, 0.0)
    codes = np.where(values.kind >= 0, values.text, -1)
    codes[numeric] = len(values.texts) + np.unique(rounded, return_inverse=True)[1]
    return codes


class _Statements(NamedTuple):
    """Statements of a graph about aligned entities, ``[S]`` each.

    Args:
        kind: relation or attribute.
        entity: what it is about, as a row of the left graph.
        value: its tail or its value, in the same numbers in both graphs.
        labels: of the relations or attributes.
    """

    kind: IntArray
    entity: IntArray
    value: IntArray
    labels: Sequence[str]

    def table(self, keys: IntArray, size: int) -> sparse.csr_array:
        """How often each relation has each key, int64 ``[size, relations]``."""
        ones = np.ones(len(keys), np.int64)
        return sparse.csr_array((ones, (keys, self.kind)), shape=(size, len(self.labels)))


def _compared(left: _Statements, right: _Statements, kind: str, inverse: bool) -> list[RelationPair]:
    """Pairs of relations by the statements that they share; ``kind`` and ``inverse`` are those of the pairs."""
    values, value = np.unique(np.concatenate([left.value, right.value]), return_inverse=True)
    key = np.concatenate([left.entity, right.entity]) * len(values) + value
    keys, key = np.unique(key, return_inverse=True)
    split = len(left.kind)
    tables = []
    for side, own in ((left, key[:split]), (right, key[split:])):
        table = side.table(own, len(keys))
        table.data[:] = 1  # a repeated statement was summed
        tables.append(table)
    counts = [table.sum(axis=0) for table in tables]
    support = (tables[0].T @ tables[1]).tocoo()
    rows, columns = support.coords
    equality = 2 * support.data / (counts[0][rows] + counts[1][columns])
    kept = (support.data >= LEAST_SUPPORT) & (equality >= LEAST_EQUALITY)
    rows, columns, common = rows[kept], columns[kept], support.data[kept]
    of_key = sparse.csr_array(
        (np.ones(len(keys)), keys % max(len(values), 1), np.arange(len(keys) + 1)), shape=(len(keys), len(values))
    )
    shares = [
        ((of_key.T @ table) / np.maximum(count, 1)).T.tocsr()[which]
        for table, count, which in zip(tables, counts, (rows, columns), strict=True)
    ]
    chance = shares[0].multiply(shares[1]).sum(axis=1)
    entries = (rows, columns, common, counts[0][rows], counts[1][columns], chance)
    return [
        RelationPair(left.labels[i], right.labels[j], kind, inverse, *facts)
        for i, j, *facts in zip(*(column.tolist() for column in entries), strict=True)
    ]
