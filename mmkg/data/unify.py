"""Several entities of one graph as one, with a record of what they were, from which the graph can be restored."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import InputError
from ..records import Record
from ..typing import FloatArray, IntArray
from .kg import AttributeTriples, ImageTable, KnowledgeGraph
from .texts.labels import Labels

Triple = tuple[str, str, str]
Fact = tuple[str, str, str | None, str | None]


@dataclass(frozen=True, eq=False, repr=False)
class Member(Record):
    """An entity that was unified: all that a graph holds of it but its statements."""

    label: str
    name: str | None = None
    picture: str | None = None
    display: str | None = None
    source_id: int | None = None
    image: FloatArray | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; an image as base64 of float32, little-endian."""
        found = {name: value for name, value in vars(self).items() if value is not None}
        if self.image is not None:
            found["image"] = base64.b64encode(self.image.astype("<f4").tobytes()).decode()
        return found

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "Member":
        """From the values of ``as_dict``."""
        image = values.get("image")
        rows = None if image is None else np.frombuffer(base64.b64decode(image), "<f4").astype(np.float32)
        return Member(**{**values, "image": rows})


@dataclass(frozen=True, eq=False, repr=False)
class Origin(Record):
    """What unified entities were.

    Args:
        clusters: the entities of each cluster; the first gives the unified entity its label.
        triples: the statements about them, by labels, as they were.
        facts: their attribute facts: entity, attribute, value, type.
    """

    clusters: tuple[tuple[Member, ...], ...]
    triples: tuple[Triple, ...]
    facts: tuple[Fact, ...]


def unify(graph: KnowledgeGraph, clusters: Sequence[IntArray]) -> tuple[KnowledgeGraph, Origin]:
    """Make one entity of each cluster.

    It has the label of the member with most statements, and all statements of all members; name, picture and image are
    those of the first member that has them. A statement that is then repeated is written once, and one between two
    members is left out; the record holds all of them. ``separate`` restores the graph.

    Args:
        graph: the graph.
        clusters: the rows of each cluster, int64; no row is in two.

    Returns:
        The unified graph and the record of its origin.

    Raises:
        InputError: a row is out of range or in two clusters, or a cluster holds fewer than two.
    """
    n = graph.num_entities
    rows = np.concatenate([np.empty(0, np.int64), *clusters])
    if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < n:
        raise InputError(f"expected rows in 0..{n - 1} in clusters, got {int(rows.min())}..{int(rows.max())}")
    if len(np.unique(rows)) < len(rows) or any(len(each) < 2 for each in clusters):
        raise InputError("expected clusters of at least two entities, each entity in one cluster")
    facts = graph.attributes
    said = np.bincount(graph.triples[:, ::2].ravel(), minlength=n) + np.bincount(facts.entity, minlength=n)
    ordered = [each[np.lexsort((each, -said[each]))] for each in map(np.asarray, clusters)]
    target = np.arange(n)
    for members in ordered:
        target[members] = members[0]
    touched = np.zeros(n, bool)
    touched[rows] = True
    kept = np.flatnonzero(target == np.arange(n))
    place = np.full(n, -1, np.int64)
    place[kept] = np.arange(len(kept))
    new = place[target]
    about = touched[graph.triples[:, ::2]].any(axis=1)
    triples = np.stack([new[graph.triples[:, 0]], graph.triples[:, 1], new[graph.triples[:, 2]]], axis=1)
    drop = about & (triples[:, 0] == triples[:, 2]) & (graph.triples[:, 0] != graph.triples[:, 2])
    drop |= about & _repeated(triples)
    own = touched[facts.entity]
    codes = {value: code for code, value in enumerate(dict.fromkeys(zip(facts.values, _types(facts), strict=True)))}
    keys = np.array([codes[value] for value in zip(facts.values, _types(facts), strict=True)], np.int64)
    again = own & _repeated(np.stack([new[facts.entity], facts.attribute, keys], axis=1))
    fresh = replace(facts, entity=new[facts.entity]).take(~again)
    first = {name: _first(getattr(graph, name), ordered, kept) for name in ("names", "pictures", "display")}
    unified = KnowledgeGraph(
        Labels.of(graph.entities).take(kept),
        graph.relations,
        triples[~drop],
        fresh,
        images=_first_images(graph.images, ordered, place),
        source_ids=None if graph.source_ids is None else graph.source_ids[kept],
        **first,
    )
    labels, types = graph.entities, _types(facts)
    return unified, Origin(
        tuple(tuple(_member(graph, row) for row in members.tolist()) for members in ordered),
        tuple((labels[h], graph.relations[r], labels[t]) for h, r, t in graph.triples[about].tolist()),
        tuple(
            (labels[facts.entity[k]], facts.names[facts.attribute[k]], facts.values[k], types[k])
            for k in np.flatnonzero(own).tolist()
        ),
    )


