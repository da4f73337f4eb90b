"""Conflicting values of merged entities: which of them stay in the merged graph."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError, nearest
from ..typing import BoolArray, IntArray
from .features.values import read_values
from .kg import AttributeTriples, KnowledgeGraph
from .merge import MergedGraph, joined_facts
from .relations import value_codes
from .texts.packed import Texts

POLICIES = ("keep", "left", "newest", "most-frequent")
FUNCTIONAL = 0.9  # least share of entities per value for an attribute to have one value


class Conflicts(NamedTuple):
    """What became of conflicting values.

    Args:
        number: pairs of an entity and an attribute whose values contradict each other.
        undecided: those that the policy does not decide; all their values stay.
        dropped: facts that were left out.
    """

    number: int
    undecided: int
    dropped: int


def resolve_conflicts(
    merged: MergedGraph, policy: str = "keep", *, date_attribute: str | None = None
) -> tuple[MergedGraph, Conflicts]:
    """A merged graph in which a policy has decided between conflicting values.

    An attribute is functional if in each graph an entity has one value of it, as a rule: the number of its entities is
    at least 0.9 of its number of distinct (entity, value) pairs. The values of a functional attribute of an entity
    contradict each other if a value of the left and one of the right graph differ, as numbers, dates or texts of one
    language. Values of other attributes never do.

    Args:
        merged: the merged graph.
        policy: ``keep`` keeps all values, each with its origin; ``left`` keeps the left ones; ``newest`` those of the
            graph in which ``date_attribute`` of the entity is later, if both graphs have it; ``most-frequent`` those
            that are stated most often in both graphs together.
        date_attribute: label of an attribute with dates or years; for ``newest`` only.

    Raises:
        UsageError: an unknown policy or attribute, ``newest`` without an attribute, or an attribute without effect.

    Source:
        The functionality of Suchanek, Abiteboul and Senellart, PVLDB 5(3), 2011, Sec. 3, per attribute.
    """
    if policy not in POLICIES:
        raise UsageError(f"unknown policy for conflicts {policy!r}; {nearest(policy, POLICIES)}")
    if (policy == "newest") != (date_attribute is not None):
        raise UsageError("newest needs a date attribute, e.g. dcterms:modified; other policies take none")
    parts = [part.attributes for part in merged.parts]
    whole = joined_facts(*parts)
    side = np.repeat([0, 1], [len(part) for part in parts])
    codes = value_codes(read_values(whole.values))
    facts = ConflictingFacts.of(whole, side, codes)
    inside = np.flatnonzero(facts.conflicting)
    number = len(np.unique(facts.group[inside]))
    if policy == "keep" or not number:
        return merged, Conflicts(number, number if policy != "keep" else 0, 0)
    if policy == "newest":
        assert date_attribute is not None
        wins = _newest(whole, side, date_attribute, merged.graph.num_entities)[whole.entity]
        decided, chosen = wins >= 0, side == wins
    elif policy == "left":
        decided, chosen = np.ones(len(whole), bool), side == 0
    else:
        counts = np.bincount(facts.value)[facts.value]
        most = np.zeros(int(facts.group.max()) + 1, np.int64)
        np.maximum.at(most, facts.group, counts)
        least = np.full(len(most), len(whole) + 1)
        np.minimum.at(least, facts.group, counts)
        decided, chosen = (most > least)[facts.group], counts == most[facts.group]
    stays = np.zeros(int(facts.value.max()) + 1, bool)
    stays[facts.value[chosen]] = True
    dropped = facts.conflicting & decided & ~stays[facts.value]
    undecided = len(np.unique(facts.group[facts.conflicting & ~decided]))
    return _without(merged, dropped, len(parts[0])), Conflicts(number, undecided, int(dropped.sum()))


class ConflictingFacts(NamedTuple):
    """Facts of both graphs, ``[A]`` each.

    Args:
        group: number of the entity, the attribute and the language.
        value: number of the group and the value.
        conflicting: whether the values of the group contradict each other.
    """

    group: IntArray
    value: IntArray
    conflicting: BoolArray

    @staticmethod
    def of(facts: AttributeTriples, side: IntArray, codes: IntArray) -> "ConflictingFacts":
        """From all facts, left ones first; ``side`` is 0 or 1, and ``codes`` are the values, -1 = none."""
        languages = [kind if kind and kind.startswith("@") else "" for kind in facts.types or [None] * len(facts)]
        language = np.unique(np.array(languages, str), return_inverse=True)[1]
        columns = np.stack([facts.entity, facts.attribute, language], axis=1)
        group = np.unique(columns, axis=0, return_inverse=True)[1].reshape(-1)
        value = np.unique(np.stack([group, codes], axis=1), axis=0, return_inverse=True)[1].reshape(-1)
        known = codes >= 0
        functional = np.ones(len(facts.names), bool)
        for each in (0, 1):
            own = known & (side == each)
            functional &= _functional(facts.attribute[own], group[own], value[own], len(facts.names))
        size = int(group.max(initial=-1)) + 1
        lists = [np.unique(np.stack([group, value], axis=1)[known & (side == each)], axis=0) for each in (0, 1)]
        per_side = [np.bincount(rows[:, 0], minlength=size) for rows in lists]
        shared = np.bincount(lists[0][np.isin(lists[0][:, 1], lists[1][:, 1]), 0], minlength=size)
        differ = (per_side[0] > 0) & (per_side[1] > 0) & ~((shared == per_side[0]) & (shared == per_side[1]))
        return ConflictingFacts(group, value, differ[group] & functional[facts.attribute] & known)


def _functional(attribute: IntArray, group: IntArray, value: IntArray, size: int) -> BoolArray:
    """Which of ``size`` attributes are functional by the facts of one graph; one without facts is."""
    entities = np.bincount(np.unique(np.stack([attribute, group], axis=1), axis=0)[:, 0], minlength=size)
    pairs = np.bincount(np.unique(np.stack([attribute, value], axis=1), axis=0)[:, 0], minlength=size)
    functional: BoolArray = entities >= FUNCTIONAL * pairs
    return functional


def _newest(facts: AttributeTriples, side: IntArray, attribute: str, size: int) -> IntArray:
    """0 or 1 for each entity: the side with the later date; -1 where they are equal or one is missing."""
    if attribute not in facts.names:
        raise UsageError(f"no attribute is called {attribute!r}; {nearest(attribute, facts.names)}")
    about = np.flatnonzero(facts.attribute == facts.names.index(attribute))
    years: NDArray[np.float64] = read_values(Texts.of(facts.values).take(about)).number
    latest = np.full((2, size), -np.inf)
    known = ~np.isnan(years)
    np.maximum.at(latest, (side[about[known]], facts.entity[about[known]]), years[known])
    both = np.isfinite(latest).all(axis=0) & (latest[0] != latest[1])
    return np.where(both, latest.argmax(axis=0), -1)


def _without(merged: MergedGraph, dropped: BoolArray, num_left: int) -> MergedGraph:
    """The merged graph without some facts."""
    parts: list[KnowledgeGraph] = []
    for part, out in zip(merged.parts, (dropped[:num_left], dropped[num_left:]), strict=True):
        parts.append(replace(part, attributes=part.attributes.take(~out)))
    graph = replace(merged.graph, attributes=joined_facts(parts[0].attributes, parts[1].attributes))
    return replace(merged, graph=graph, parts=(parts[0], parts[1]))
