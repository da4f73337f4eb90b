"""Property graphs: nodes with labels and properties, relationships with a type; what Neo4j holds and exports."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...typing import IntArray
from ..kg import KnowledgeGraph
from ..parsing.builder import GraphBuilder
from ..parsing.columns import Faults
from ..parsing.value_text import value_text

LABEL = "label"  # the attribute that holds the labels of a node
NAME_PROPERTIES = ("title", "name")  # the last one that a node has is its name
PICTURE_PROPERTIES = ("image", "picture")


class Property(NamedTuple):
    """Values of one property of some nodes: positions of the nodes, and a text for each."""

    name: str
    rows: Sequence[int]
    texts: Sequence[str]


class PropertyGraph:
    """Collects nodes, then relationships.

    A node's ``name``, else its ``title``, is the name of the entity, ``picture`` or ``image`` its picture; every other
    property, and the labels as ``label``, are attributes. Properties of relationships have no place in a graph of
    triples; they are counted.

    Args:
        source: for messages.
        faults: policy for bad rows.
    """

    def __init__(self, source: Path, faults: Faults) -> None:
        self.source, self.faults, self.dropped = source, faults, 0
        self.builder = GraphBuilder(source, faults)

    def add_nodes(
        self, ids: Sequence[str | None], properties: Iterable[Property], path: Path, lines: IntArray | None = None
    ) -> None:
        """Add nodes with their properties.

        Raises:
            InputError: a node without an id, or an id for the second time.
        """
        entities = self.builder.entities
        numbers = np.full(len(ids), -1, np.int64)
        for index, label in enumerate(ids):
            if not label or label in entities:
                got = f"{label!r} again" if label else "an empty field"
                line = None if lines is None else int(lines[index])
                self.faults.bad(f"expected a unique id of every node, got {got}", path, line)
                continue
            numbers[index] = entities[label]
        listed = list(properties)
        ranked = sorted(listed, key=lambda each: _rank(each.name))
        for place, names in ((self.builder.names, NAME_PROPERTIES), (self.builder.pictures, PICTURE_PROPERTIES)):
            for each in ranked:
                if each.name.lower() in names:
                    place.update({int(numbers[row]): text for row, text in zip(each.rows, each.texts, strict=True)})
        for each in listed:
            special = each.name.lower() in (*NAME_PROPERTIES, *PICTURE_PROPERTIES)
            taken = self.builder.pictures if each.name.lower() in PICTURE_PROPERTIES else self.builder.names
            rows = numbers[np.array(each.rows, np.int64)]
            kept = [
                k
                for k, (row, text) in enumerate(zip(rows.tolist(), each.texts, strict=True))
                if row >= 0 and not (special and taken.get(row) == text)
            ]
            texts = [each.texts[k] for k in kept]
            self.builder.add_facts(rows[kept], [each.name] * len(kept), texts, None, path)
        self.builder.names.pop(-1, None)
        self.builder.pictures.pop(-1, None)

    def add_relationships(
        self,
        starts: Sequence[str],
        types: Sequence[str],
        ends: Sequence[str],
        path: Path,
        lines: IntArray | None = None,
        *,
        nodes: str = "the nodes",
    ) -> None:
        """Add relationships between nodes.

        Args:
            starts, types, ends: one of each for every relationship.
            path, lines: for messages.
            nodes: where the nodes stand, for messages.

        Raises:
            InputError: a relationship of an unknown node.
        """
        self.builder.close(nodes)
        both: list[str] = [""] * (2 * len(starts))
        both[::2], both[1::2] = starts, ends
        self.builder.add_triples(both, types, path, lines)

    def build(self, labels: Sequence[str] | None = None) -> KnowledgeGraph:
        """The graph; pass the labels of the entities if they are not the ids."""
        self.faults.count(f"{self.source.name}: properties of relationships left out", self.dropped)
        return self.builder.build(entities=labels)


def properties_of(nodes: Sequence[tuple[Sequence[str], dict[str, Any]]]) -> list[Property]:
    """The labels and properties of some nodes, by property; values are as JSON or the driver of Neo4j gives them."""
    found: dict[str, tuple[list[int], list[str]]] = {}
    for row, (labels, values) in enumerate(nodes):
        for name, value in ((LABEL, list(labels)), *values.items()):
            texts = _value_texts(value)
            rows, column = found.setdefault(name, ([], []))
            rows += [row] * len(texts)
            column += texts
    return [Property(name, rows, texts) for name, (rows, texts) in found.items()]


def _rank(name: str) -> int:
    lower = name.lower()
    return next((names.index(lower) for names in (NAME_PROPERTIES, PICTURE_PROPERTIES) if lower in names), 0)


def _value_texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for each in value for text in _value_texts(each)]
    if hasattr(value, "iso_format"):  # dates and times of the driver of Neo4j
        return [value.iso_format()]
    if isinstance(value, dict):
        return [json.dumps(value, ensure_ascii=False)]
    if isinstance(value, tuple):  # points and durations of the driver
        return [" ".join(str(each) for each in value)]
    text = value_text(value)
    return [] if text is None else [text]
