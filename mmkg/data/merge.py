"""Merges two aligned graphs: aligned entities become one entity, and the source graph of each statement is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from ..records import Record
from ..typing import IntArray
from .kg import SIDES, AttributeTriples, ImageTable, KnowledgeGraph
from .parsing.iris import is_iri
from .relations import RelationPair
from .texts.packed import Texts

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
        same_relations: right relations and attributes that have the label of their left counterpart.
    """

    graph: KnowledgeGraph
    parts: tuple[KnowledgeGraph, KnowledgeGraph]
    same: Sequence[tuple[str, str]]
    origin: IntArray
    apart: Sequence[str]
    same_relations: Sequence[RelationPair] = ()


def merge_graphs(
    left: KnowledgeGraph,
    right: KnowledgeGraph,
    pairs: IntArray,
    *,
    apart: bool = False,
    never: IntArray | None = None,
    relations: Sequence[RelationPair] = (),
) -> MergedGraph:
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
        never: rows that are not the same, int64 ``[W, 2]``: they stay apart, even with the same absolute IRI.
        relations: relations and attributes that are the same, see ``same_relations``: statements of the right one get
            the label of the left one, and those of an inverse lead the other way. A right one whose label the left
            graph has, too, keeps it.

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
        _unify(left.entities, right.entities, rows, set() if never is None else set(map(tuple, never.tolist())))
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
    taken_labels = {"relation": set(left.relations), "attribute": set(left.attributes.names)}
    applied = [pair for pair in relations if pair.right not in taken_labels[pair.kind]]
    called = {(pair.kind, pair.right): pair.left for pair in applied}
    kinds_of = [graph.relations for graph in (left, right)]
    kinds_of[1] = tuple(called.get(("relation", label), label) for label in right.relations)
    names_of = [graph.attributes.names for graph in (left, right)]
    names_of[1] = tuple(called.get(("attribute", label), label) for label in right.attributes.names)
    numbers = {label: number for number, label in enumerate(dict.fromkeys((*kinds_of[0], *kinds_of[1])))}
    names = {label: number for number, label in enumerate(dict.fromkeys((*names_of[0], *names_of[1])))}
    inverse = {pair.right for pair in applied if pair.inverse}
    parts = []
    for side, (graph, new) in enumerate(((left, np.arange(n)), (right, rows))):
        kinds = np.array([numbers[label] for label in kinds_of[side]], np.int64)
        turned = np.array([side == 1 and label in inverse for label in graph.relations], bool)
        heads, which, tails = graph.triples.T
        turned = turned[which]
        heads, tails = np.where(turned, tails, heads), np.where(turned, heads, tails)
        triples = np.stack([new[heads], kinds[which], new[tails]], axis=1)
        own, kinds = graph.attributes, np.array([names[label] for label in names_of[side]], np.int64)
        facts = AttributeTriples(new[own.entity], kinds[own.attribute], tuple(names), own.values, own.types)
        columns = [_moved(column, new, len(labels)) for column in (graph.names, graph.pictures)]
        part = KnowledgeGraph(tuple(labels), tuple(numbers), triples, facts)
        parts.append(replace(part, names=columns[0], pictures=columns[1]))
    first, second = parts
    whole = KnowledgeGraph(
        tuple(labels),
        tuple(numbers),
        np.concatenate([part.triples for part in parts]),
        joined_facts(first.attributes, second.attributes),
        names=_first_of(first.names, second.names),
        pictures=_first_of(first.pictures, second.pictures),
        images=_images(left.images, right.images, rows),
    )
    return MergedGraph(whole, (first, second), same, origin, renamed, applied)


def joined_facts(first: AttributeTriples, second: AttributeTriples) -> AttributeTriples:
    """The facts of both parts of a merged graph, which number entities and attributes in one way."""
    types = None
    if first.types is not None or second.types is not None:
        types = tuple(kind for part in (first, second) for kind in part.types or (None,) * len(part))
    return AttributeTriples(
        np.concatenate([first.entity, second.entity]),
        np.concatenate([first.attribute, second.attribute]),
        first.names,
        Texts.chained([Texts.of(first.values), Texts.of(second.values)]),
        types,
    )


def _unify(left: Sequence[str], right: Sequence[str], rows: IntArray, never: set[tuple[int, ...]]) -> None:
    """Give right entities without a pair the row of the left entity with the same absolute IRI, if it has no pair."""
    free = {label: row for row, label in enumerate(left)}
    for row in rows[rows >= 0].tolist():
        free.pop(left[row], None)
    for row in np.flatnonzero(rows < 0).tolist():
        label = right[row]
        if label in free and (free[label], row) not in never and is_iri(label) and not label.lower().startswith(_LOCAL):
            rows[row] = free[label]


def _moved(column: Sequence[str | None] | None, rows: IntArray, size: int) -> Texts | None:
    """The texts of a column at the rows of the merged graph."""
    if column is None:
        return None
    place = np.full(size, -1)
    place[rows] = np.arange(len(column))
    return Texts.of(column).take_or_none(place)


def _first_of(left: Sequence[str | None] | None, right: Sequence[str | None] | None) -> Sequence[str | None] | None:
    """The left text of each entity, or the right one if the left one is missing."""
    if left is None or right is None:
        return right if left is None else left
    return Texts.of(left).or_else(Texts.of(right))


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
