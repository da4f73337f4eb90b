"""Pairs that are never the same: those that a user names, other numbers in their names, other values of a key."""

from collections.abc import Sequence

import numpy as np

from ..typing import BoolArray, IntArray
from .attributes import DIFFERENT, NEAR, Attribute
from .comparisons import Comparer
from .texts import number_rows
from .views import Levels, Numbers, cosines

LEAST_PAIRS = 10.0  # probable pairs from which it is known how often a key differs within one entity
LARGEST_SHARE = 0.05  # of these, the largest share with different values that leaves it a key


class Barriers:
    """What keeps two entities apart, whatever else they have in common.

    Args:
        names: name of each entity.
        keys: attributes of which an entity has one value that no other entity has.
        never: pairs that are known to be different, int64 ``[V, 2]``.
    """

    def __init__(self, names: Sequence[str | None], keys: Sequence[Attribute], never: IntArray) -> None:
        self.numbers = number_rows(names)
        self.counts = np.diff(self.numbers.indptr)
        self.keys = list(keys)
        self.size = len(names)
        self.never = np.unique(_keys(never, self.size))

    @staticmethod
    def of(
        names: Sequence[str | None],
        comparer: Comparer,
        levels: Levels,
        likely: Numbers,
        never: IntArray,
    ) -> "Barriers":
        """The barriers of a graph. A key that often differs between probable duplicates is none.

        Args:
            names: name of each entity.
            comparer: of the graph.
            levels: of the candidate pairs, int8 ``[P, C]``.
            likely: probability of each, ``[P]``.
            never: pairs that are known to be different.
        """
        keys = []
        for column, attribute in enumerate(comparer.attributes, start=1):
            level = levels[:, column]
            both = float(likely[level >= 0].sum())
            differ = float(likely[level >= NEAR].sum())
            if attribute.is_key and (both < LEAST_PAIRS or differ <= LARGEST_SHARE * both):
                keys.append(attribute)
        return Barriers(names, keys, never)

    def apart(self, pairs: IntArray) -> BoolArray:
        """Whether two entities are never the same, bool ``[P]``.

        Numbers in two names are different if each name has one that the other lacks: ``Apollo 11`` and ``Apollo 12``,
        but not ``Boeing 747`` and ``Boeing 747 of 1970``.
        """
        shared = cosines(self.numbers, pairs)
        found: BoolArray = (shared < self.counts[pairs[:, 0]]) & (shared < self.counts[pairs[:, 1]])
        for attribute in self.keys:
            found |= attribute.levels(pairs)[0] == DIFFERENT
        found |= np.isin(_keys(pairs, self.size), self.never)
        return found


def _keys(pairs: IntArray, size: int) -> IntArray:
    """One number per unordered pair."""
    return pairs.min(axis=1) * size + pairs.max(axis=1) if len(pairs) else np.empty(0, np.int64)
