"""Matches that their own data speak against: types that do not go together, functional attributes that differ."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..data.conflicts import ConflictingFacts
from ..data.features.values import read_value, read_values
from ..data.kg import AttributeTriples
from ..data.relations import value_codes
from ..data.texts.packed import Texts
from ..typing import IntArray
from .attributes import DIFFERENT, SameAttributes, likeness
from .rows import Matches
from .side import TYPE_RELATION, Side

LEAST_OF_TYPE = 10  # matches of a type before it can be said what goes with it
RARE = 0.1  # share of the matches of a type below which another type does not go with it


@dataclass(frozen=True, eq=False)
class Conflicts:
    """Conflicts of the matches of a run, least sure matches first.

    Args:
        matches: the matches.
        sides: both graphs.
        same: the attributes that are compared.
    """

    matches: Matches
    sides: tuple[Side, Side]
    same: SameAttributes

    def part(self, offset: int, limit: int) -> dict[str, Any]:
        """``total`` number of conflicts, and the ``rows`` of a part: ``kind`` is ``type`` or ``value``.

        Each names the pair, the attribute (``None`` for a type), and the values of either side. ``near`` says whether
        each left value is near some right one.
        """
        place, group = self._ordered
        rows = []
        for match, number in zip(place[offset : offset + limit], group[offset : offset + limit], strict=True):
            left, right = (int(column[match]) for column in (self.matches.left, self.matches.right))
            confidence = self.matches.confidence
            about = {"kind": "type", "attribute": None, "near": False}
            values = [side.types(row) for side, row in zip(self.sides, (left, right), strict=True)]
            if number >= 0:
                about, values = self._of_values(int(number))
            rows.append(
                {
                    **about,
                    "left": self.sides[0].key(left),
                    "left_name": self.sides[0].shown(left),
                    "right": self.sides[1].key(right),
                    "right_name": self.sides[1].shown(right),
                    "left_values": values[0],
                    "right_values": values[1],
                    "match": "known" if self.matches.known[match] else "match",
                    "confidence": None if confidence is None else round(float(confidence[match]), 4),
                }
            )
        return {"total": len(place), "rows": rows}

    @cached_property
    def _ordered(self) -> tuple[IntArray, IntArray]:
        """Position of the match of each conflict, and the group of its values, -1 for a conflict of types."""
        types = self.of_types()
        groups, match = self._groups
        places = np.concatenate([types, match])
        numbers = np.concatenate([np.full(len(types), -1, np.int64), groups])
        sure = self.matches.raw if self.matches.confidence is None else self.matches.confidence
        order = np.lexsort((numbers, sure[places], self.matches.known[places]))
        return places[order], numbers[order]

    # --- types

    def of_types(self) -> IntArray:
        """Positions of matches whose types do not go together, ascending, int64.

        The first type of either entity counts. Two types with one name go together, and so do types where 10 % of the
        matches of the rarer one are with the other; types of fewer than ten matches are not judged.
        """
        mine, theirs = (
            side.first_type[column]
            for side, column in zip(self.sides, (self.matches.left, self.matches.right), strict=True)
        )
        both = np.flatnonzero((mine >= 0) & (theirs >= 0))
        if not len(both):
            return both
        mine, theirs = mine[both], theirs[both]
        width = int(theirs.max()) + 1
        _, place, counts = np.unique(mine * width + theirs, return_inverse=True, return_counts=True)
        rarer = np.minimum(np.bincount(mine)[mine], np.bincount(theirs)[theirs])
        names = [np.array([name.casefold() for name in side.type_names]) for side in self.sides]
        apart = (counts[place] < RARE * rarer) & (rarer >= LEAST_OF_TYPE) & (names[0][mine] != names[1][theirs])
        found: IntArray = both[apart]
        return found

    # --- values

    @cached_property
    def _groups(self) -> tuple[IntArray, IntArray]:
        """Numbers of the groups of contradicting values, and the position of the match of each."""
        facts, _, found = self._facts
        places = np.flatnonzero(found.conflicting)
        groups, first = np.unique(found.group[places], return_index=True)
        return groups, facts.entity[places[first]]

    def _of_values(self, group: int) -> tuple[dict[str, Any], list[list[str]]]:
        """What a conflict of values is about, and the values of either side."""
        facts, side, found = self._facts
        places = self._places[self._starts[group] : self._starts[group + 1]]
        values = [
            list(dict.fromkeys(facts.values[place] or "" for place in places[side[places] == each].tolist()))
            for each in (0, 1)
        ]
        read = [[read_value(value) for value in some] for some in values]
        near = all(any(likeness(mine, other) != DIFFERENT for other in read[1]) for mine in read[0])
        attribute = self.sides[0].attribute_names[int(facts.attribute[places[0]])]
        return {"kind": "value", "attribute": attribute, "near": near}, values

    @cached_property
    def _places(self) -> IntArray:
        """Facts sorted by their group."""
        return np.argsort(self._facts[2].group, kind="stable")

    @cached_property
    def _starts(self) -> IntArray:
        return np.concatenate([[0], np.cumsum(np.bincount(self._facts[2].group))])

    @cached_property
    def _facts(self) -> tuple[AttributeTriples, IntArray, ConflictingFacts]:
        """Facts of matched entities whose attribute both graphs have, the side of each, and which contradict.

        The entity of a fact is the position of the match, its attribute the left one.
        """
        one, other = (side.graph for side in self.sides)
        if one is None or other is None:
            nothing = np.empty(0, np.int64)
            return AttributeTriples.empty(), nothing, ConflictingFacts(nothing, nothing, nothing.astype(bool))
        to_left = np.full(len(other.attributes.names), -1, np.int64)
        compared = np.zeros(len(one.attributes.names), bool)
        for left, right in self.same.rank:  # the best first
            stated = TYPE_RELATION.fullmatch(one.attributes.names[left])
            if to_left[right] < 0 and not compared[left] and not stated:
                to_left[right], compared[left] = left, True
        parts = []
        for side, (graph, column) in enumerate(((one, self.matches.left), (other, self.matches.right))):
            own = graph.attributes
            place = np.full(graph.num_entities, -1, np.int64)
            place[column] = np.arange(len(column))
            attribute = np.where(compared, np.arange(len(compared)), -1) if side == 0 else to_left
            kept = (place[own.entity] >= 0) & (attribute[own.attribute] >= 0)
            part = own.take(kept)
            parts.append((place[part.entity], attribute[part.attribute], part))
        values = Texts.chained([Texts.of(part.values) for _, _, part in parts])
        types = [kind for _, _, part in parts for kind in part.types or [None] * len(part)]
        facts = AttributeTriples(
            np.concatenate([entity for entity, _, _ in parts]),
            np.concatenate([attribute for _, attribute, _ in parts]),
            one.attributes.names,
            values,
            tuple(types),
        )
        sides = np.repeat([0, 1], [len(part) for _, _, part in parts])
        return facts, sides, ConflictingFacts.of(facts, sides, value_codes(read_values(values)))
