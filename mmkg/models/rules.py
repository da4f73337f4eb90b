"""Rule evidence: two entities are probably the same if the same relations join them to entities that are the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..typing import FloatArray, IntArray

Reals = NDArray[np.float64]

MOST_WEIGHT = 0.99  # of one piece of evidence: nothing is certain
SMOOTHING = 10.0  # statements without a counterpart that are added to those of each relation: few prove little
RARITY = 0.5  # power of the number of entities of which a statement holds: graphs lack many statements
BLOCK_FACTS = 1 << 20  # facts of pairs that are compared at a time


class Facts(NamedTuple):
    """The triples of one graph as seen from both their ends, sorted by entity, relation and other end, ``[F]`` each.

    Args:
        entity: the entity of which the fact holds.
        relation: of the triple; of its tail, the inverse relation, which is R further on.
        other: the other end.
        entities: number of entities of which the same relation to the same other end holds.
        num_entities: n.
        num_relations: R.
    """

    entity: IntArray
    relation: IntArray
    other: IntArray
    entities: IntArray
    num_entities: int
    num_relations: int

    @staticmethod
    def of(triples: IntArray, num_entities: int, num_relations: int) -> "Facts":
        """The facts of triples (head, relation, tail), int64 ``[T, 3]``; repeated ones and self loops do not count."""
        head, relation, tail = np.unique(triples[triples[:, 0] != triples[:, 2]], axis=0).T
        entity, other = np.concatenate([head, tail]), np.concatenate([tail, head])
        relation = np.concatenate([relation, relation + num_relations])
        order = np.lexsort((other, relation, entity))
        entity, relation, other = entity[order], relation[order], other[order]
        _, place, counts = np.unique(relation * num_entities + other, return_inverse=True, return_counts=True)
        return Facts(entity, relation, other, counts[place], num_entities, num_relations)


class Matches(NamedTuple):
    """Probable matches, ``[P]`` each, sorted by left row.

    Args:
        left, right: rows of either graph; no pair twice.
        probability: in [0, 1].
    """

    left: IntArray
    right: IntArray
    probability: FloatArray

    @staticmethod
    def of(left: IntArray, right: IntArray, probability: FloatArray) -> "Matches":
        """Matches in any order."""
        order = np.argsort(left, kind="stable")
        return Matches(left[order], right[order], probability[order])


class Pieces(NamedTuple):
    """Pieces of evidence, ``[E]`` each; every fact of either entity is in one piece of a pair at most.

    Args:
        pair: position of the pair of entities that the piece is evidence for.
        left, right: positions of the facts that agree, in ``Facts``.
        match: position of the match of their other ends, in ``Matches``.
        evidence: -log of the probability that they agree although the entities differ, > 0.
    """

    pair: IntArray
    left: IntArray
    right: IntArray
    match: IntArray
    evidence: Reals


@dataclass(frozen=True, eq=False)
class Rules:
    """How far relations of two graphs imply each other, and what that says of pairs of entities.

    Facts r(x, y) and r'(x', y') are evidence for x = x' as far as y = y' is probable, r' implies r, and few entities
    have r to y; and the other way round. Independent pieces of evidence join by noisy-or:

        1 - P(x = x') = prod (1 - P(r' in r) P(y = y') / n(r, y) ** 0.5) (1 - P(r in r') P(y = y') / n(r', y') ** 0.5)

    over the pairs of facts that agree. n(r, y) is the number of entities that have r to y.

    Args:
        left, right: facts of either graph.
        matches: the probable matches.

    Source:
        Suchanek, Abiteboul and Senellart, PVLDB 5(3), 2011 (PARIS), Eq. 12 and 13. Differences: P(r in r') is smoothed;
        n is counted for each fact, and under a square root, where the paper has the mean inverse functionality of the
        relation; a fact is in one piece of evidence of a pair only.
    """

    left: Facts
    right: Facts
    matches: Matches

    def pieces(self, left: IntArray, right: IntArray) -> Pieces:
        """All evidence for pairs of entities, sorted by pair; the strongest of each fact.

        Args:
            left, right: rows of the pairs, int64 ``[Q]`` each.
        """
        found = [self._pieces(left[block], right[block], block.start) for block in self._blocks(left)]
        return Pieces(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def evidence(self, left: IntArray, right: IntArray) -> Reals:
        """-log(1 - P) of pairs of entities, >= 0, ``[Q]``; 0 without evidence."""
        total = np.zeros(len(left))
        for block in self._blocks(left):
            pieces = self._pieces(left[block], right[block], 0)
            total[block] = np.bincount(pieces.pair, pieces.evidence, minlength=len(total[block]))
        return total

    @cached_property
    def implied(self) -> tuple[IntArray, Reals, Reals]:
        """Pairs of relations that share statements, and the probability that one implies the other.

        Returns:
            Keys ``r * 2 R + r'``, ascending; P(r in r') and P(r' in r), each in [0, 1], ``[K]``.
        """
        left, right = self.left, self.right
        keys, common = _summed([self._common(some) for some in self._fact_blocks()])
        mine, theirs = np.divmod(keys, 2 * right.num_relations)
        shares = []
        for side, rows, own in ((left, self.matches.left, mine), (right, self.matches.right, theirs)):
            known = np.zeros(side.num_entities)
            np.maximum.at(known, rows, self.matches.probability)
            number = np.bincount(side.relation, known[side.entity] * known[side.other], 2 * side.num_relations)
            shares.append(np.minimum(common / (number[own] + SMOOTHING), 1.0))
        return keys, shares[0], shares[1]

    def _common(self, some: slice) -> tuple[IntArray, Reals]:
        """Pairs of relations that a block of left facts shares with right facts, and how often, each once."""
        left, right = self.left, self.right
        facts, firsts = _joined(left.entity[some], self.matches.left)
        places, seconds = _joined(left.other[some][facts], self.matches.left)
        facts, firsts = facts[places], firsts[places]
        likely = self.matches.probability[firsts].astype(np.float64) * self.matches.probability[seconds]
        ends = self.matches.right[firsts], self.matches.right[seconds]
        places, others = self._facts_between(*ends)
        keys = left.relation[some][facts[places]] * (2 * right.num_relations) + right.relation[others]
        return _summed([(keys, likely[places])])

    def _fact_blocks(self) -> Iterator[slice]:
        """Blocks of left facts with about ``BLOCK_FACTS`` pairs of matches of their two ends."""
        counts = np.bincount(self.matches.left, minlength=self.left.num_entities)
        return _cut(counts[self.left.entity] * counts[self.left.other])

    @cached_property
    def _between(self) -> tuple[IntArray, IntArray]:
        """The right facts by entity and other end: ascending keys, and the position of each fact."""
        keys = self.right.entity * self.right.num_entities + self.right.other
        order = np.argsort(keys, kind="stable")
        return keys[order], order

    def _facts_between(self, entity: IntArray, other: IntArray) -> tuple[IntArray, IntArray]:
        """Positions of pairs of right entities, and the right facts that join them."""
        keys, order = self._between
        places, found = _joined(entity * self.right.num_entities + other, keys)
        return places, order[found]

    def _blocks(self, left: IntArray) -> Iterator[slice]:
        """Blocks of pairs with about ``BLOCK_FACTS`` facts of their left entities."""
        return _cut(np.bincount(self.left.entity, minlength=self.left.num_entities)[left])

    def _pieces(self, left: IntArray, right: IntArray, start: int) -> Pieces:
        pair, fact = _joined(left, self.left.entity)
        places, match = _joined(self.left.other[fact], self.matches.left)
        pair, fact = pair[places], fact[places]
        places, other = self._facts_between(right[pair], self.matches.right[match])
        pair, fact, match = pair[places], fact[places], match[places]
        evidence = self._weighed(fact, other, match)
        some = np.flatnonzero(evidence > 0)
        best = some[_best(pair[some] * len(self.left.entity) + fact[some], evidence[some])]
        also = some[_best(pair[some] * len(self.right.entity) + other[some], evidence[some])]
        kept = best[np.isin(best, also)]
        kept = kept[np.argsort(pair[kept], kind="stable")]
        return Pieces(pair[kept] + start, fact[kept], other[kept], match[kept], evidence[kept])

    def _weighed(self, fact: IntArray, other: IntArray, match: IntArray) -> Reals:
        """Evidence of facts that agree, ``[E]``."""
        keys, in_right, in_left = self.implied
        key = self.left.relation[fact] * (2 * self.right.num_relations) + self.right.relation[other]
        place = np.searchsorted(keys, key).clip(max=max(len(keys) - 1, 0))
        if not len(keys):
            return np.zeros(len(fact))
        likely = self.matches.probability[match] * (keys[place] == key)
        sides = (in_left, self.left.entities[fact]), (in_right, self.right.entities[other])
        weights = (np.minimum(share[place] * likely / number**RARITY, MOST_WEIGHT) for share, number in sides)
        total: Reals = -sum(np.log1p(-weight) for weight in weights)
        return total


def _cut(costs: IntArray) -> Iterator[slice]:
    """Blocks of items that cost about ``BLOCK_FACTS`` together, at least one item each; an empty one of no items."""
    ends = np.cumsum(costs)
    start = 0
    while start < len(ends) or start == 0:
        before = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, before + BLOCK_FACTS, "right")), start + 1)
        yield slice(start, stop)
        start = stop


def _summed(parts: Sequence[tuple[IntArray, Reals]]) -> tuple[IntArray, Reals]:
    """Different keys of all parts, ascending, and the sum of the values of each."""
    keys, inverse = np.unique(np.concatenate([keys for keys, _ in parts]), return_inverse=True)
    sums = np.zeros(len(keys))
    np.add.at(sums, inverse, np.concatenate([values for _, values in parts]))
    return keys, sums


def _joined(keys: IntArray, ordered: IntArray) -> tuple[IntArray, IntArray]:
    """Every pair of a key and an equal value of an ascending array, as their positions, sorted by that of the key."""
    first, stop = np.searchsorted(ordered, keys, "left"), np.searchsorted(ordered, keys, "right")
    counts = stop - first
    places = np.repeat(np.arange(len(keys)), counts)
    found: IntArray = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts - first, counts)
    return places, found


def _best(groups: IntArray, values: Reals) -> IntArray:
    """Position of the largest value of each group, of equal ones the first; sorted by group."""
    order = np.lexsort((-values, groups))
    new = np.ones(len(order), bool)
    new[1:] = np.diff(groups[order]) != 0
    return order[new]
