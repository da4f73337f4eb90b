"""A graph that has grown: known entities keep their rows, new ones follow."""

from collections.abc import Sequence
from itertools import compress
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from ..typing import BoolArray, IntArray
from .kg import AttributeTriples, ImageTable, KnowledgeGraph
from .texts.labels import Labels
from .texts.packed import Texts

BLANK = "_:"
AGAIN = ".new"  # suffix of a blank node that has the label of a known one


class Extent(NamedTuple):
    """How many entities, relations, triples, attribute facts and attributes a graph had at some time."""

    entities: int
    relations: int
    triples: int
    facts: int
    attributes: int


def extent_of(graph: KnowledgeGraph) -> Extent:
    """What a graph has now."""
    facts = graph.attributes
    sizes = (graph.num_entities, len(graph.relations), len(graph.triples), len(facts), len(facts.names))
    return Extent(*sizes)


def former(graph: KnowledgeGraph, extent: Extent) -> KnowledgeGraph:
    """A graph as it was before it grew, see ``grown``.

    Raises:
        InputError: the extent is not one that the graph may have had.
    """
    if extent == extent_of(graph):
        return graph
    n, facts = extent.entities, graph.attributes
    attributes = AttributeTriples(
        facts.entity[: extent.facts],
        facts.attribute[: extent.facts],
        facts.names[: extent.attributes],
        facts.values[: extent.facts],
        None if facts.types is None else facts.types[: extent.facts],
    )
    images = graph.images
    if images is not None:
        count = int(np.searchsorted(images.rows, n))
        images = ImageTable(images.rows[:count], images.features[:count]) if count else None
    names, pictures = (None if column is None else column[:n] for column in (graph.names, graph.pictures))
    return KnowledgeGraph(
        graph.entities[:n],
        graph.relations[: extent.relations],
        graph.triples[: extent.triples],
        attributes,
        names=names,
        images=images,
        display=None if graph.display is None else graph.display[:n],
        pictures=pictures,
    )


def grown(graph: KnowledgeGraph, new: KnowledgeGraph, *, related: bool = True) -> tuple[KnowledgeGraph, IntArray]:
    """A graph with the entities and statements of another one added.

    Entities, relations and attributes are known by their labels. Known entities keep their rows, names and images; they
    get the statements that they do not have yet. New entities follow in the order of ``new``. All that is new follows
    what was there, see ``former``. Blank nodes are local to their file, so those of ``new`` are new entities.

    Args:
        graph: the graph before.
        new: what is new, or the whole graph as it is now.
        related: whether to refuse a graph that shares nothing with the other.

    Returns:
        The graph, and the row in it of each entity of ``new``.

    Raises:
        InputError: the two share nothing, or their image features differ in width.
    """
    labels, rows = _rows(graph.entities, new.entities)
    relations, kinds = _rows(graph.relations, new.relations)
    shared = set(graph.attributes.names).intersection(new.attributes.names)
    if related and rows.min() >= graph.num_entities and not shared and not (kinds < len(graph.relations)).any():
        if new.names is None and new.images is None:
            raise InputError(
                "the new graph shares no entity, relation or attribute with the graph of the run, and has no names "
                f"or images: its first entity is {new.entities[0]!r}, that of the run {graph.entities[0]!r}; entities "
                "are known by their labels"
            )
    head, kind, tail = rows[new.triples[:, 0]], kinds[new.triples[:, 1]], rows[new.triples[:, 2]]
    triples = np.stack([head, kind, tail], axis=1)
    triples = np.concatenate([graph.triples, triples[~_among(triples, graph.triples)]])
    added = np.flatnonzero(rows >= graph.num_entities)
    whole = KnowledgeGraph(
        tuple(labels),
        tuple(relations),
        triples,
        _attributes(graph, new, rows),
        names=_column(graph.names, new.names, graph.num_entities, added),
        images=_images(graph, new.images, rows),
        display=_display(graph, new, added),
        pictures=_column(graph.pictures, new.pictures, graph.num_entities, added),
    )
    return whole, rows


def _rows(known: Sequence[str], new: Sequence[str]) -> tuple[list[str], IntArray]:
    """All labels, the known ones first, and the row of each new label."""
    place = {label: row for row, label in enumerate(known)}
    labels, rows = list(known), []
    for label in new:
        while label.startswith(BLANK) and label in place:
            label += AGAIN
        row = place.setdefault(label, len(labels))
        if row == len(labels):
            labels.append(label)
        rows.append(row)
    return labels, np.array(rows, np.int64)


def _among(rows: IntArray, others: IntArray) -> BoolArray:
    """Which rows ``[P, c]`` are also rows of ``others`` ``[Q, c]``."""
    _, code = np.unique(np.concatenate([others, rows]), axis=0, return_inverse=True)
    code = code.reshape(-1)
    found: BoolArray = np.isin(code[len(others) :], code[: len(others)])
    return found


def _attributes(graph: KnowledgeGraph, new: KnowledgeGraph, rows: IntArray) -> AttributeTriples:
    """The facts of the graph, and those of ``new`` that it does not have."""
    own, more = graph.attributes, new.attributes
    names, kinds = _rows(own.names, more.names)
    values = Texts.chained([Texts.of(own.values), Texts.of(more.values)])
    codes = np.split(values.distinct()[1], [len(own)])
    entity, attribute = rows[more.entity], kinds[more.attribute]
    known = np.stack([own.entity, own.attribute, codes[0]], axis=1)
    kept = ~_among(np.stack([entity, attribute, codes[1]], axis=1), known)
    types = None
    if own.types is not None or more.types is not None:
        types = (*(own.types or (None,) * len(own)), *compress(more.types or (None,) * len(more), kept))
    return AttributeTriples(
        np.concatenate([own.entity, entity[kept]]),
        np.concatenate([own.attribute, attribute[kept]]),
        tuple(names),
        values.take(np.concatenate([np.ones(len(own), bool), kept])),
        types,
    )


def _column(
    known: Sequence[str | None] | None, new: Sequence[str | None] | None, size: int, added: IntArray
) -> Texts | None:
    """A column of the known entities, and that of the new ones."""
    if known is None and new is None:
        return None
    both = (known, size), (None if new is None else Texts.of(new).take(added), len(added))
    return Texts.chained(Texts.nothing(number) if texts is None else Texts.of(texts) for texts, number in both)


def _display(graph: KnowledgeGraph, new: KnowledgeGraph, added: IntArray) -> Labels | None:
    if graph.display is None and new.display is None:
        return None
    return Labels.chained([graph.shown(), new.shown().take(added)])


def _images(graph: KnowledgeGraph, new: ImageTable | None, rows: IntArray) -> ImageTable | None:
    """Images of the known entities, and of the new ones."""
    known = graph.images
    if new is None:
        return known
    fresh = rows[new.rows] >= graph.num_entities
    places, features = rows[new.rows][fresh], new.features[fresh]
    order = np.argsort(places)
    if known is None:
        return ImageTable(places[order], features[order]) if len(order) else None
    if features.shape[1] != known.features.shape[1]:
        raise InputError(
            f"expected image features of width {known.features.shape[1]}, as those of the known entities, got "
            f"{features.shape[1]}; encode pictures with the same encoder"
        )
    rows, features = np.concatenate([known.rows, places[order]]), np.concatenate([known.features, features[order]])
    return ImageTable(rows, features)
