"""Merges two aligned graphs: aligned entities become one entity, and the source graph of each statement is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from ..records import Record
from ..typing import IntArray
from .kg import AttributeTriples, ImageTable, KnowledgeGraph
from .parsing.iris import is_iri

SIDES = ("left", "right")
APART = ".right"  # suffix of a right label that equals the label of a left entity it is kept apart from
_LOCAL = "file:"  # IRIs of files name other things on other machines


@dataclass(frozen=True, eq=False, repr=False)
class MergedGraph(Record):
    """A merged graph and the origin of its parts.

    Args:
        graph: left entities in their rows, then the right entities that are not aligned; left statements, then right.
        parts: the statements, names and pictures of the left and of the right graph alone, with the rows of ``graph``.
        same: pairs (label in ``graph``, former label) of the right entities that have the label of their left entity.
            A former label that another entity of ``graph`` has is left out: the two are not the same.
        origin: per entity 1 = left, 2 = right, 3 = both, int64 ``[n]``.
        apart: labels of right entities that were renamed because another entity on the left has the same label.
    """

    graph: KnowledgeGraph
    parts: tuple[KnowledgeGraph, KnowledgeGraph]
    same: Sequence[tuple[str, str]]
    origin: IntArray
    apart: Sequence[str]


def merge_graphs(left: KnowledgeGraph, right: KnowledgeGraph, pairs: IntArray, *, apart: bool = False) -> MergedGraph:
    """Merge two graphs into one.

    An aligned entity has the label of its left side, and name, picture and image of its left side or, without these, of
    its right side. ``parts`` keeps the names and pictures of both sides, but no images. Relations and attributes with
    equal labels are merged.

    An absolute IRI names one thing everywhere: an entity of both graphs that is in no pair becomes one entity. Plain
    labels, blank nodes and IRIs of files are local to their graph. A right entity stays apart from the left entity of
    the same label if that label is local, if one of the two is aligned with another entity, or with ``apart``. Its
    label then gets the suffix ``.right``, and nothing calls the two the same.

    Args:
        left: the left graph.
        right: the right graph.
        pairs: aligned rows, int64 ``[M, 2]``, one to one.
        apart: whether entities with the same absolute IRI stay apart unless they are aligned.

    Raises:
        InputError: a row is out of range or in two pairs.
    """
    for column, graph in enumerate((left, right)):
        rows = pairs[:, column]
        if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < graph.num_entities:
            raise InputError(f"{SIDES[column]} rows must be in 0..{graph.num_entities - 1}, got {rows.max()}")
        if len(np.unique(rows)) != len(rows):
            raise InputError(f"expected each {SIDES[column]} entity in one pair, got some in several")
    n = left.num_entities
    rows = np.full(right.num_entities, -1, np.int64)
    rows[pairs[:, 1]] = pairs[:, 0]
    if not apart:
        _unify(left.entities, right.entities, rows)
    alone = np.flatnonzero(rows < 0)
    rows[alone] = np.arange(n, n + len(alone))
    taken = {*left.entities, *(right.entities[row] for row in alone.tolist())}
    labels, renamed = list(left.entities), []
    known = set(left.entities)
    for row in alone.tolist():
        label = right.entities[row]
        if label in known:
            while label in taken:
                label += APART
            taken.add(label)
            renamed.append(right.entities[row])
        labels.append(label)
    known = set(labels)
    same = [
        (labels[new], label) for new, label in zip(rows.tolist(), right.entities, strict=True) if label not in known
    ]
    origin = np.ones(len(labels), np.int64)
    origin[rows] += 2
    origin[n:] = 2
    relations = {label: number for number, label in enumerate(dict.fromkeys((*left.relations, *right.relations)))}
    attributes = dict.fromkeys((*left.attributes.names, *right.attributes.names))
    names = {label: number for number, label in enumerate(attributes)}
    parts = []
    for graph, new in ((left, np.arange(n)), (right, rows)):
        kinds = np.array([relations[label] for label in graph.relations], np.int64)
        triples = np.stack([new[graph.triples[:, 0]], kinds[graph.triples[:, 1]], new[graph.triples[:, 2]]], axis=1)
        own, kinds = graph.attributes, np.array([names[label] for label in graph.attributes.names], np.int64)
        facts = AttributeTriples(new[own.entity], kinds[own.attribute], tuple(names), own.values, own.types)
        columns = [_moved(column, new, len(labels)) for column in (graph.names, graph.pictures)]
        part = KnowledgeGraph(tuple(labels), tuple(relations), triples, facts)
        parts.append(replace(part, names=columns[0], pictures=columns[1]))
    first, second = parts
    types = None
    if first.attributes.types is not None or second.attributes.types is not None:
        types = tuple(kind for part in parts for kind in part.attributes.types or (None,) * len(part.attributes))
    facts = AttributeTriples(
        np.concatenate([part.attributes.entity for part in parts]),
        np.concatenate([part.attributes.attribute for part in parts]),
        tuple(names),
        first.attributes.values + second.attributes.values,
        types,
    )
    whole = KnowledgeGraph(
        tuple(labels),
        tuple(relations),
        np.concatenate([part.triples for part in parts]),
        facts,
        names=_first_of(first.names, second.names),
        pictures=_first_of(first.pictures, second.pictures),
        images=_images(left.images, right.images, rows),
    )
    return MergedGraph(whole, (first, second), same, origin, renamed)


def _unify(left: Sequence[str], right: Sequence[str], rows: IntArray) -> None:
    """Give right entities without a pair the row of the left entity with the same absolute IRI, if it has no pair."""
    free = {label: row for row, label in enumerate(left)}
    for row in rows[rows >= 0].tolist():
        free.pop(left[row], None)
    for row in np.flatnonzero(rows < 0).tolist():
        label = right[row]
        if label in free and is_iri(label) and not label.lower().startswith(_LOCAL):
            rows[row] = free[label]


def _moved(column: Sequence[str | None] | None, rows: IntArray, size: int) -> tuple[str | None, ...] | None:
    """The texts of a column at the rows of the merged graph."""
    if column is None:
        return None
    texts: list[str | None] = [None] * size
    for row, text in zip(rows.tolist(), column, strict=True):
        texts[row] = text
    return tuple(texts)


def _first_of(
    left: tuple[str | None, ...] | None, right: tuple[str | None, ...] | None
) -> tuple[str | None, ...] | None:
    """The left text of each entity, or the right one if the left one is missing."""
    if left is None or right is None:
        return left or right
    return tuple(mine or other for mine, other in zip(left, right, strict=True))


def _images(left: ImageTable | None, right: ImageTable | None, rows: IntArray) -> ImageTable | None:
    """Images of merged entities: the left one, or the right one if there is no left one and both have one width."""
    if left is None or right is None:
        only = left if right is None else ImageTable(rows[right.rows], right.features)
        if only is None:
            return None
        order = np.argsort(only.rows)
        return ImageTable(only.rows[order], only.features[order])
    if left.features.shape[1] != right.features.shape[1]:
        return left
    new = ~np.isin(rows[right.rows], left.rows)
    places = np.concatenate([left.rows, rows[right.rows][new]])
    order = np.argsort(places)
    return ImageTable(places[order], np.concatenate([left.features, right.features[new]])[order])
