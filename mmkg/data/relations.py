"""Aligned relations and attributes: which relation of one graph holds between the same entities as one of the other."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..typing import IntArray
from .features.values import Values, read_values
from .kg import AttributeTriples, KnowledgeGraph

if TYPE_CHECKING:
    from scipy import sparse

LEAST_SUPPORT = 2  # statements that both graphs must make before two relations are compared
LEAST_EQUALITY = 0.1  # pairs of relations below are left out
SURE_SUPPORT = 5  # statements before two relations can be called the same
SURE_FAN = 0.5  # relations with less than half as many statements per entity are not called the same
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
        fan: the smaller divided by the larger number of statements per aligned entity, also those about entities
            without a counterpart, in (0, 1]; of heads and of tails, the lower one. Cities have a country as capitals
            have, but a country has many cities.
    """

    left: str
    right: str
    kind: str
    inverse: bool
    support: int
    left_count: int
    right_count: int
    chance: float
    fan: float

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
        """Harmonic mean of both probabilities, in (0, 1]: the Dice coefficient of the statements."""
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
        Pairs with at least two common statements and an equality of 0.1 or more, sorted by equality times ``fan``,
        the largest first, then by support.

    Source:
        Suchanek, Abiteboul and Senellart, PVLDB 5(3), 2011 (PARIS), Eq. 12, for certain equalities. A statement of an
        attribute also counts where its value is nowhere in the other graph.
    """
    fans = [
        _fans(graph.triples, rows, len(graph.relations)) for graph, rows in zip((left, right), pairs.T, strict=True)
    ]
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
            _Statements(mine[:, 1], mine[:, 0], mine[:, 2], left.relations, fans[0]),
            _Statements(theirs[:, 1], theirs[:, head], theirs[:, tail], right.relations, fans[1][:: 1 - 2 * inverse]),
        )
        found += _compared(*sides, "relation", inverse)
    found += _attributes(left.attributes, right.attributes, aligned, to_left)
    return sorted(
        found, key=lambda pair: (-pair.equality * pair.fan, -pair.support, pair.inverse, pair.left, pair.right)
    )


def same_relations(pairs: Iterable[RelationPair], least: float) -> list[RelationPair]:
    """Pairs that can be called one relation: each is the best counterpart of both of its ends.

    Args:
        pairs: as ``align_relations`` returns them, the best first.
        least: least probability, in excess of chance, of a statement of either to be one of the other, in (0, 1].

    Returns:
        Pairs with at least five common statements and a ``fan`` of 0.5 or more in which no relation comes twice.
    """
    taken: set[tuple[str, str, str]] = set()
    chosen = []
    for pair in pairs:
        ends = {("left", pair.kind, pair.left), ("right", pair.kind, pair.right)}
        sure = pair.support >= SURE_SUPPORT and pair.fan >= SURE_FAN
        if not taken & ends and sure and pair.beyond_chance >= least:
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
        _facts(left.attribute[mine], left.entity[mine], own[mine], left.names),
        _facts(right.attribute[theirs], to_left[right.entity[theirs]], other[theirs], right.names),
    )
    return _compared(*sides, "attribute", False)


def value_codes(values: Values, *, digits: int = DIGITS) -> IntArray:
    """One number per distinct value, int64 ``[A]``, -1 = no value; numbers and dates are equal in so many digits."""
    numeric = ~np.isnan(values.number) & (values.kind >= 0)
    scale = 10.0 ** (digits - 1 - np.floor(np.log10(np.abs(values.number[numeric]).clip(min=1e-300))))
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
        fans: mean number of statements per entity of each relation, float64 ``[F, relations]``.
    """

    kind: IntArray
    entity: IntArray
    value: IntArray
    labels: Sequence[str]
    fans: NDArray[np.float64] = np.empty((0, 0))

    def table(self, keys: IntArray, size: int) -> "sparse.csr_array":
        """How often each relation has each key, int64 ``[size, relations]``."""
        from scipy import sparse

        ones = np.ones(len(keys), np.int64)
        return sparse.csr_array((ones, (keys, self.kind)), shape=(size, len(self.labels)))


def _facts(kind: IntArray, entity: IntArray, value: IntArray, labels: Sequence[str]) -> _Statements:
    """Statements of attributes, with their number per entity."""
    return _Statements(kind, entity, value, labels, _per_entity(kind, entity, value, len(labels)))


def _fans(triples: IntArray, aligned: IntArray, size: int) -> NDArray[np.float64]:
    """Mean number of tails per aligned head, and of heads per aligned tail, of each relation, ``[2, size]``."""
    heads, kinds, tails = triples.T
    inside = np.isin(heads, aligned), np.isin(tails, aligned)
    there = _per_entity(kinds[inside[0]], heads[inside[0]], tails[inside[0]], size)
    back = _per_entity(kinds[inside[1]], tails[inside[1]], heads[inside[1]], size)
    return np.concatenate([there, back])


def _per_entity(kind: IntArray, entity: IntArray, value: IntArray, size: int) -> NDArray[np.float64]:
    """Mean number of distinct values per entity of each relation, ``[1, size]``; 1 for one without statements."""
    key = kind * (int(entity.max(initial=0)) + 1) + entity
    _, first, number = np.unique(key, return_index=True, return_inverse=True)
    pairs = np.unique(number * (int(value.max(initial=0)) + 1) + value, return_index=True)[1]
    statements, entities = kind[pairs], kind[first]
    counts = [np.bincount(each, minlength=size).astype(np.float64) for each in (statements, entities)]
    return (np.maximum(counts[0], 1) / np.maximum(counts[1], 1))[None]


def _compared(left: _Statements, right: _Statements, kind: str, inverse: bool) -> list[RelationPair]:
    """Pairs of relations by the statements that they share; ``kind`` and ``inverse`` are those of the pairs."""
    values, value = np.unique(np.concatenate([left.value, right.value]), return_inverse=True)
    key = np.concatenate([left.entity, right.entity]) * len(values) + value
    keys, key = np.unique(key, return_inverse=True)
    from scipy import sparse

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
    chance = np.minimum(np.asarray(shares[0].multiply(shares[1]).sum(axis=1)).reshape(-1), 1.0)
    ratios = left.fans[:, rows] / right.fans[:, columns]
    fan = np.minimum(ratios, 1 / ratios).min(axis=0)
    entries = (rows, columns, common, counts[0][rows], counts[1][columns], chance, fan)
    return [
        RelationPair(left.labels[i], right.labels[j], kind, inverse, *facts)
        for i, j, *facts in zip(*(column.tolist() for column in entries), strict=True)
    ]
