"""Assign pictures to entities: by file name, by a table, or by the picture names of the graph itself."""

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from ...errors import InputError
from ..kg import KnowledgeGraph
from ..parsing import delimited, parquet
from ..parsing.columns import Faults, stem
from .decode import SUFFIXES

TABLE_SUFFIXES = (*delimited.TSV_SUFFIXES, *delimited.CSV_SUFFIXES, *parquet.SUFFIXES)


class PictureFile(NamedTuple):
    """A picture file and the names it is known by, the most specific first."""

    names: tuple[str, ...]
    path: Path


def list_pictures(source: Path, faults: Faults) -> list[PictureFile]:
    """List the pictures of a folder or a table, in order; none is opened.

    Args:
        source: a folder, searched recursively (``.jpg``, ``.jpeg``, ``.png``, ``.webp``, ``.gif``); see ``names_of``
            for the names of a picture. Or a table (TSV, CSV, Parquet) with columns ``entity`` and ``picture``; the
            latter is a path relative to the folder of the table.
        faults: how to handle bad rows of a table; notes are counted there.

    Raises:
        InputError: there is no such folder or table, or the table breaks its format.
    """
    if source.is_dir():
        return list(_in_folder(source, faults))
    if not source.exists():
        raise InputError("no such folder or table of pictures; check the path", source)
    if stem(source).suffix.lower() not in TABLE_SUFFIXES:
        raise InputError(
            f"expected a folder of pictures, or a table of entity and picture ({', '.join(TABLE_SUFFIXES)})", source
        )
    return list(_in_table(source, faults))


def _in_folder(folder: Path, faults: Faults) -> Iterator[PictureFile]:
    others = 0
    for place, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            path = Path(place) / file
            if path.suffix.lower() not in SUFFIXES:
                others += 1
                continue
            yield PictureFile(names_of(path.relative_to(folder).with_suffix("").as_posix(), file), path)
    faults.count(f"{folder.name}: files with no suffix of a picture", others)


def names_of(name: str, file: str | None = None) -> tuple[str, ...]:
    """Names of a picture: its path without suffix, its file name with and without suffix, and its folder.

    Args:
        name: path without suffix, or an IRI, which is then the only name.
        file: file name with suffix; ``None`` = unknown.
    """
    folder, _, bare = name.rpartition("/")
    if "://" in name:
        return (name,)
    names = [name, *([file] if file else []), bare, *([folder.rpartition("/")[2]] if folder else [])]
    return tuple(dict.fromkeys(names))


def _in_table(table: Path, faults: Faults) -> Iterator[PictureFile]:
    columns = ("entity", "picture")
    is_parquet = stem(table).suffix.lower() in parquet.SUFFIXES
    read = parquet.read_rows if is_parquet else partial(delimited.read_rows, header=True)
    empty = 0
    for block in read(table, columns, faults):
        entities, pictures = block.columns
        if pictures is None:
            raise InputError("expected columns 'entity' and 'picture', got no 'picture' or 'image'", table)
        for entity, picture in zip(entities or (), pictures, strict=True):
            if entity and picture:
                yield PictureFile((entity,), table.parent / picture)
            else:
                empty += 1
    faults.count(f"{table.name}: entities without a picture", empty)


def entity_rows(graph: KnowledgeGraph, names: Iterable[Sequence[str]], what: str, faults: Faults) -> dict[int, int]:
    """Assign items (pictures or their features) to the entities of a graph, by name.

    If the graph names the picture of an entity (``KnowledgeGraph.pictures``), the item of that name is assigned.
    Otherwise an item belongs to the entity with a matching label. One of its names must equal, as written or
    percent-encoded, the label, or the end of the label after the last ``/`` or ``#`` (if only one label has this end),
    or the id of the entity in the files of DBP15K. ``m.027rn`` also matches Freebase's ``/m/027rn``. If several items
    match an entity, the first counts.

    Args:
        graph: the graph.
        names: names of each item, the most specific first.
        what: word for the items in notes.
        faults: counts pictures of no entity, and additional pictures of one entity, in its notes.

    Returns:
        Position of the item by entity row, rows ascending, for entities that have one.
    """
    items = list(names)
    found: dict[int, int] = {}
    named = _rows_by_picture(graph)
    labels = _Labels(graph)
    several = 0
    unknown: list[Sequence[str]] = []
    for position, own in enumerate(items):
        rows = next((named[name] for name in own if name in named), None)
        if rows is None:
            rows = next(([row] for name in own if (row := labels.row(name)) is not None), [])
        if not rows:
            unknown.append(own)
        for row in rows:
            several += row in found
            found.setdefault(row, position)
    if unknown:
        file = next((name for name in unknown[0] if name.lower().endswith(SUFFIXES)), unknown[0][0])
        example = f"e.g. {file!r}, where an entity is {graph.entities[0]!r}"
        faults.count(f"{what}: pictures of no entity, {example}", len(unknown))
    faults.count(f"{what}: more pictures of one entity", several)
    return dict(sorted(found.items()))


def _rows_by_picture(graph: KnowledgeGraph) -> dict[str, list[int]]:
    """Entity rows by the name of their picture in the graph: reference, path, file name, file name without suffix."""
    rows: dict[str, list[int]] = {}
    for row, reference in enumerate(graph.pictures or ()):
        if reference:
            file = unquote(urlsplit(reference).path if "://" in reference else reference).rpartition("/")[2]
            bare = os.path.splitext(file)[0] if file.lower().endswith(SUFFIXES) else file
            path = reference.removesuffix(os.path.splitext(reference)[1]) if "://" not in reference else reference
            for name in dict.fromkeys((reference, path, file, bare)):
                if name:
                    rows.setdefault(name, []).append(row)
    return rows


class _Labels:
    """Entity rows by label, by the end of the label, and by id."""

    def __init__(self, graph: KnowledgeGraph) -> None:
        self.rows = {label: row for row, label in enumerate(graph.entities)}
        self.ends: dict[str, int | None] = {}
        for row, label in enumerate(graph.entities):
            end = label.rstrip("/").rpartition("/")[2].rpartition("#")[2]
            self.ends[end] = None if end in self.ends else row  # an end shared by two entities is ambiguous
        ids = graph.source_ids
        self.ids = {} if ids is None else {str(number): row for row, number in enumerate(ids.tolist())}

    def row(self, name: str) -> int | None:
        """Row of the entity with this name, or ``None``."""
        plain = unquote(name)
        for each in (name, plain, f"/{name.replace('.', '/', 1)}" if name.startswith(("m.", "g.")) else name):
            if each in self.rows:
                return self.rows[each]
        for each in (name, plain):
            if self.ends.get(each) is not None:
                return self.ends[each]
        return self.ids.get(name)
