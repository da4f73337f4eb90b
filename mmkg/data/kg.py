"""One knowledge graph: entities, relation triples, attribute triples, names, images."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from ..errors import InputError
from ..records import Record
from ..typing import BoolArray, FloatArray, IntArray
from .texts.labels import Labels
from .texts.packed import Packed, Texts

P = TypeVar("P", bound=Packed[Any])

SIDES = ("left", "right")  # graphs of a pair
BLOCK_ROWS = 1 << 14
VOCABULARIES = (
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "http://www.w3.org/2000/01/rdf-schema#",
    "http://www.w3.org/2002/07/owl#",
    "http://www.w3.org/2001/XMLSchema#",
    "http://www.w3.org/2004/02/skos/core#",
)


@dataclass(frozen=True, eq=False, repr=False)
class AttributeTriples(Record):
    """Attribute facts of one graph.

    Args:
        entity: entity row of each fact, int64 ``[A]``.
        attribute: position in ``names`` of each fact, int64 ``[A]``.
        names: attribute names (URIs or strings), unique.
        values: text of each value, ``None`` if the source has none; length A. Any sequence; kept as ``Texts``.
        types: RDF type of each value: the IRI of its datatype, or ``@`` and its language, or ``None`` for plain text;
            ``None`` if all values are plain. Models do not read it.
    """

    entity: IntArray
    attribute: IntArray
    names: tuple[str, ...]
    values: Sequence[str | None]
    types: tuple[str | None, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _held(Texts, self.values, "attribute values"))

    @staticmethod
    def empty() -> "AttributeTriples":
        """An object without facts."""
        return AttributeTriples(np.empty(0, np.int64), np.empty(0, np.int64), (), ())

    def __len__(self) -> int:
        return len(self.entity)

    def take(self, rows: IntArray | BoolArray) -> "AttributeTriples":
        """Some of the facts, or those that a mask selects."""
        types = None
        if self.types is not None:
            types = tuple(self.types[row] for row in np.arange(len(self))[rows].tolist())
        values = Texts.of(self.values).take(rows)
        return AttributeTriples(self.entity[rows], self.attribute[rows], self.names, values, types)


@dataclass(frozen=True, eq=False, repr=False)
class ImageTable(Record):
    """Image features of the entities that have an image.

    Args:
        rows: entity rows that have an image, int64 ``[P]``, ascending and unique.
        features: one vector per row, float32 ``[P, d]``, finite; may be mapped from a file.
    """

    rows: IntArray
    features: FloatArray


@dataclass(frozen=True, eq=False, repr=False)
class KnowledgeGraph(Record):
    """A knowledge graph whose entities are the rows 0..n-1.

    Texts of entities may be given as any sequence; they are kept as ``Labels`` and ``Texts``, which hold bytes.

    Args:
        entities: entity labels (URIs or strings), unique; the position is the row.
        relations: relation labels, unique. Equal labels in two graphs mean the same relation.
        triples: (head row, relation, tail row), int64 ``[T, 3]``; repetitions and self loops are allowed.
        attributes: attribute facts.
        names: entity names, which models read; ``None`` for an entity without a name, or if no entity has one.
        images: image features; ``None`` if no entity has an image.
        display: text that is shown in place of the name; models never read it.
        source_ids: entity ids of the source file, int64 ``[n]``, if it has any.
        pictures: URL or path of each entity's picture, ``None`` for an entity without one; for display and for the
            computation of image features. Models do not read it.

    Raises:
        InputError: the graph has no entities, labels are not unique, a row or relation is out of range, an array has
            a wrong type or shape, or a feature is not finite.
    """

    entities: Sequence[str]
    relations: tuple[str, ...]
    triples: IntArray
    attributes: AttributeTriples = field(default_factory=AttributeTriples.empty)
    names: Sequence[str | None] | None = None
    images: ImageTable | None = None
    display: Sequence[str] | None = None
    source_ids: IntArray | None = None
    pictures: Sequence[str | None] | None = None

    def __post_init__(self) -> None:
        kinds: dict[str, type[Packed[Any]]] = {
            "entities": Labels,
            "names": Texts,
            "display": Labels,
            "pictures": Texts,
        }
        for what, kind in kinds.items():
            if (texts := getattr(self, what)) is not None:
                object.__setattr__(self, what, _held(kind, texts, what))
        n = len(self.entities)
        if n == 0:
            raise InputError("a graph needs at least one entity, got none")
        for what, labels in (("entity", self.entities), ("relation", self.relations)):
            if (again := Labels.of(labels).repeated()) is not None:
                raise InputError(f"{what} labels must be unique, {again!r} comes more than once")
        if self.triples.ndim != 2 or self.triples.shape[1] != 3 or self.triples.dtype != np.int64:
            raise InputError(f"expected int64 triples [T, 3], got {self.triples.dtype} {self.triples.shape}")
        _check_range("triple head or tail", self.triples[:, ::2], n)
        _check_range("triple relation", self.triples[:, 1], len(self.relations))
        _check_range("attribute entity", self.attributes.entity, n)
        _check_range("attribute name", self.attributes.attribute, len(self.attributes.names))
        columns = {name: getattr(self, name) for name in ("names", "display", "source_ids", "pictures")}
        for what, column in columns.items():
            if column is not None and len(column) != n:
                raise InputError(f"expected one entry of {what} for each of {n} entities, got {len(column)}")
        if self.images is not None:
            rows, features = self.images.rows, self.images.features
            _check_range("image row", rows, n)
            if features.ndim != 2 or len(features) != len(rows) or features.dtype != np.float32:
                raise InputError(
                    f"expected float32 image features [{len(rows)}, d], got {features.dtype} {features.shape}"
                )
            if len(rows) > 1 and not (np.diff(rows) > 0).all():
                raise InputError("image rows must be ascending and unique")
            bad = rows_not_finite(features)
            if len(bad):
                label = self.entities[rows[bad[0]]]
                raise InputError(f"image features must be finite; {len(bad)} entities break this, first {label!r}")

    def _facts(self) -> dict[str, int]:
        return {
            "entities": self.num_entities,
            "relations": len(self.relations),
            "triples": len(self.triples),
            "attribute_facts": len(self.attributes),
            "names": 0 if self.names is None else int(Texts.of(self.names).given.sum()),
            "images": 0 if self.images is None else len(self.images.rows),
        }

    @property
    def num_entities(self) -> int:
        """Number of entities, n."""
        return len(self.entities)

    @property
    def has_triple(self) -> BoolArray:
        """Whether an entity is head or tail of a triple that is not a self loop, ``[n]``."""
        linked = np.zeros(self.num_entities, dtype=bool)
        between = self.triples[self.triples[:, 0] != self.triples[:, 2]]
        linked[between[:, 0]] = True
        linked[between[:, 2]] = True
        return linked

    @property
    def context(self) -> BoolArray:
        """Which entities are context: blank nodes and terms of RDF, RDFS, OWL, XSD and SKOS, ``[n]``.

        They are part of the structure and are not matched, unless a known link names them.
        """
        return is_context(self.entities)

    def label(self, row: int) -> str:
        """Text to show for an entity: its display text, else its name, else its label."""
        if self.display is not None:
            return self.display[row]
        name = None if self.names is None else self.names[row]
        return name or self.entities[row]

    def shown(self) -> Labels:
        """The text of ``label`` for every entity."""
        labels = Labels.of(self.entities)
        if self.display is not None:
            return Labels.of(self.display)
        return labels if self.names is None else Texts.of(self.names).or_else(labels)

    def fingerprint(self) -> str:
        """SHA-256 of all data that a model or a search reads; it changes when the data change."""
        digest = hashlib.sha256()
        for texts in (self.entities, self.relations, self.attributes.names, self.attributes.values, self.names or ()):
            digest.update((texts if isinstance(texts, Packed) else Texts.of(texts)).raw())
            digest.update(b"\x1e")
        arrays: list[FloatArray | IntArray] = [self.triples, self.attributes.entity, self.attributes.attribute]
        if self.images is not None:
            arrays += [self.images.rows, self.images.features]
        for array in arrays:
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def is_context(labels: Sequence[str]) -> BoolArray:
    """Which labels are blank nodes or terms of ``VOCABULARIES``, bool ``[n]``."""
    return Labels.of(labels).beginning_with("_:", *VOCABULARIES)


def rows_not_finite(vectors: FloatArray) -> IntArray:
    """Rows that contain a NaN or an infinity, ascending, int64; block by block, so that a mapped file is not copied."""
    bad = []
    for start in range(0, len(vectors), BLOCK_ROWS):
        finite = np.isfinite(vectors[start : start + BLOCK_ROWS]).all(axis=1)
        bad.append(np.flatnonzero(~finite) + start)
    return np.concatenate(bad) if bad else np.empty(0, np.int64)


def _held(kind: type[P], texts: Iterable[Any], what: str) -> P:
    """Texts as a graph keeps them.

    Raises:
        InputError: an item is no text.
    """
    try:
        return kind.of(texts)
    except TypeError:
        bad = next((text for text in texts if not isinstance(text, str)), None)
        raise InputError(f"expected texts as {what}, got {bad!r}") from None


def _check_range(what: str, values: IntArray, size: int) -> None:
    if values.size and (int(values.min()) < 0 or int(values.max()) >= size):
        bad = int(values.min()) if int(values.min()) < 0 else int(values.max())
        raise InputError(f"{what} must be in 0..{size - 1}, got {bad}")
