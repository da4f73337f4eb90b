"""Attribute values as facts of entities, so that rules read them like triples."""

import numpy as np

from ..data.features.values import read_values
from ..data.kg import KnowledgeGraph
from ..data.relations import value_codes
from ..models.rules import Facts, Matches
from ..typing import IntArray

DIGITS = 5  # in which equal numbers agree; dates agree within a tenth of a year


def value_facts(left: KnowledgeGraph, right: KnowledgeGraph) -> tuple[Facts, Facts]:
    """The attribute values of both graphs as facts, whose other end is a literal.

    Literals come after the entities of either graph, and equal ones have the same number in both: numbers and dates
    that agree in five digits, or texts that are the same, see ``read_value``.
    """
    graphs = (left, right)
    codes = value_codes(read_values((*left.attributes.values, *right.attributes.values)), digits=DIGITS)
    number = int(codes.max(initial=-1)) + 1
    found = []
    for graph, own in zip(graphs, np.split(codes, [len(left.attributes)]), strict=True):
        facts, there = graph.attributes, own >= 0
        triples = np.stack([facts.entity, facts.attribute, own + graph.num_entities], axis=1)[there]
        found.append(Facts.of(triples, graph.num_entities + number, len(facts.names)))
    return found[0], found[1]


def with_equal_values(matches: Matches, facts: tuple[Facts, Facts], sizes: tuple[int, int]) -> Matches:
    """The matches, and the literals that both graphs have, which are certain.

    Args:
        matches: of entities.
        facts: of ``value_facts``.
        sizes: number of entities of either graph.
    """
    left, right = (each.entity[each.entity >= size] - size for each, size in zip(facts, sizes, strict=True))
    both: IntArray = np.intersect1d(left, right)
    return Matches(
        np.concatenate([matches.left, both + sizes[0]]),
        np.concatenate([matches.right, both + sizes[1]]),
        np.concatenate([matches.probability, np.ones(len(both), np.float32)]),
    )
