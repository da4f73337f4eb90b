"""Conversion from and to PyG ``Data`` and ``HeteroData``."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ...compute.process import quiet
from ...errors import InputError
from ...typing import IntArray
from ..kg import AttributeTriples, ImageTable, KnowledgeGraph
from ..parsing.value_text import value_text

ENTITY = "entity"  # the only node type in the result of ``to_hetero``


def from_pyg(data: Any) -> KnowledgeGraph:
    """Convert a PyG ``Data`` or ``HeteroData``, which is left unchanged, to a knowledge graph.

    ``Data``: ``edge_index`` (heads, tails) and ``edge_type`` (0 if absent) are the triples. The keys that ``to_pyg``
    adds are optional: ``entities`` and ``relations`` (labels; by default the numbers), ``names``,
    ``pictures``, ``display``, ``image_rows`` and ``image_features``, ``attribute_entity``,
    ``attribute_type``, ``attribute_names``, ``attribute_values`` and ``attribute_types``. Values may be numbers or
    dates, see ``value_text``; ``None``, NaN and the like are missing.

    ``HeteroData``: the nodes of all types are entities, type after type; labels are ``entities`` of the type, by
    default ``type/number``. Each edge type is a relation; its label is the middle name, or all three names if several
    edge types share the middle one.

    Raises:
        InputError: another class, no nodes, or an index out of range.
    """
    from torch_geometric.data import Data, HeteroData

    if isinstance(data, HeteroData):
        return _from_hetero(data)
    if not isinstance(data, Data):
        raise InputError(f"expected a PyG Data or HeteroData, got a value of type {type(data).__name__}")
    size = _num_nodes(data)
    if size is None:
        raise InputError("expected a PyG Data with num_nodes, edge_index or features, got none of them")
    labels = _texts(data, "entities", size)
    edges = edges_of(data.edge_index, "edge_index") if "edge_index" in data else np.empty((2, 0), np.int64)
    kinds = np.zeros(edges.shape[1], np.int64)
    if "edge_type" in data:
        kinds = np.asarray(data.edge_type.cpu(), np.int64)
    if kinds.shape != (edges.shape[1],):
        raise InputError(f"expected one edge_type for each of {edges.shape[1]} edges, got {list(kinds.shape)}")
    relations = tuple(map(str, data.relations)) if "relations" in data else _numbers(int(kinds.max(initial=-1)) + 1)
    facts = AttributeTriples.empty()
    if "attribute_entity" in data:
        types = tuple(data.attribute_types) if "attribute_types" in data else None
        facts = AttributeTriples(
            np.asarray(data.attribute_entity.cpu(), np.int64),
            np.asarray(data.attribute_type.cpu(), np.int64),
            tuple(data.attribute_names),
            _optional_texts(data.attribute_values, "attribute_values"),
            types,
        )
    images = None
    if "image_rows" in data:
        images = ImageTable(
            np.asarray(data.image_rows.cpu(), np.int64), np.asarray(data.image_features.cpu(), np.float32)
        )
    names, pictures, display = (
        _optional_texts(data[name], name) if name in data else None for name in ("names", "pictures", "display")
    )
    triples = np.stack([edges[0], kinds, edges[1]], axis=1)
    return KnowledgeGraph(labels, relations, triples, facts, names, images, display, pictures=pictures)


def to_pyg(graph: KnowledgeGraph) -> Any:
    """Convert a knowledge graph to a PyG ``Data``; ``from_pyg`` converts it back, without ``source_ids``."""
    from torch_geometric.data import Data

    triples, facts = graph.triples, graph.attributes
    made = Data(
        edge_index=torch.from_numpy(np.ascontiguousarray(triples[:, ::2].T)),
        edge_type=torch.from_numpy(triples[:, 1].copy()),
        num_nodes=graph.num_entities,
        entities=list(graph.entities),
        relations=list(graph.relations),
    )
    for name in ("names", "pictures", "display"):
        if getattr(graph, name) is not None:
            made[name] = list(getattr(graph, name))
    if graph.images is not None:
        made.image_rows = torch.from_numpy(graph.images.rows.copy())
        made.image_features = torch.from_numpy(np.array(graph.images.features))
    if len(facts):
        made.attribute_entity = torch.from_numpy(facts.entity.copy())
        made.attribute_type = torch.from_numpy(facts.attribute.copy())
        made.attribute_names, made.attribute_values = list(facts.names), list(facts.values)
        if facts.types is not None:
            made.attribute_types = list(facts.types)
    return made


def to_hetero(graph: KnowledgeGraph) -> Any:
    """Convert the structure to a PyG ``HeteroData``: nodes ``entity`` with labels, one edge type for each relation.

    PyG's warning about type names with ``__`` is suppressed, because ``from_pyg`` reads them back.
    """
    from torch_geometric.data import HeteroData

    made = HeteroData()
    made[ENTITY].num_nodes = graph.num_entities
    made[ENTITY].entities = list(graph.entities)
    if graph.names is not None:
        made[ENTITY].names = list(graph.names)
    order = np.argsort(graph.triples[:, 1], kind="stable")
    cuts = np.cumsum(np.bincount(graph.triples[:, 1], minlength=len(graph.relations)))[:-1]
    with quiet(category=UserWarning):  # PyG warns about inferred numbers of nodes
        for relation, rows in zip(graph.relations, np.split(order, cuts), strict=bool(graph.relations)):
            edges = np.ascontiguousarray(graph.triples[rows][:, ::2].T)
            made[ENTITY, relation, ENTITY].edge_index = torch.from_numpy(edges)
    return made


def _from_hetero(data: Any) -> KnowledgeGraph:
    start: dict[str, int] = {}
    sizes: dict[str, int] = {}
    labels: list[str] = []
    names: list[str | None] = []
    for kind in data.node_types:
        store = data[kind]
        number = _num_nodes(store)
        if number is None:
            raise InputError(f"expected num_nodes or features of the node type {kind!r}, got neither")
        start[kind], sizes[kind], size = len(labels), number, number
        default = [f"{kind}/{row}" for row in range(size)]
        labels += _texts(store, "entities", size) if "entities" in store else default
        names += _optional_texts(store.names, "names") if "names" in store else [None] * size
    middle = [relation for _, relation, _ in data.edge_types]
    relations: list[str] = []
    triples = [np.empty((0, 3), np.int64)]
    for head, relation, tail in data.edge_types:
        edges = edges_of(data[head, relation, tail].edge_index, f"edge_index of {(head, relation, tail)}")
        for side, kind in ((0, head), (1, tail)):
            if kind not in start or int(edges[side].max(initial=-1)) >= sizes[kind]:
                raise InputError(f"edge_index of {(head, relation, tail)} names a node that {kind!r} does not have")
        kinds = np.full(edges.shape[1], len(relations), np.int64)
        triples.append(np.stack([edges[0] + start[head], kinds, edges[1] + start[tail]], axis=1))
        relations.append(relation if middle.count(relation) == 1 else f"{head}/{relation}/{tail}")
    graph = KnowledgeGraph(tuple(labels), tuple(relations), np.concatenate(triples))
    return replace(graph, names=tuple(names)) if any(names) else graph


def _num_nodes(store: Any) -> int | None:
    """Number of nodes as PyG stores or infers it."""
    with quiet(category=UserWarning):  # PyG warns about inferred numbers of nodes
        return None if store.num_nodes is None else int(store.num_nodes)


def edges_of(index: Any, what: str) -> IntArray:
    """Pairs of node numbers, int64 ``[2, E]``.

    Raises:
        InputError: another shape, or a negative number.
    """
    edges = np.asarray(torch.as_tensor(index).cpu())
    if edges.ndim != 2 or len(edges) != 2 or edges.dtype.kind not in "iu":
        raise InputError(f"expected integers [2, E] as {what}, got {edges.dtype} {list(edges.shape)}")
    if edges.size and int(edges.min()) < 0:
        raise InputError(f"expected node numbers >= 0 in {what}, got {int(edges.min())}")
    return edges.astype(np.int64)


def _texts(store: Any, name: str, size: int) -> tuple[str, ...]:
    if name not in store:
        return _numbers(size)
    texts: Sequence[Any] = store[name]
    if len(texts) != size:
        raise InputError(f"expected {name} for each of {size} nodes, got {len(texts)}")
    return tuple(map(str, texts))


def _optional_texts(values: Sequence[Any], name: str) -> tuple[Any, ...]:
    """The values as texts, see ``value_text``; texts stay as they are, and missing values are ``None``."""
    try:
        return tuple(value if isinstance(value, str) else value_text(value) for value in values)
    except TypeError as error:
        raise InputError(f"expected texts or numbers as {name}, got a value of type {error}") from None


def _numbers(size: int) -> tuple[str, ...]:
    return tuple(map(str, range(size)))
