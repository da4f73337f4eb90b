"""Reconciliation of a table against one graph of a run: candidates by name, types and values.

Source:
    W3C Entity Reconciliation Community Group, Reconciliation Service API 0.2, 2023.
"""

import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.features.values import read_value
from ..data.parsing.id_names import names_of_ids
from ..data.texts.folding import folded
from ..errors import InputError
from ..review.attributes import DIFFERENT, EQUAL, likeness
from .names import NameIndex
from .reconcile_values import EntityValues

if TYPE_CHECKING:
    from ..review.side import Side

MOST_QUERIES = 50  # of one request
CANDIDATES, MOST_CANDIDATES = 5, 100
CONSIDERED = 50  # entities by name among which values and types decide
SUGGESTED = 20
BY_NAME = 0.6  # weight of the name beside values
SURE = 0.999  # least similarity of a name that is equal
ANY_TYPE = {"id": "http://www.w3.org/2002/07/owl#Thing", "name": "entity"}


class Reconciler:
    """Answers for one graph of a run. Names and values are prepared when they are needed first.

    Args:
        side: the graph.
    """

    def __init__(self, side: "Side") -> None:
        self.side = side
        self._lock = threading.Lock()

    @property
    def names(self) -> NameIndex:
        """Entities by name; threads that need them while they are prepared wait."""
        with self._lock:
            return self._names

    @cached_property
    def _names(self) -> NameIndex:
        table = self.side.table
        ends = names_of_ids(table.labels)
        columns = zip(table.display, table.names, table.labels, ends, strict=True)
        return NameIndex([[text for text in dict.fromkeys(texts) if text] for texts in columns])

    @cached_property
    def values(self) -> EntityValues:
        """Values and neighbours of the entities."""
        return EntityValues(self.side)

    # --- queries

    def answers(self, queries: Mapping[str, Any]) -> dict[str, Any]:
        """Candidates for each query of a batch.

        Raises:
            InputError: a query breaks the specification; with its key.
        """
        found = {}
        for key, query in queries.items():
            try:
                found[key] = {"result": self.candidates(query)}
            except InputError as error:
                raise InputError(f"query {key[:40]!r}: {error.reason}") from None
        return found

    def candidates(self, query: Any) -> list[dict[str, Any]]:
        """Candidates for a query, best first."""
        text, types, limit, properties, strict = _checked(query)
        named = self._named(text)
        valued: dict[int, list[float]] = {}
        for pid, values in properties:
            if not text:
                for row in self.values.rows_with(pid, values):
                    named.setdefault(row, 0.0)
        rows = list(named)[: 20 * CONSIDERED]
        for row in rows:
            valued[row] = [self._agreement(row, pid, values) for pid, values in properties]
        found = []
        for row in rows:
            own = self.side.types(row)
            fits = _fits(types, own, strict)
            if types and strict != "should" and not fits:
                continue
            mean = float(np.mean(valued[row])) if properties else 0.0
            score = named[row] if not properties else BY_NAME * named[row] + (1 - BY_NAME) * mean if text else mean
            if types and strict == "should" and not fits:
                score *= 0.8
            found.append((score, row, own, valued[row]))
        found.sort(key=lambda item: (-item[0], item[1]))
        sure = [item for item in found if named[item[1]] >= SURE and all(each == 1 for each in item[3])]
        return [
            {
                "id": self.side.key(row),
                "name": self.side.shown(row) or self.side.key(row),
                "description": self._description(row),
                "type": [{"id": name, "name": name} for name in own] or [ANY_TYPE],
                "score": round(100 * score, 2),
                "match": len(sure) == 1 and sure[0][1] == row,
                "features": [
                    {"id": "name", "value": round(named[row], 4)},
                    *(
                        {"id": f"value {pid}", "value": round(value, 4)}
                        for (pid, _), value in zip(properties, values, strict=True)
                    ),
                ],
            }
            for score, row, own, values in found[:limit]
        ]

    def _named(self, text: str) -> dict[int, float]:
        """Rows by name, with their similarity; 1 for a key or an equal name."""
        if not text:
            return {}
        found = dict(self.names.search(text, CONSIDERED))
        for row in self.side.table.rows_of(text):
            found[row] = 1.0
        return found

    def _agreement(self, row: int, pid: str, values: Sequence[Any]) -> float:
        """How well an entity agrees with some values: the best of them, 0 to 1."""
        best = 0.0
        own, keys = self.values.of(row, pid)
        for value in values:
            if isinstance(value, Mapping):
                best = max(best, float(value["id"] in keys))
                continue
            mine = read_value(_text(value))
            for other in own:
                state = likeness(mine, read_value(other))
                best = max(best, 1.0 if state == EQUAL else 0.0 if state == DIFFERENT else 0.5)
        return best

    def _description(self, row: int) -> str:
        """A few facts of an entity, in one line."""
        facts = [f"{fact.name}: {fact.value[:60]}" for fact in self.side.facts(row)[:3]]
        return "; ".join(facts) or ", ".join(self.side.names(row))

    # --- suggestions

    def suggest(self, what: str, prefix: str, cursor: int) -> list[dict[str, Any]]:
        """Entities, types or properties for what somebody has typed."""
        if what == "entity":
            return self._suggested_entities(prefix, cursor)
        if what == "type":
            listed = [{"id": name, "name": name} for name in self.side.type_counts] or [ANY_TYPE]
        else:
            listed = self.values.properties
        wanted = folded(prefix)
        ranked = []
        for place, each in enumerate(listed):
            name = folded(each["name"])
            if each["id"] == prefix or wanted in name:
                ranked.append((each["id"] != prefix and name != wanted, not name.startswith(wanted), place, each))
        return [each for *_, each in sorted(ranked, key=lambda item: item[:3])[cursor : cursor + SUGGESTED]]

    def _suggested_entities(self, prefix: str, cursor: int) -> list[dict[str, Any]]:
        rows = [row for row, _ in self.side.texts.search(prefix, min(cursor + SUGGESTED, MOST_CANDIDATES))]
        rows += [row for row, _ in self.names.search(prefix, SUGGESTED) if row not in rows] if len(rows) < 5 else []
        return [
            {
                "id": self.side.key(row),
                "name": self.side.shown(row) or self.side.key(row),
                "description": self._description(row),
                "notable": self.side.types(row),
            }
            for row in rows[cursor : cursor + SUGGESTED]
        ]


