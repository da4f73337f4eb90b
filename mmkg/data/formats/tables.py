"""Graphs as tables, independent of the file format."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...files import atomic_path
from ..arrays.by_id import read_images
from ..kg import ImageTable, KnowledgeGraph
from ..parsing.builder import GraphBuilder
from ..parsing.coded import Coded
from ..parsing.columns import Faults, stem
from ..parsing.headers import time_text
from ..parsing.tables import ALIASES, ENTITIES, FACTS, TIMED, TRIPLES, TableBlock, TableReader
from .wide import TableKind, add_tables, graph_of_wide, read_wide, table_files, wide_tables

TRIPLE_FILES, ENTITY_FILES = ("triples", "relationships", "edges"), ("entities", "nodes")


def read_table_graph(
    source: Path,
    suffixes: Sequence[str],
    read: TableReader,
    faults: Faults,
    header: Callable[[Path], Sequence[str] | None],
    *,
    table: TableKind | None = None,
) -> KnowledgeGraph:
    """One graph from a file of triples, from a file or folder of tables of entities, or from a folder of both.

    A file is a table of entities if its first line says so (see ``may_be_header``) and a column has unique ids; then
    ``add_tables`` reads it, and all such tables of a folder without triples. Any other file holds triples.

    Files of the folder: ``triples``, ``relationships`` or ``edges`` (head, relation, tail); optionally ``entities`` or
    ``nodes`` (entity, name, picture), which then lists all entities in their order, ``attributes`` (entity, attribute,
    value, type) and ``images.safetensors`` (see ``read_images``; ids are rows of ``entities``).

    Args:
        source: file or folder.
        suffixes: ends of the names of tables.
        read: reader of a table.
        faults: policy for bad lines.
        header: ``header(path)`` returns the first line of a table.
        table: ``entities`` or ``triples``, for what a file holds; ``None`` = by its first line.

    Raises:
        InputError: a file is missing or breaks the format.
    """
    folder = source if source.is_dir() else None
    triples = source if folder is None else table_file(folder, TRIPLE_FILES, suffixes)
    if table != "triples" and (folder is None or triples is None):
        paths = [source] if folder is None else table_files(folder, suffixes)
        if (
            wide := wide_tables(paths, read, faults, header, certain=table == "entities" or len(paths) > 1)
        ) is not None:
            return graph_of_wide(wide, faults)
    if triples is None:
        raise InputError(f"expected a file of triples, {_names('triples', suffixes)}, found none", source)
    builder = GraphBuilder(triples, faults)
    entities = None if folder is None else table_file(folder, ENTITY_FILES, suffixes)
    first = () if entities is None else header(entities) or ()
    if entities is not None and (key := _more_columns(first)) is not None:
        add_tables(builder, [read_wide(entities, first, read, faults)._replace(key=key)])
        builder.close(entities.name)
    elif entities is not None:
        _read_entities(entities, read, builder, faults)
    _read_triples(triples, read, builder, faults)
    facts = None if folder is None else table_file(folder, ("attributes",), suffixes)
    if facts is not None:
        for block in read(facts, FACTS, faults):
            labels, names, values, types = block.columns
            values = [None] * len(block.lines) if values is None else values
            builder.add_facts(labels, names, values, types, facts, block.lines)  # type: ignore[arg-type]
    images = None
    if folder is not None and (folder / "images.safetensors").exists():
        images = _images(folder / "images.safetensors", builder)
    return builder.build(images=images)


def table_file(folder: Path, names: Sequence[str], suffixes: Sequence[str]) -> Path | None:
    """The file of a table with one of the names and suffixes, plain or compressed; ``None`` without one.

    Raises:
        InputError: several such files.
    """
    files = {name + each for name in names for each in suffixes}
    found = sorted(path for name in names for path in folder.glob(name + ".*") if stem(path).name in files)
    if len(found) > 1:
        raise InputError(f"expected one table of {names[0]}, found {', '.join(path.name for path in found)}", folder)
    return found[0] if found else None


def _more_columns(header: Sequence[str]) -> str | None:
    """The column of the entities in a header that also names columns other than those of ``ENTITIES``, if so."""
    known = {name for column in ENTITIES for name in ALIASES[column]}
    if all(name.strip().lower() in known for name in header):
        return None
    return next((name.strip() for name in header if name.strip().lower() in ALIASES["entity"]), None)


def graph_tables(graph: KnowledgeGraph) -> dict[str, tuple[tuple[str, ...], Iterable[tuple[str | None, ...]]]]:
    """The tables of a graph: columns and rows of each, by name; no ``attributes`` for a graph without any."""
    labels, relations, facts = list(graph.entities), graph.relations, graph.attributes
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


def write_images(images: ImageTable | None, folder: Path) -> None:
    """Write ``images.safetensors`` of a graph folder, if the graph has images."""
    from safetensors.numpy import save_file

    if images is not None:
        with atomic_path(folder / "images.safetensors") as temporary:
            save_file({"ids": images.rows, "features": np.ascontiguousarray(images.features)}, str(temporary))


def _read_triples(path: Path, read: TableReader, builder: GraphBuilder, faults: Faults) -> None:
    for block in read(path, TIMED, faults):
        heads, relations, tails, *times = block.columns
        ends: Any
        if isinstance(heads, Coded) and isinstance(tails, Coded):
            ends = Coded.interleaved(heads, tails)
        else:
            ends = [None] * (2 * len(block.lines))
            ends[::2], ends[1::2] = heads, tails
        builder.add_triples(ends, relations, path, block.lines)  # type: ignore[arg-type]
        for column in times:
            if column is not None:
                _add_times(builder, block, column, path)


def _add_times(builder: GraphBuilder, block: TableBlock, column: Sequence[str | None], path: Path) -> None:
    """Add the times of triples as values of their heads, with the relation as attribute."""
    heads, relations = block.columns[:2]
    texts = list(map(time_text, column))
    kept = [index for index, text in enumerate(texts) if text]
    entities, kinds = (
        side.at(np.array(kept, np.int64)) if isinstance(side, Coded) else [side[index] for index in kept]  # type: ignore[index]
        for side in (heads, relations)
    )
    builder.add_facts(entities, kinds, [texts[index] for index in kept], None, path, block.lines[kept])  # type: ignore[arg-type]
    builder.faults.count(f"{path.name}: times of triples, read as values of their heads", len(kept))


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
    found = read_images(path, max_bytes=builder.faults.max_bytes)
    if len(found.ids) and int(found.ids[-1]) >= len(builder.entities):
        raise InputError(f"expected rows 0..{len(builder.entities) - 1}, got {int(found.ids[-1])}", path)
    return ImageTable(found.ids, found.features)


def _names(name: str, suffixes: Sequence[str]) -> str:
    return " or ".join(name + suffix for suffix in suffixes)
