"""Builds a graph from labels, a block of triples at a time."""

from collections.abc import Iterable, Sequence
from itertools import compress, repeat
from pathlib import Path
from typing import TypeVar, cast

import numpy as np

from ...errors import InputError
from ...typing import IntArray
from ..kg import AttributeTriples, ImageTable, KnowledgeGraph
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
        self._values: list[str | None] = []
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
        self._values += picked(values, good)
        self._types += repeat(None, len(kinds)) if types is None else picked(types, good)

    def build(
        self,
        *,
        entities: Iterable[str] | None = None,
        relations: Iterable[str] | None = None,
        attributes: Iterable[str] | None = None,
        images: ImageTable | None = None,
        once: bool = False,
    ) -> KnowledgeGraph:
        """The graph; pass labels if they differ from the numbered strings.

        Args:
            entities, relations, attributes: labels.
            images: image features.
            once: whether repeated triples and facts are left out; else they are kept. Either way they are counted.

        Raises:
            InputError: the graph has no entities.
        """
        size = len(self.entities)
        if size == 0:
            raise InputError("expected at least one triple, got none", self.path)
        for numbers in (self.entities, self.relations, self.attributes):
            numbers.settle()
        triples = _stacked(self._triples, 3)
        self._triples.clear()
        facts = _stacked(self._facts, 2)
        repeated = repeated_triples(triples, size, len(self.relations))
        if once:
            triples = triples[_first_of_each(triples)] if repeated else triples
            number = len(facts)
            facts = self._facts_once(facts)
            what, repeated = "repeated statements, counted once", repeated + number - len(facts)
        else:
            what = "repeated triples"
        self.faults.count(f"{self.path.name}: {what}", repeated)
        names = None if not self.names else tuple(self.names.get(row) for row in range(size))
        pictures = None if not self.pictures else tuple(self.pictures.get(row) for row in range(size))
        return KnowledgeGraph(
            tuple(self.entities if entities is None else entities),
            tuple(self.relations if relations is None else relations),
            triples,
            AttributeTriples(
                facts[:, 0].copy(),
                facts[:, 1].copy(),
                tuple(self.attributes if attributes is None else attributes),
                tuple(self._values),
                tuple(self._types) if any(self._types) else None,
            ),
            names,
            images,
            pictures=pictures,
        )

    def _facts_once(self, facts: IntArray) -> IntArray:
        """The facts without repetitions; values and types are changed alike."""
        texts = zip(self._values, self._types, strict=True)
        hashes = np.fromiter(map(hash, texts), np.int64, len(facts))
        keys = np.column_stack([facts, hashes])
        again = np.ones(len(facts), bool)
        again[_first_of_each(keys)] = False
        if not again.any():
            return facts
        alike = np.isin(hashes, hashes[again])  # equal hashes need not mean equal texts
        seen: set[tuple[int, int, str | None, str | None]] = set()
        kept = np.ones(len(facts), bool)
        for place in np.flatnonzero(alike).tolist():
            key = (int(facts[place, 0]), int(facts[place, 1]), self._values[place], self._types[place])
            kept[place] = key not in seen
            seen.add(key)
        self._values, self._types = list(compress(self._values, kept)), list(compress(self._types, kept))
        return facts[kept]

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
    return cast(Sequence[T], items.at(good)) if isinstance(items, Coded) else list(compress(items, good))


def _stacked(blocks: Sequence[np.ndarray], width: int) -> IntArray:
    """All blocks as one int64 array."""
    stacked = np.empty((sum(map(len, blocks)), width), np.int64)
    start = 0
    for block in blocks:
        stacked[start : start + len(block)] = block
        start += len(block)
    return stacked