def _checked(query: Any) -> tuple[str, list[str], int, list[tuple[str, list[Any]]], str]:
    """Text, types, limit, properties with values, and how strict types are, of a query."""
    if not isinstance(query, Mapping):
        raise InputError("expected an object with query or properties")
    text, given = query.get("query", ""), query.get("properties", [])
    if not isinstance(text, str) or not isinstance(given, list) or not (text.strip() or given):
        raise InputError("expected a text as query, or a list of properties")
    types = query.get("type", [])
    types = [types] if isinstance(types, str) else types
    if not isinstance(types, list):
        raise InputError("expected a type or a list of types")
    types = [each.get("id") if isinstance(each, Mapping) else each for each in types]
    if not all(isinstance(each, str) for each in types):
        raise InputError("expected types as texts")
    limit = query.get("limit", CANDIDATES)
    if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not 1 <= limit < 2**31:
        raise InputError("expected a limit of 1 or more")
    strict = query.get("type_strict", "any")
    if strict not in ("any", "all", "should"):
        raise InputError("expected type_strict any, all or should")
    if len(given) > 50:
        raise InputError("expected at most 50 properties")
    properties = [_property(each) for each in given]
    kinds = [each for each in types if each and each != ANY_TYPE["id"]]
    return text.strip(), kinds, min(int(limit), MOST_CANDIDATES), properties, strict


def _property(given: Any) -> tuple[str, list[Any]]:
    if not isinstance(given, Mapping) or not isinstance(given.get("pid"), str) or "v" not in given:
        raise InputError("expected properties with pid and v")
    values = given["v"] if isinstance(given["v"], list) else [given["v"]]
    for value in values[:50]:
        entity = isinstance(value, Mapping) and isinstance(value.get("id"), str)
        if not entity and not isinstance(value, (str, int, float, bool)):
            raise InputError("expected values as texts, numbers, booleans, or entities with an id")
    return given["pid"], values[:50]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _fits(types: Sequence[str], own: Sequence[str], strict: str) -> bool:
    """Whether an entity of some types is of the types that are wanted."""
    return all(each in own for each in types) if strict == "all" else any(each in own for each in types)
