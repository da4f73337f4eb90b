"""One graph of a run, entity by entity: its key and name, its neighbours, attribute facts, types and pictures."""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..data.entities import EntityTable
from ..data.kg import KnowledgeGraph, is_context
from ..data.parsing.id_names import names_of_ids
from ..data.texts.labels import Labels
from ..errors import UsageError, brief
from ..typing import BoolArray, IntArray
from .texts import TextSearch

TYPE_RELATION = re.compile(r"(?:.*[/#:])?(?:type|instance[ _]?of|is[ _]?a|P31)", re.IGNORECASE)


class Neighbor(NamedTuple):
    """A neighbour of an entity.

    Args:
        row: its row.
        relation: names of the relations between the two, separated by commas.
        inverse: whether all of them lead from the neighbour to the entity.
    """

    row: int
    relation: str
    inverse: bool


class Fact(NamedTuple):
    """An attribute fact: number of the attribute in its graph, its name, and its value."""

    attribute: int
    name: str
    value: str


class Side:
    """One graph of a run.

    Args:
        name: ``left`` or ``right``.
        table: labels, names and display texts of its entities.
        graph: the graph; ``None`` if the run does not keep it, then nothing is known of neighbours and facts.
    """

    def __init__(self, name: str, table: EntityTable, graph: KnowledgeGraph | None) -> None:
        self.name, self.table, self.graph = name, table, graph

    def __len__(self) -> int:
        return len(self.table.labels)

    def row_of(self, key: str) -> int:
        """The row of an entity by its label.

        Raises:
            UsageError: no such entity.
        """
        rows = Labels.of(self.table.labels).rows_of(key)
        if not rows:
            raise UsageError(
                f"the {self.name} graph has no entity {brief(key)}; give its label, as in the list of matches"
            )
        return rows[0]

    def key(self, row: int) -> str:
        """The label of an entity, which is unique in its graph."""
        return self.table.labels[row]

    def shown(self, row: int) -> str:
        """The text to show for an entity."""
        return self.table.display[row]

    def names(self, row: int) -> list[str]:
        """What the entity is called: its display text and its name."""
        found = dict.fromkeys((self.table.display[row], self.table.names[row]))
        return [name for name in found if name and name != self.table.labels[row]] or [self.table.labels[row]]

    @cached_property
    def texts(self) -> TextSearch:
        """Search of entities by text."""
        return TextSearch(self.table)

    @cached_property
    def alphabetical(self) -> IntArray:
        """Place of each entity in the alphabetical order of the shown texts, int64 ``[n]``."""
        shown = [text.casefold() for text in self.table.display]
        place = np.empty(len(shown), np.int64)
        place[sorted(range(len(shown)), key=shown.__getitem__)] = np.arange(len(shown))
        return place

    # --- neighbours and facts

    def neighbors(self, row: int) -> list[Neighbor]:
        """Neighbours of an entity, in the order of the triples; empty without the graph."""
        if self.graph is None:
            return []
        found: dict[int, list[tuple[int, bool]]] = {}
        for inverse, places in enumerate((self._heads.of(row), self._tails.of(row))):
            ends = self.graph.triples[places]
            for relation, other in zip(ends[:, 1].tolist(), ends[:, 0 if inverse else 2].tolist(), strict=True):
                if other != row:
                    found.setdefault(other, []).append((relation, bool(inverse)))
        return [
            Neighbor(
                other,
                ", ".join(dict.fromkeys(self._relation_names[relation] for relation, _ in pairs)),
                all(inverse for _, inverse in pairs),
            )
            for other, pairs in found.items()
        ]

    @cached_property
    def degree(self) -> IntArray:
        """Number of triples of each entity, int64 ``[n]``; zeros without the graph."""
        if self.graph is None:
            return np.zeros(len(self), np.int64)
        ends = self.graph.triples[:, ::2].reshape(-1)
        return np.bincount(ends, minlength=len(self))

    def facts(self, row: int) -> list[Fact]:
        """Attribute facts of an entity that have a value, without those that state its type."""
        if self.graph is None or not len(self.graph.attributes):
            return []
        own = self.graph.attributes
        return [
            Fact(kind, self.attribute_names[kind], value)
            for kind, value in (
                (int(own.attribute[place]), own.values[place]) for place in self._facts.of(row).tolist()
            )
            if value and not TYPE_RELATION.fullmatch(own.names[kind])
        ]

    @cached_property
    def attribute_names(self) -> list[str]:
        """Readable names of the attributes."""
        return [] if self.graph is None else _readable(self.graph.attributes.names)

    @cached_property
    def _relation_names(self) -> list[str]:
        return [] if self.graph is None else _readable(self.graph.relations)

    @cached_property
    def _heads(self) -> "_Groups":
        assert self.graph is not None
        return _Groups(self.graph.triples[:, 0], len(self))

    @cached_property
    def _tails(self) -> "_Groups":
        assert self.graph is not None
        return _Groups(self.graph.triples[:, 2], len(self))

    @cached_property
    def _facts(self) -> "_Groups":
        assert self.graph is not None
        return _Groups(self.graph.attributes.entity, len(self))

    # --- types

    def types(self, row: int) -> list[str]:
        """Names of the types of an entity."""
        rows, codes, names = self._types
        first, last = np.searchsorted(rows, [row, row + 1])
        return [names[code] for code in codes[first:last].tolist()]

    @cached_property
    def type_counts(self) -> dict[str, int]:
        """Number of entities of each type, the most frequent first."""
        _, codes, names = self._types
        counts = np.bincount(codes, minlength=len(names))
        order = np.argsort(-counts, kind="stable")
        return {names[code]: int(counts[code]) for code in order[counts[order] > 0].tolist()}

    @cached_property
    def first_type(self) -> IntArray:
        """Number of the first type of each entity in ``type_names``, -1 for one without, int64 ``[n]``."""
        rows, codes, _ = self._types
        found = np.full(len(self), -1, np.int64)
        found[rows[::-1]] = codes[::-1]
        return found

    @property
    def type_names(self) -> list[str]:
        """Names of all types."""
        return self._types[2]

    def of_type(self, name: str) -> BoolArray:
        """Which entities are of a type, bool ``[n]``."""
        rows, codes, names = self._types
        found = np.zeros(len(self), bool)
        if name in names:
            found[rows[codes == names.index(name)]] = True
        return found

    @cached_property
    def _types(self) -> tuple[IntArray, IntArray, list[str]]:
        """Rows, ascending, the number of a type of each, and the names of the types."""
        graph = self.graph
        nothing = np.empty(0, np.int64)
        if graph is None:
            return nothing, nothing, []
        rows, labels = [nothing], list[str]()
        kinds = [place for place, label in enumerate(graph.relations) if TYPE_RELATION.fullmatch(label)]
        stated = graph.triples[np.isin(graph.triples[:, 1], kinds)]
        rows.append(stated[:, 0])
        tails, codes = np.unique(stated[:, 2], return_inverse=True)
        labels += [graph.entities[tail] for tail in tails.tolist()]
        own = graph.attributes
        kinds = [place for place, label in enumerate(own.names) if TYPE_RELATION.fullmatch(label)]
        places = np.flatnonzero(np.isin(own.attribute, kinds))
        values = [own.values[place] or "" for place in places.tolist()]
        numbers: dict[str, int] = {}
        codes = np.concatenate([codes, [len(labels) + numbers.setdefault(value, len(numbers)) for value in values]])
        rows.append(own.entity[places])
        labels += numbers
        names = _readable(labels)
        fine = ~is_context(labels) & np.array([bool(name) for name in names], bool) if labels else np.zeros(0, bool)
        pairs = np.stack([np.concatenate(rows), codes.astype(np.int64)], axis=1)
        pairs = np.unique(pairs[fine[pairs[:, 1]]], axis=0)
        return pairs[:, 0], pairs[:, 1], names


class _Groups:
    """Positions of the items of each row: ``of(row)`` gives those of one row, ascending."""

    def __init__(self, rows: IntArray, size: int) -> None:
        self._order = np.argsort(rows, kind="stable")
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=size))])

    def of(self, row: int) -> IntArray:
        """Positions of the items of a row."""
        found: IntArray = self._order[self._starts[row] : self._starts[row + 1]]
        return found


def _readable(labels: Sequence[str]) -> list[str]:
    """Names of relations, attributes or types: the words of their ends, else the labels."""
    return [names_of_ids([label])[0] or label for label in labels]
