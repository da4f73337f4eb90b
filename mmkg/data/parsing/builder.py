"""Builds a graph from labels, a block of triples at a time."""

from collections.abc import Callable, Iterable, Sequence
from itertools import compress, repeat
from pathlib import Path
from typing import TypeVar, cast

import numpy as np

from ...errors import InputError
from ...typing import IntArray
from ..kg import AttributeTriples, ImageTable, KnowledgeGraph
from ..texts.labels import Labels
from ..texts.packed import Packed, Texts
from .coded import Coded, Numbers
from .columns import Faults

T = TypeVar("T")


class GraphBuilder:
    """Collects the triples and facts of one graph; entities are rows in order of first appearance.

    Each label is stored once, triples as numbers. All labels of a block are numbered by one call, without a loop over
    triples.

    Args:
        path: file of the graph, for messages.
        faults: policy for bad lines.
    """

    def __init__(self, path: Path, faults: Faults) -> None:
        self.path, self.faults = path, faults
        self.entities, self.relations, self.attributes = Numbers(), Numbers(), Numbers()
        self.names: dict[int, str] = {}
        self.pictures: dict[int, str] = {}
        self.declared: str | None = None  # the file that lists all entities, if any
        self._triples: list[np.ndarray] = []
        self._facts: list[np.ndarray] = []
        self._values: list[Texts] = []
        self._types: list[str | None] = []

    def close(self, by: str) -> None:
        """Refuse entities that are still unknown; ``by`` is the name of the file that lists all entities."""
        self.declared = by

    def add_triples(
        self, ends: Sequence[str] | IntArray, relations: Sequence[str], path: Path, lines: IntArray | None = None
    ) -> None:
        """Add triples: ``ends`` holds head, tail, head, tail, ..., ``relations`` one label per pair.

        Ends may also be numbers of ``entities``.
        """
        flat, labels = self._rows(ends)
        rows = flat.reshape(-1, 2)
        good = self._good(rows.min(axis=1, initial=0) < 0, rows, labels, path, lines)
        kinds = self.relations.of(picked(relations, good))
        block = np.empty((len(kinds), 3), np.int32)
        block[:, ::2], block[:, 1] = rows[good], kinds
        self._triples.append(block)

    def add_facts(
        self,
        entities: Sequence[str] | IntArray,
        attributes: Sequence[str],
        values: Sequence[str | None],
        types: Sequence[str | None] | None,
        path: Path,
        lines: IntArray | None = None,
    ) -> None:
        """Add attribute facts, one per position; ``types`` = ``None`` if all values are plain.

        Entities may also be numbers of ``entities``.
        """
        rows, labels = self._rows(entities)
        good = self._good(rows < 0, rows[:, None], labels, path, lines)
        kinds = self.attributes.of(picked(attributes, good))
        self._facts.append(np.stack([rows[good], kinds], axis=1).astype(np.int32))
        self._values.append(Texts.of(picked(values, good)))
        self._types += repeat(None, len(kinds)) if types is None else picked(types, good)

    def build(
        self,
        *,
        entities: Iterable[str] | None = None,
        named: Callable[[Labels], Sequence[str]] | None = None,
        images: ImageTable | None = None,
        once: bool = False,
    ) -> KnowledgeGraph:
        """The graph of all that was added; the builder is empty then.

        Args:
            entities: labels of the entities, if they differ from the numbered strings.
            named: the labels that some of the numbered strings stand for; ``None`` = they are the labels.
            images: image features.
            once: whether repeated triples and facts are left out; else they are kept. Either way they are counted.

        Raises:
            InputError: the graph has no entities.
        """
        size = len(self.entities)
        if size == 0:
            raise InputError("expected at least one triple, got none", self.path)
        numbered = (self.entities.labels(), self.relations.labels(), self.attributes.labels())
        self.entities, self.relations, self.attributes = Numbers(), Numbers(), Numbers()
        labels, relations, attributes = map(named, numbered) if named is not None else numbered
        triples = _stacked(self._triples, 3)
        self._triples.clear()
        facts, values = _stacked(self._facts, 2), Texts.chained(self._values)
        self._values.clear()
        repeated = repeated_triples(triples, size, len(relations))
        if once:
            triples = triples[_first_of_each(triples)] if repeated else triples
            kept = _first_of_each(np.column_stack([facts, values.distinct()[1], self._type_codes()]))
            what, repeated = "repeated statements, counted once", repeated + len(facts) - len(kept)
            if len(kept) < len(facts):
                facts, values = facts[kept], values.take(kept)
                self._types = [self._types[place] for place in kept.tolist()]
        else:
            what = "repeated triples"
        self.faults.count(f"{self.path.name}: {what}", repeated)
        names = None if not self.names else Texts.of(map(self.names.get, range(size)))
        pictures = None if not self.pictures else Texts.of(map(self.pictures.get, range(size)))
        return KnowledgeGraph(
            labels if entities is None else Labels.of(entities),
            tuple(relations),
            triples,
            AttributeTriples(
                facts[:, 0].copy(),
                facts[:, 1].copy(),
                tuple(attributes),
                values,
                tuple(self._types) if any(self._types) else None,
            ),
            names,
            images,
            pictures=pictures,
        )

    def _type_codes(self) -> IntArray:
        """A number for each type of a fact."""
        codes = {kind: code for code, kind in enumerate(dict.fromkeys(self._types))}
        return np.fromiter(map(codes.__getitem__, self._types), np.int64, len(self._types))

    def _rows(self, terms: Sequence[str] | IntArray) -> tuple[IntArray, Sequence[str]]:
        """Numbers of entities, and their labels unless they are numbers already."""
        if isinstance(terms, np.ndarray):
            return terms, ()
        return (self.entities.of(terms) if self.declared is None else self.entities.known(terms)), terms

    def _good(
        self, bad: np.ndarray, rows: IntArray, labels: Sequence[str], path: Path, lines: IntArray | None
    ) -> np.ndarray:
        """Mask of the rows without unknown entities; each other row is a fault."""
        for index in np.flatnonzero(bad).tolist():
            place = index * rows.shape[1] + int(np.flatnonzero(rows[index] < 0)[0])
            line = None if lines is None else int(lines[index])
            self.faults.bad(f"expected an entity of {self.declared}, got the unknown {labels[place]!r}", path, line)
        return ~bad


