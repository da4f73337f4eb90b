"""Values and neighbours of the entities of one graph, by property, for reconciliation and data extension."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.parsing.id_names import names_of_ids
from ..data.texts.folding import folded
from ..errors import InputError
from ..typing import IntArray

if TYPE_CHECKING:
    from ..review.side import Side

MOST_IDS, MOST_PROPERTIES = 1000, 50  # of one data extension
MOST_ROWS = 1000  # entities with a value that are considered


class EntityValues:
    """Facts and triples of a graph. A property is an attribute or a relation, by its label.

    Args:
        side: the graph; one that the run does not keep has no properties.
    """

    def __init__(self, side: "Side") -> None:
        self.side = side
        graph = side.graph
        self._attributes = {} if graph is None else {name: n for n, name in enumerate(graph.attributes.names)}
        self._relations = {} if graph is None else {name: n for n, name in enumerate(graph.relations)}

    @cached_property
    def properties(self) -> list[dict[str, str]]:
        """All properties with id and name, the most frequent first."""
        graph = self.side.graph
        if graph is None:
            return []
        counts: Counter[str] = Counter()
        for labels, codes in ((self._attributes, graph.attributes.attribute), (self._relations, graph.triples[:, 1])):
            number = np.bincount(codes, minlength=len(labels))
            for label, place in labels.items():
                counts[label] += int(number[place])
        ordered = [label for label, _ in counts.most_common() if label]
        names = names_of_ids(ordered)
        return [{"id": label, "name": name or label} for label, name in zip(ordered, names, strict=True)]

    @cached_property
    def _name_of(self) -> dict[str, str]:
        return {each["id"]: each["name"] for each in self.properties}

    def of(self, row: int, pid: str) -> tuple[list[str], list[str]]:
        """Values of a property of an entity as texts (names of neighbours among them), and keys of neighbours."""
        values, keys = [], []
        for other in self._neighbors(row, pid):
            keys.append(self.side.key(other))
            values += self.side.names(other)
        return [*self._facts(row, pid), *values], keys

    def _facts(self, row: int, pid: str) -> list[str]:
        number, graph = self._attributes.get(pid), self.side.graph
        if number is None or graph is None:
            return []
        places = self._fact_places[self._fact_starts[row] : self._fact_starts[row + 1]]
        values = graph.attributes.values
        return [value for place in places.tolist() if graph.attributes.attribute[place] == number
                and (value := values[place])]  # fmt: skip

    def _neighbors(self, row: int, pid: str) -> list[int]:
        number, graph = self._relations.get(pid), self.side.graph
        if number is None or graph is None:
            return []
        ends = graph.triples[self._triple_places[self._triple_starts[row] : self._triple_starts[row + 1]]]
        return list(dict.fromkeys(ends[ends[:, 1] == number, 2].tolist()))

    @cached_property
    def _fact_order(self) -> tuple[IntArray, IntArray]:
        assert self.side.graph is not None
        return _by_row(self.side.graph.attributes.entity, len(self.side))

    @property
    def _fact_places(self) -> IntArray:
        return self._fact_order[0]

    @property
    def _fact_starts(self) -> IntArray:
        return self._fact_order[1]

    @cached_property
    def _triple_order(self) -> tuple[IntArray, IntArray]:
        assert self.side.graph is not None
        return _by_row(self.side.graph.triples[:, 0], len(self.side))

    @property
    def _triple_places(self) -> IntArray:
        return self._triple_order[0]

    @property
    def _triple_starts(self) -> IntArray:
        return self._triple_order[1]

    def rows_with(self, pid: str, values: Sequence[Any]) -> list[int]:
        """Entities that have one of some values of a property, at most 1,000."""
        graph = self.side.graph
        if graph is None:
            return []
        found: list[int] = []
        texts = [_hash(str(value)) for value in values if not isinstance(value, Mapping)]
        if pid in self._attributes and texts:
            hashes, order = self._hashes
            for wanted in texts:
                first, last = np.searchsorted(hashes, [wanted, wanted + 1])
                places = order[first:last]
                places = places[graph.attributes.attribute[places] == self._attributes[pid]]
                found += graph.attributes.entity[places[:MOST_ROWS]].tolist()
        if pid in self._relations:
            keys = [str(value["id"]) for value in values if isinstance(value, Mapping)]
            rows = [row for key in keys for row in self.side.table.rows_of(key)]
            rows += [row for value in values if not isinstance(value, Mapping) for row in
                     self.side.table.rows_of(str(value))]  # fmt: skip
            triples = graph.triples
            some = (triples[:, 1] == self._relations[pid]) & np.isin(triples[:, 2], rows)
            found += triples[some, 0][:MOST_ROWS].tolist()
        return list(dict.fromkeys(found))[:MOST_ROWS]

    @cached_property
    def _hashes(self) -> tuple[IntArray, IntArray]:
        """Hashes of all values, ascending, and the place of each."""
        assert self.side.graph is not None
        hashes = np.array([_hash(value or "") for value in self.side.graph.attributes.values], np.int64)
        order = np.argsort(hashes, kind="stable")
        return hashes[order], order

    # --- data extension

    def extended(self, query: Any) -> dict[str, Any]:
        """Values of some properties of some entities: ``meta`` and ``rows`` of a data extension response.

        Raises:
            InputError: the query breaks the specification, or is too large.
        """
        ids, wanted = _extension(query)
        meta = [{"id": pid, "name": self._name_of.get(pid, pid)} for pid in wanted]
        rows: dict[str, Any] = {}
        for key in ids:
            found = self.side.table.rows_of(key)
            row = found[0] if found and self.side.key(found[0]) == key else None
            rows[key] = {pid: [] if row is None else self._cells(row, pid) for pid in wanted}
        return {"meta": meta, "rows": rows}

    def _cells(self, row: int, pid: str) -> list[dict[str, Any]]:
        entities = [
            {"id": self.side.key(other), "name": self.side.shown(other) or self.side.key(other)}
            for other in self._neighbors(row, pid)
        ]
        return [*entities, *({"str": value} for value in self._facts(row, pid))]

    def proposed(self, kind: str, limit: int) -> list[dict[str, str]]:
        """Properties of the entities of a type, the most frequent first; of all entities for an unknown type."""
        graph = self.side.graph
        if graph is None or kind not in self.side.type_counts:
            return self.properties[:limit]
        of_type = self.side.of_type(kind)
        counts: Counter[str] = Counter()
        for labels, codes, rows in (
            (self._attributes, graph.attributes.attribute, graph.attributes.entity),
            (self._relations, graph.triples[:, 1], graph.triples[:, 0]),
        ):
            number = np.bincount(codes[of_type[rows]], minlength=len(labels))
            counts.update({label: int(number[place]) for label, place in labels.items() if number[place]})
        chosen = [label for label, _ in counts.most_common(limit)]
        return [{"id": label, "name": self._name_of.get(label, label)} for label in chosen]


def _extension(query: Any) -> tuple[list[str], list[str]]:
    if not isinstance(query, Mapping):
        raise InputError("expected an object with ids and properties")
    ids, properties = query.get("ids"), query.get("properties")
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids) or len(ids) > MOST_IDS:
        raise InputError(f"expected at most {MOST_IDS:,} ids as texts")
    if (
        not isinstance(properties, list)
        or len(properties) > MOST_PROPERTIES
        or not all(isinstance(each, Mapping) and isinstance(each.get("id"), str) for each in properties)
    ):
        raise InputError(f"expected at most {MOST_PROPERTIES} properties with an id")
    return ids, list(dict.fromkeys(each["id"] for each in properties))


def _by_row(rows: IntArray, size: int) -> tuple[IntArray, IntArray]:
    """Places ordered by row, and where each row begins, int64 ``[size + 1]``."""
    order = np.argsort(rows, kind="stable")
    return order, np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=size))])


def _hash(text: str) -> int:
    return hash(folded(text)) >> 1
