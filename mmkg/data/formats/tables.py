"""Graphs and links as tables, whatever their files are: what the columns are called, and what rows mean."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import InputError, UsageError
from ...files import atomic_path
from ...typing import IntArray
from ..arrays.by_id import read_images
from ..kg import ImageTable, KnowledgeGraph
from ..links.checked import PARTS, LabelLinks
from ..parsing.builder import Coded, GraphBuilder
from ..parsing.columns import Faults, stem
from ..task import AlignmentTask

HEAD, RELATION, TAIL = "head", "relation", "tail"
ALIASES: Mapping[str, tuple[str, ...]] = {
    HEAD: ("head", "h", "subject", "subj", "s", "source"),
    RELATION: ("relation", "rel", "r", "predicate", "pred", "p", "property"),
    TAIL: ("tail", "t", "object", "obj", "o", "target"),
    "entity": ("entity", "id", "label", "subject"),
    "attribute": ("attribute", "predicate", "property"),
    "value": ("value", "object"),
    "type": ("type", "datatype"),
    "name": ("name",),
    "picture": ("picture", "image"),
    "left": ("left", "entity1", "source"),
    "right": ("right", "entity2", "target"),
    "part": ("part", "split"),
}
TRIPLES = (HEAD, RELATION, TAIL)
ENTITIES, FACTS = ("entity", "name", "picture"), ("entity", "attribute", "value", "type")
LINKS = ("left", "right", "part")
OPTIONAL = ("name", "picture", "value", "type", "part")


class TableBlock(NamedTuple):
    """Some rows of a table: the texts of each column that was asked for (``None``: not there), and their lines."""

    columns: Sequence[Sequence[str | None] | None]
    lines: IntArray


# (path, wanted columns, faults) -> blocks; fields of the columns not in OPTIONAL are never None or empty
TableReader = Callable[[Path, Sequence[str], Faults], Iterator[TableBlock]]


def read_table_graph(source: Path, suffixes: Sequence[str], read: TableReader, faults: Faults) -> KnowledgeGraph:
    """One graph from a file of triples, or from a folder.

    Files of such a folder: ``triples`` (head, relation, tail), and as far as they are there ``entities`` (entity,
    name, picture; then it lists all of them, in their order), ``attributes`` (entity, attribute, value, type) and
    ``images.safetensors`` (see ``read_images``; ids are rows of ``entities``).

    Raises:
        InputError: a file is missing or breaks the format.
    """
    folder = source if source.is_dir() else None
    triples = source if folder is None else table_file(folder, "triples", suffixes)
    if triples is None:
        raise InputError(f"expected a file of triples, {_names('triples', suffixes)}, found none", source)
    builder = GraphBuilder(triples, faults)
    entities = None if folder is None else table_file(folder, "entities", suffixes)
    if entities is not None:
        _read_entities(entities, read, builder, faults)
    for block in read(triples, TRIPLES, faults):
        heads, relations, tails = block.columns
        ends: Any
        if isinstance(heads, Coded) and isinstance(tails, Coded):
            ends = Coded.interleaved(heads, tails)
        else:
            ends = [None] * (2 * len(block.lines))
            ends[::2], ends[1::2] = heads, tails
        builder.add_triples(ends, relations, triples, block.lines)  # type: ignore[arg-type]
    facts = None if folder is None else table_file(folder, "attributes", suffixes)
    if facts is not None:
        for block in read(facts, FACTS, faults):
            labels, names, values, types = block.columns
            values = [None] * len(block.lines) if values is None else values
            builder.add_facts(labels, names, values, types, facts, block.lines)  # type: ignore[arg-type]
    images = None
    if folder is not None and (folder / "images.safetensors").exists():
        images = _images(folder / "images.safetensors", builder)
    return builder.build(images=images)


def read_table_links(path: Path, read: TableReader, faults: Faults) -> LabelLinks:
    """Links of a table: left, right, and perhaps part (train, valid or test)."""
    left: list[str] = []
    right: list[str] = []
    parts: list[str] = []
    lines = [np.empty(0, np.int64)]
    for block in read(path, LINKS, faults):
        good = np.ones(len(block.lines), bool)
        if block.columns[2] is not None:
            for index, part in enumerate(block.columns[2]):
                if part not in PARTS:
                    faults.bad(f"expected the part train, valid or test, got {part!r}", path, int(block.lines[index]))
                    good[index] = False
        for column, items in zip((left, right, parts), block.columns, strict=True):
            column += [item for item, keep in zip(items or (), good.tolist(), strict=False) if keep]  # type: ignore[misc]
        lines.append(block.lines[good])
    return LabelLinks(path, left, right, np.concatenate(lines), parts or None)


def table_file(folder: Path, name: str, suffixes: Sequence[str]) -> Path | None:
    """The file of a table, the only one with one of the suffixes, plain or compressed.

    Raises:
        InputError: there are several.
    """
    found = sorted(path for path in folder.glob(name + ".*") if stem(path).name in {name + each for each in suffixes})
    if len(found) > 1:
        raise InputError(f"expected one table of {name}, found {', '.join(path.name for path in found)}", folder)
    return found[0] if found else None


def columns_of(
    header: Sequence[str], wanted: Sequence[str], path: Path, names: Sequence[str] = (), line: int | None = None
) -> list[int | None]:
    """Where each wanted column stands in a header; ``None`` for an optional one that is not there.

    Args:
        header: names in the file.
        wanted: our names.
        path: for messages.
        names: what the first wanted columns are called here, in place of the usual names.
        line: of the header, for messages.

    Raises:
        InputError: a column is missing or stands there twice.
    """
    lower = [name.strip().lower() for name in header]
    places: list[int | None] = []
    for number, column in enumerate(wanted):
        called = (names[number].lower(),) if number < len(names) else ALIASES[column]
        found = [lower.index(name) for name in called if name in lower]
        if not found and column not in OPTIONAL:
            hint = "; name the columns: columns=(HEAD, RELATION, TAIL)" if column in TRIPLES else ""
            there = ", ".join(map(repr, header[:8]))
            what = " or ".join(map(repr, called[:3]))
            raise InputError(f"expected a column {what}, got {there}{hint}", path, line)
        if found and lower.count(lower[found[0]]) > 1:
            raise InputError(f"expected one column {header[found[0]]!r}, got several of this name", path, line)
        places.append(found[0] if found else None)
    return places


def check_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """The names of three columns, or none.

    Raises:
        UsageError: another number of names.
    """
    if columns and len(columns) != 3:
        raise UsageError(f"columns: expected the names of head, relation and tail, got {len(columns)} names")
    return tuple(columns)


def graph_tables(graph: KnowledgeGraph) -> dict[str, tuple[tuple[str, ...], Iterable[tuple[str | None, ...]]]]:
    """The tables of a graph: columns and rows of each, by name; attributes only if there are any."""
    labels, relations, facts = graph.entities, graph.relations, graph.attributes
    columns: list[str] = ["entity"]
    rows: list[Sequence[str | None]] = [labels]
    for name, values in (("name", graph.names), ("picture", graph.pictures)):
        if values is not None:
            columns.append(name)
            rows.append(values)
    tables: dict[str, tuple[tuple[str, ...], Iterable[tuple[str | None, ...]]]] = {
        "entities": (tuple(columns), zip(*rows, strict=True)),
        "triples": (TRIPLES, ((labels[h], relations[r], labels[t]) for h, r, t in graph.triples.tolist())),
    }
    if len(facts):
        ids = zip(facts.entity.tolist(), facts.attribute.tolist(), strict=True)
        pairs = ((labels[e], facts.names[a]) for e, a in ids)
        if facts.types is None:
            table = ((e, a, v) for (e, a), v in zip(pairs, facts.values, strict=True))
            tables["attributes"] = (FACTS[:3], table)
        else:
            typed = zip(pairs, facts.values, facts.types, strict=True)
            tables["attributes"] = (FACTS, ((e, a, v, kind) for (e, a), v, kind in typed))
    return tables


def link_table(task: AlignmentTask, *, parts: bool) -> tuple[tuple[str, ...], Iterable[tuple[str | None, ...]]]:
    """Columns and rows of the links of a task, with their part if that is asked for."""
    rows = [
        (task.left.entities[i], task.right.entities[j], part)
        for part in PARTS
        for i, j in getattr(task.links, part).tolist()
    ]
    return (LINKS, rows) if parts else (LINKS[:2], [row[:2] for row in rows])


def write_images(images: ImageTable | None, folder: Path) -> None:
    """``images.safetensors`` of a graph folder, if there are any."""
    from safetensors.numpy import save_file

    if images is not None:
        with atomic_path(folder / "images.safetensors") as temporary:
            save_file({"ids": images.rows, "features": np.ascontiguousarray(images.features)}, str(temporary))


def _read_entities(path: Path, read: TableReader, builder: GraphBuilder, faults: Faults) -> None:
    numbers = builder.entities
    for block in read(path, ENTITIES, faults):
        labels, names, pictures = block.columns
        before, rows = len(numbers), numbers.of(labels)  # type: ignore[arg-type]
        highest = np.maximum.accumulate(np.concatenate([[before - 1], rows]))
        fresh = rows > highest[:-1]
        for index in np.flatnonzero(~fresh).tolist():
            faults.bad(f"expected unique entities, got {labels[index]!r} again", path, int(block.lines[index]))  # type: ignore[index]
        for place, texts in ((builder.names, names), (builder.pictures, pictures)):
            if texts is not None:
                kept = zip(rows.tolist(), texts, fresh.tolist(), strict=True)
                place.update({row: text for row, text, keep in kept if text and keep})
    if not numbers:
        raise InputError("expected at least one entity, got none", path)
    builder.close(path.name)


def _images(path: Path, builder: GraphBuilder) -> ImageTable:
    found = read_images(path)
    if len(found.ids) and int(found.ids[-1]) >= len(builder.entities):
        raise InputError(f"expected rows 0..{len(builder.entities) - 1}, got {int(found.ids[-1])}", path)
    return ImageTable(found.ids, found.features)


def _names(name: str, suffixes: Sequence[str]) -> str:
    return " or ".join(name + suffix for suffix in suffixes)