def separate(graph: KnowledgeGraph, origin: Origin) -> KnowledgeGraph:
    """The graph before ``unify``: the same entities, statements, names, pictures and images; their order may differ.

    A statement that was added to a unified entity since stays with the entity that gave it its label.

    Raises:
        InputError: the graph does not have one of the unified entities, or already has one of the others.
    """
    rows = {label: row for row, label in enumerate(graph.entities)}
    heads = {member.label: members[0].label for members in origin.clusters for member in members}
    for members in origin.clusters:
        if members[0].label not in rows:
            raise InputError(f"expected the unified entity {members[0].label!r} in the graph; is it another graph?")
        for member in members[1:]:
            if member.label in rows:
                raise InputError(f"expected a graph without {member.label!r}, which was unified; is it another graph?")
    entities = list(graph.entities)
    for member in (member for members in origin.clusters for member in members[1:]):
        rows[member.label] = len(entities)
        entities.append(member.label)
    relations = {label: number for number, label in enumerate(graph.relations)}
    names = {label: number for number, label in enumerate(graph.attributes.names)}
    whole = [(rows[h], relations.setdefault(r, len(relations)), rows[t]) for h, r, t in origin.triples]
    moved = {(rows[heads.get(h, h)], relations[r], rows[heads.get(t, t)]) for h, r, t in origin.triples}
    stay = [tuple(triple) not in moved for triple in graph.triples.tolist()]
    facts = graph.attributes
    back = [(rows[e], names.setdefault(a, len(names)), value, kind) for e, a, value, kind in origin.facts]
    gone = {(rows[heads[e]], names[a], value, kind) for e, a, value, kind in origin.facts}
    columns = zip(facts.entity.tolist(), facts.attribute.tolist(), facts.values, _types(facts), strict=True)
    fine = np.array([fact not in gone for fact in columns], bool)
    rest = facts.take(fine)
    types = (*_types(rest), *(kind for *_, kind in back))
    attributes = AttributeTriples(
        np.concatenate([rest.entity, np.array([row for row, *_ in back], np.int64)]),
        np.concatenate([rest.attribute, np.array([kind for _, kind, *_ in back], np.int64)]),
        tuple(names),
        (*rest.values, *(value for _, _, value, _ in back)),
        types if any(types) else None,
    )
    triples = np.concatenate([graph.triples[np.array(stay, bool)], np.array(whole, np.int64).reshape(-1, 3)])
    everyone = [member for each in origin.clusters for member in each]
    texts = {
        field: _restored(getattr(graph, field), [(rows[m.label], getattr(m, one)) for m in everyone], len(entities))
        for field, one in (("names", "name"), ("pictures", "picture"), ("display", "display"))
    }
    ids = None
    if graph.source_ids is not None:
        ids = np.concatenate([graph.source_ids, np.zeros(len(entities) - graph.num_entities, np.int64)])
        for member in everyone:
            ids[rows[member.label]] = 0 if member.source_id is None else member.source_id
    images = _restored_images(graph.images, [(rows[member.label], member.image) for member in everyone])
    return KnowledgeGraph(
        tuple(entities), tuple(relations), triples, attributes, images=images, source_ids=ids, **texts
    )


def _types(facts: AttributeTriples) -> tuple[str | None, ...]:
    return (None,) * len(facts) if facts.types is None else facts.types


def _repeated(rows: IntArray) -> np.ndarray:
    """Which rows stand further up already, bool ``[R]``."""
    again = np.ones(len(rows), bool)
    again[np.unique(rows, axis=0, return_index=True)[1]] = False
    return again


def _member(graph: KnowledgeGraph, row: int) -> Member:
    image = None
    if graph.images is not None and (at := int(np.searchsorted(graph.images.rows, row))) < len(graph.images.rows):
        image = np.array(graph.images.features[at]) if graph.images.rows[at] == row else None
    return Member(
        graph.entities[row],
        None if graph.names is None else graph.names[row],
        None if graph.pictures is None else graph.pictures[row],
        None if graph.display is None else graph.display[row],
        None if graph.source_ids is None else int(graph.source_ids[row]),
        image,
    )


def _first(column: Sequence[Any] | None, clusters: Sequence[IntArray], kept: IntArray) -> tuple[Any, ...] | None:
    """The texts of a column for the entities that are kept; of a cluster, that of the first member that has one."""
    if column is None:
        return None
    texts = list(column)
    for members in clusters:
        texts[members[0]] = next((texts[row] for row in members.tolist() if texts[row]), texts[members[0]])
    return tuple(texts[row] for row in kept.tolist())


def _first_images(images: ImageTable | None, clusters: Sequence[IntArray], place: IntArray) -> ImageTable | None:
    if images is None:
        return None
    source = np.arange(len(place))
    there = np.isin(source, images.rows)
    for members in clusters:
        having = members[there[members]]
        if len(having):
            source[members[0]] = having[0]
    kept = np.flatnonzero(place >= 0)
    kept = kept[there[source[kept]]]
    return ImageTable(place[kept], images.features[np.searchsorted(images.rows, source[kept])])


def _restored(column: Sequence[Any] | None, values: Sequence[tuple[int, Any]], size: int) -> tuple[Any, ...] | None:
    if column is None:
        return None
    texts = [*column, *(None,) * (size - len(column))]
    for row, value in values:
        texts[row] = value
    return tuple(texts)


def _restored_images(images: ImageTable | None, values: Sequence[tuple[int, FloatArray | None]]) -> ImageTable | None:
    if images is None:
        return None
    own = ~np.isin(images.rows, [row for row, _ in values])
    back = [(row, image) for row, image in values if image is not None]
    rows = np.concatenate([images.rows[own], np.array([row for row, _ in back], np.int64)])
    order = np.argsort(rows)
    return ImageTable(rows[order], np.concatenate([images.features[own], *(image[None] for _, image in back)])[order])
