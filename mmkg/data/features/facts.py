"""Attribute facts with values, sorted for comparison: by entity, by attribute, and by linked entities."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...typing import BoolArray, IntArray
from ..task import AlignmentTask
from ..texts.packed import Texts
from .values import Values, read_values

FACTS_PER_ENTITY = 64  # largest number of facts of an entity that are compared with those of its counterpart

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ValueFacts:
    """Attribute facts with a value, of both graphs, sorted by entity; arrays ``[F]`` unless noted.

    Args:
        entity, attribute: entity row and attribute; the right graph counts on from the left one.
        values: the values.
        numeric: whether a value is a number or a date.
        starts: first fact of each entity, ``[N + 1]``.
        place: facts sorted by attribute and kind: those of attribute ``a`` are ``place[bounds[2a]:bounds[2a + 1]]``
            for texts and ``place[bounds[2a + 1]:bounds[2a + 2]]`` for numbers.
        bounds: ``[2 attributes + 1]``.
        num_left: number of attributes of the left graph.
    """

    entity: IntArray
    attribute: IntArray
    values: Values
    numeric: BoolArray
    starts: IntArray
    place: IntArray
    bounds: IntArray
    num_left: int

    @staticmethod
    def of(task: AlignmentTask) -> "ValueFacts":
        """The facts of a task."""
        left, right = task.left.attributes, task.right.attributes
        entity = np.concatenate([left.entity, right.entity + task.left.num_entities])
        attribute = np.concatenate([left.attribute, right.attribute + len(left.names)])
        values = read_values(Texts.chained([Texts.of(left.values), Texts.of(right.values)]))
        order = np.argsort(entity, kind="stable")
        order = order[values.kind[order] >= 0]
        size = task.left.num_entities + task.right.num_entities
        starts = np.concatenate([[0], np.bincount(entity[order], minlength=size).cumsum()])
        entity, attribute = entity[order], attribute[order]
        values = Values(values.kind[order], values.number[order], values.text[order], values.texts)
        numeric = ~np.isnan(values.number)
        group = 2 * attribute + numeric
        counts = np.bincount(group, minlength=2 * (len(left.names) + len(right.names)))
        bounds = np.concatenate([[0], counts.cumsum()])
        place = np.argsort(group, kind="stable")
        return ValueFacts(entity, attribute, values, numeric, starts, place, bounds, len(left.names))

    def about(self, attribute: int, numeric: bool) -> IntArray:
        """Facts of an attribute whose values are numbers, or those whose values are texts."""
        group = 2 * attribute + numeric
        return self.place[self.bounds[group] : self.bounds[group + 1]]

    def quantiles(self) -> Numbers:
        """Quantile of each number among those of its attribute, in (0, 1), ties at their mean; NaN for texts."""
        order = np.lexsort((self.values.number, self.attribute))
        order = order[self.numeric[order]]
        fresh = np.diff(self.attribute[order], prepend=-1) != 0
        runs = fresh | (np.diff(self.values.number[order], prepend=np.nan) != 0)
        starts, firsts = np.flatnonzero(runs), np.flatnonzero(fresh)
        run, kind = runs.cumsum() - 1, fresh.cumsum() - 1
        sizes, lengths = np.diff(starts, append=len(order)), np.diff(firsts, append=len(order))
        found = np.full(len(self.entity), np.nan)
        found[order] = (starts[run] + sizes[run] / 2 - firsts[kind]) / lengths[kind]
        return found


@dataclass(frozen=True, eq=False)
class LinkedFacts:
    """Pairs of facts of linked entities, both numbers or both texts, sorted by key, then by link.

    Args:
        left, right: the facts, ``[P]``.
        key: see ``comparison_key``, ``[P]``.
        link: number of the link, ``[P]``.
    """

    left: IntArray
    right: IntArray
    key: IntArray
    link: IntArray

    @staticmethod
    def of(facts: ValueFacts, ends: IntArray) -> "LinkedFacts":
        """Pairs of the facts of linked entities.

        Args:
            facts: of both graphs.
            ends: entity rows of the links, int64 ``[L, 2]``, those of the right graph counted on.
        """
        counts = np.minimum(facts.starts[ends + 1] - facts.starts[ends], FACTS_PER_ENTITY)
        total = counts.prod(axis=1)
        link = np.repeat(np.arange(len(ends)), total)
        row, column = np.divmod(np.arange(len(link)) - np.repeat(total.cumsum() - total, total), counts[link, 1])
        left, right = facts.starts[ends[link, 0]] + row, facts.starts[ends[link, 1]] + column
        same = facts.numeric[left] == facts.numeric[right]
        link, left, right = link[same], left[same], right[same]
        key = comparison_key(facts, facts.attribute[left], facts.attribute[right], facts.numeric[left])
        order = np.lexsort((link, key))
        return LinkedFacts(left[order], right[order], key[order], link[order])

    def under(self, key: int) -> slice:
        """Positions of the pairs with a key."""
        first, last = np.searchsorted(self.key, [key, key + 1]).tolist()
        return slice(first, last)


def comparison_key(
    facts: ValueFacts, left: IntArray | int, right: IntArray | int, numeric: BoolArray | bool
) -> IntArray:
    """One number for a pair of attributes and a kind: even for texts, odd for numbers."""
    width = len(facts.bounds) // 2
    return np.asarray((left * width + right) * 2 + numeric)
