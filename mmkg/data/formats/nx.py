"""Conversion from and to networkx graphs."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ..kg import ImageTable, KnowledgeGraph
from ..parsing.builder import GraphBuilder
from ..parsing.columns import Faults
from ..parsing.value_text import is_missing, value_text, value_texts

# keys of node data that are not attributes
NAME, PICTURE, FEATURES, DISPLAY, FACTS = "name", "picture", "image_features", "display", "attributes"
RESERVED = (NAME, PICTURE, FEATURES, DISPLAY, FACTS)
NAMES = (NAME, "label", "title")  # keys of the name, by preference
RELATIONS = ("relation", "label", "type", "predicate")  # keys of edge data that hold the relation, by preference


def from_networkx(graph: Any, *, relation: str | None = None) -> KnowledgeGraph:
    """Convert a networkx graph, which is left unchanged, to a knowledge graph.

    Nodes are entities in their order; the label of an entity is ``str(node)``. An edge is a triple from its first to
    its second node. Its relation is ``data["relation"]``, else the text under ``label``, ``type`` or ``predicate``,
    else its key if the key is a string, else ``"edge"``. In an undirected graph each edge is one triple, from the node
    that networkx lists first.

    Node data: ``name``, ``display``, ``picture`` (a URL or path) and ``image_features`` (a vector) have the meaning of
    their names. If no node has a ``name``, ``label`` or ``title`` is the name, unless most nodes share theirs, as they
    do where it is a class. ``attributes`` lists (attribute, value) or (attribute, value, type); every other text,
    number, truth value, date, or list, set or array of these is an attribute, see ``value_text``. Missing data
    (``None``, NaN, NaT, ``pandas.NA``, "") are as if their key were absent; a missing value in ``attributes`` is
    ``None``.

    Args:
        graph: a ``MultiDiGraph`` or any other graph.
        relation: the only key of the edge data that holds the relation; by default as above.

    Raises:
        InputError: not a graph, no node, two nodes with the same label, a relation or attribute that is not a string.
    """
    if not all(hasattr(graph, name) for name in ("nodes", "edges", "is_directed")):
        raise InputError(f"expected a networkx graph, got a value of type {type(graph).__name__}")
    source = Path("networkx graph")
    builder = GraphBuilder(source, Faults())
    labels: dict[Hashable, str] = {}
    for node in graph.nodes:
        text = str(node)
        if not text or text in builder.entities:
            raise InputError(f"expected nodes with different texts, got {text!r} twice or empty", source)
        labels[node] = text
        _ = builder.entities[text]
    ends: list[str] = []
    kinds: list[str] = []
    for head, tail, kind in _edges(graph, relation):
        if not isinstance(kind, str) or not kind:
            where = f"{head!r} to {tail!r}"
            raise InputError(f"expected a text as relation of the edge from {where}, got {kind!r}", source)
        ends += (labels[head], labels[tail])
        kinds.append(kind)
    builder.add_triples(ends, kinds, source)
    images: dict[int, np.ndarray] = {}
    display: dict[int, str] = {}
    own = _name_key(graph)
    for row, (node, data) in enumerate(graph.nodes(data=True)):
        for key, place in ((own, builder.names), (PICTURE, builder.pictures), (DISPLAY, display)):
            if not is_missing(data.get(key)):
                if not isinstance(data[key], str):
                    raise InputError(f"expected a text as {key} of the node {node!r}, got {data[key]!r:.60}", source)
                place[row] = str(data[key])
        if not is_missing(data.get(FEATURES)):
            images[row] = _vector(data[FEATURES], node, source)
        facts = list(_facts(node, data, own, source))
        if facts:
            names, values, types = (list(column) for column in zip(*facts, strict=True))
            builder.add_facts([labels[node]] * len(facts), names, values, types, source)
    widths = sorted({len(vector) for vector in images.values()})
    if len(widths) > 1:
        raise InputError(f"expected image features of one length, got {widths[0]} and {widths[1]} numbers", source)
    table = ImageTable(np.array(list(images), np.int64), np.stack(list(images.values()))) if images else None
    found = builder.build(images=table)
    if display:
        found = replace(found, display=tuple(display.get(row) or found.label(row) for row in range(len(labels))))
    return found


def to_networkx(graph: KnowledgeGraph) -> Any:
    """Convert a knowledge graph to a ``networkx.MultiDiGraph``; ``from_networkx`` converts it back.

    Nodes are entity labels; edges have ``relation`` and ``order``, the position of the triple; node data are as
    ``from_networkx`` reads them. Attribute facts are grouped by entity. An empty text is read back as missing.
    """
    import networkx

    made = networkx.MultiDiGraph()
    facts = graph.attributes
    types = facts.types or (None,) * len(facts)
    listed: dict[int, list[tuple[str, str | None, str | None]]] = {}
    for entity, kind, value, each in zip(
        facts.entity.tolist(), facts.attribute.tolist(), facts.values, types, strict=True
    ):
        listed.setdefault(entity, []).append((facts.names[kind], value, each))
    rows = {} if graph.images is None else {row: k for k, row in enumerate(graph.images.rows.tolist())}
    for row, label in enumerate(graph.entities):
        data: dict[str, Any] = {}
        for key, column in ((NAME, graph.names), (PICTURE, graph.pictures), (DISPLAY, graph.display)):
            if column is not None and column[row] is not None:
                data[key] = column[row]
        if row in listed:
            data[FACTS] = listed[row]
        if row in rows and graph.images is not None:
            data[FEATURES] = np.array(graph.images.features[rows[row]])
        made.add_node(label, **data)
    labels, relations = list(graph.entities), graph.relations
    made.add_edges_from(
        (labels[head], labels[tail], {"relation": relations[kind], "order": order})
        for order, (head, kind, tail) in enumerate(graph.triples.tolist())
    )
    return made


def _name_key(graph: Any) -> str:
    """The key of node data that holds names: ``name``, or another one whose texts are mostly different."""
    for key in NAMES:
        texts = [data[key] for _, data in graph.nodes(data=True) if not is_missing(data.get(key))]
        if texts and (key == NAME or (all(isinstance(each, str) for each in texts) and 2 * len({*texts}) > len(texts))):
            return key
    return NAME


def _edges(graph: Any, relation: str | None) -> Iterable[tuple[Hashable, Hashable, Any]]:
    """Head, tail and relation of each edge, sorted by ``order`` if all edges have one."""
    if graph.is_multigraph():
        edges = [
            (head, tail, _relation(data, relation, key if isinstance(key, str) else "edge"), data.get("order"))
            for head, tail, key, data in graph.edges(keys=True, data=True)
        ]
    else:
        edges = [(h, t, _relation(data, relation, "edge"), data.get("order")) for h, t, data in graph.edges(data=True)]
    if all(type(edge[3]) is int for edge in edges):
        edges.sort(key=lambda edge: edge[3])
    return ((head, tail, kind) for head, tail, kind, _ in edges)


def _relation(data: Mapping[str, Any], key: str | None, default: str) -> Any:
    """The relation in the data of an edge; the default if it is missing. An empty text is returned as it is."""
    value = data.get(RELATIONS[0] if key is None else key)
    if isinstance(value, str) or not is_missing(value):
        return value
    others = () if key is not None else RELATIONS[1:]
    return next((text for other in others if isinstance(text := data.get(other), str) and text), default)


def _facts(
    node: Hashable, data: Mapping[str, Any], own: str, source: Path
) -> Iterable[tuple[str, str | None, str | None]]:
    for fact in () if is_missing(data.get(FACTS)) else data[FACTS]:
        fine = isinstance(fact, tuple | list) and 2 <= len(fact) <= 3 and isinstance(fact[0], str) and fact[0]
        kind = fact[2] if fine and len(fact) == 3 else None
        try:
            if not fine or not (is_missing(kind) or isinstance(kind, str)):
                raise TypeError("no such tuple")
            yield fact[0], value_text(fact[1]), None if is_missing(kind) else kind
        except TypeError:
            what = f"expected (attribute, value) or (attribute, value, type) in the attributes of {node!r}"
            raise InputError(f"{what}, got {fact!r:.60}", source) from None
    for key, value in data.items():
        if key in RESERVED or key == own:
            continue
        if not isinstance(key, str):
            raise InputError(f"expected texts as names of the data of {node!r}, got {key!r:.60}", source)
        try:
            texts = value_texts(value)
        except TypeError as error:
            raise InputError(
                f"expected a text or a number as {key!r} of the node {node!r}, got {error}; "
                "remove it, or turn it into text",
                source,
            ) from None
        for text in texts:
            yield key, text, None


def _vector(value: Any, node: Hashable, source: Path) -> np.ndarray:
    try:
        vector = np.asarray(value, np.float32)
    except (TypeError, ValueError):
        vector = np.empty((0, 0), np.float32)
    if vector.ndim != 1 or len(vector) == 0:
        raise InputError(f"expected a vector as {FEATURES} of the node {node!r}, got {value!r:.60}", source)
    return vector
