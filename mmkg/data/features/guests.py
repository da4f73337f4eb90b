"""Attribute values of entities that came after those that the comparison of values was learnt from."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...typing import IntArray
from ..kg import KnowledgeGraph
from ..task import AlignmentTask
from ..texts.packed import Texts
from .facts import Numbers, ValueFacts
from .values import read_values


class Guests(NamedTuple):
    """Attribute facts with a value of new entities, sorted by group; arrays ``[G]``.

    Args:
        entity: number of the new entity, those of the left graph first.
        group: twice the attribute, as ``ValueFacts`` counts attributes, plus 1 for numbers and dates.
        number: the number; NaN for a text.
        text: position of the text among those of the known facts, -1 = none of them.
    """

    entity: IntArray
    group: IntArray
    number: Numbers
    text: IntArray

    @staticmethod
    def of(later: AlignmentTask, task: AlignmentTask, facts: ValueFacts) -> "Guests":
        """The facts of the new entities of a pair that has grown.

        Args:
            later: the pair now.
            task: the pair before; its entities are the first rows of either graph.
            facts: those of ``task``; attributes that it does not have are left out.
        """
        known = {text: number for number, text in enumerate(facts.values.texts)}
        parts: list[tuple[IntArray, IntArray, Numbers, IntArray]] = []
        first, shift = 0, 0
        for now, then in ((later.left, task.left), (later.right, task.right)):
            entity, attribute, texts = _new_facts(now, then)
            values = read_values(texts)
            code = np.array([known.get(text, -1) for text in values.texts], np.int64)
            there = np.flatnonzero(values.kind >= 0)
            group = 2 * (attribute[there] + shift) + ~np.isnan(values.number[there])
            parts.append((entity[there] + first, group, values.number[there], code[values.text[there]]))
            first += now.num_entities - then.num_entities
            shift += len(then.attributes.names)
        entity, group, number, text = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(group, kind="stable")
        return Guests(entity[order], group[order], number[order], text[order])

    def like(
        self, groups: tuple[int, int], factor: float, number: Numbers, text: IntArray
    ) -> Iterator[tuple[IntArray, IntArray, Numbers]]:
        """For each of two compared attributes: new entities, and the known fact that their value is most like.

        A number is like the nearest one; a text is like an equal one only.

        Args:
            groups: of the left and of the right attribute.
            factor: unit of the right numbers.
            number: numbers of the known facts of both attributes, in the unit of the left one, ``[F]``.
            text: their texts, ``[F]``.

        Yields:
            Entities, positions in the known facts, and the entities' own numbers in the unit of the left attribute.
        """
        for group, unit in zip(groups, (1.0, factor), strict=True):
            start, stop = np.searchsorted(self.group, [group, group + 1])
            mine = slice(int(start), int(stop))
            entity, own = self.entity[mine], unit * self.number[mine]
            if group % 2:
                order = np.argsort(number, kind="stable")
                after = np.searchsorted(number[order], own).clip(1, max(len(order) - 1, 1))
                around = order[np.stack([after - 1, np.minimum(after, len(order) - 1)])]
                nearer = np.abs(number[around] - own).argmin(axis=0)
                yield entity, around[nearer, np.arange(len(own))], own
            else:
                order = np.argsort(text, kind="stable")
                place = np.searchsorted(text[order], self.text[mine]).clip(0, len(order) - 1)
                equal = text[order][place] == self.text[mine]
                yield entity[equal], order[place][equal], own[equal]


def _new_facts(now: KnowledgeGraph, then: KnowledgeGraph) -> tuple[IntArray, IntArray, Texts]:
    """Facts of the new entities of one graph: the entity, counted from the first new one, the attribute, the text."""
    column = {name: number for number, name in enumerate(then.attributes.names)}
    kinds = np.array([column.get(name, -1) for name in now.attributes.names], np.int64)
    facts = now.attributes
    attribute = kinds[facts.attribute] if len(facts) else facts.attribute
    chosen = np.flatnonzero((facts.entity >= then.num_entities) & (attribute >= 0))
    return facts.entity[chosen] - then.num_entities, attribute[chosen], Texts.of(facts.values).take(chosen)