def repeated_triples(triples: IntArray, num_entities: int, num_relations: int) -> int:
    """Number of triples that repeat an earlier one."""
    if num_entities**2 * max(num_relations, 1) >= 2**63:
        return len(triples) - len(np.unique(triples, axis=0))
    key = np.sort((triples[:, 1] * num_entities + triples[:, 0]) * num_entities + triples[:, 2])
    return int((key[1:] == key[:-1]).sum())


def _first_of_each(rows: IntArray) -> IntArray:
    """Positions of the rows without repetitions, ascending; the first of equal rows is kept."""
    if not len(rows):
        return np.empty(0, np.int64)
    order = np.lexsort(rows.T)
    ordered = rows[order]
    new = np.ones(len(rows), bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    found: IntArray = np.sort(order[new])  # the sort is stable, so that the first of equal rows comes first
    return found


def picked(items: Sequence[T], good: np.ndarray) -> Sequence[T]:
    """The items selected by a mask; ``items`` itself if the mask is true everywhere."""
    if good.all():
        return items
    if isinstance(items, Coded):
        return cast(Sequence[T], items.at(good))
    return cast(Sequence[T], items.take(good)) if isinstance(items, Packed) else list(compress(items, good))


def _stacked(blocks: Sequence[np.ndarray], width: int) -> IntArray:
    """All blocks as one int64 array."""
    stacked = np.empty((sum(map(len, blocks)), width), np.int64)
    start = 0
    for block in blocks:
        stacked[start : start + len(block)] = block
        start += len(block)
    return stacked
