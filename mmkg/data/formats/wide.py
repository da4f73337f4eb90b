"""Tables with one entity in each row: ids, names, pictures, attributes, and columns of ids, which are relations."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from ...errors import Advice, InputError, Setting
from ...typing import IntArray
from ..kg import KnowledgeGraph
from ..parsing.builder import GraphBuilder
from ..parsing.columns import Faults, stem
from ..parsing.headers import is_timed
from ..parsing.roles import (
    bare,
    base_of,
    id_column,
    is_certain,
    may_be_header,
    name_column,
    picture_column,
    refers_to,
    usual_id,
)
from ..parsing.tables import LIST, OTHER, TableReader

Column = Sequence[str | None]
TableKind = Literal["entities", "triples"]
SEPARATORS = (LIST, "|", ";")
AS_TRIPLES = Advice("to read triples: {}", Setting("data.table", "triples"))
_SHOWN = 12  # columns in a note
_PARENTS = ("parent", "broader", "partof", "memberof", "locatedin", "belongsto", "sameas", "related", "manager")
_CHANCE = 0.01  # probability that a column of numbers holds ids by chance, below which it is a relation


class WideTable(NamedTuple):
    """A table with one entity in each row.

    Args:
        name: its name: that of the file, without suffix.
        path: the file; pictures are relative to its folder.
        columns: texts of each column by name, ``None`` for an empty field.
        lines: line of each row in the file.
        key: the column of the ids; ``None`` = found by ``id_column``.
    """

    name: str
    path: Path
    columns: dict[str, Column]
    lines: IntArray
    key: str | None = None


class _Part(NamedTuple):
    """A table, its column of ids, the rows of its entities in the graph, and which of its rows these are."""

    table: WideTable
    key: str
    rows: dict[str, int]  # by id
    kept: IntArray


def read_wide(path: Path, header: Sequence[str], read: TableReader, faults: Faults) -> WideTable:
    """All columns of a file; ``header`` names them.

    Raises:
        InputError: the file breaks its format, two columns have one name, or there is no row.
    """
    wanted = [OTHER + name.strip() for name in header]
    columns: list[list[str | None]] = [[] for _ in header]
    lines: list[IntArray] = []
    for block in read(path, wanted, faults):
        lines.append(block.lines)
        for texts, column in zip(block.columns, columns, strict=True):
            column += texts or [None] * len(block.lines)
    if not lines or not sum(map(len, lines)):
        raise InputError("expected at least one row below the names of the columns, got none", path)
    named = dict(zip((name.strip() for name in header), columns, strict=True))
    return WideTable(stem(path).stem, path, {**named}, np.concatenate(lines))


def wide_tables(
    paths: Sequence[Path],
    read: TableReader,
    faults: Faults,
    header: Callable[[Path], Sequence[str] | None],
    *,
    certain: bool = False,
) -> list[WideTable] | None:
    """The tables of entities in some files; ``None`` if a file is none.

    Args:
        paths: the files.
        read: reader of a table.
        faults: policy for bad lines.
        header: ``header(path)`` returns the first line of a table.
        certain: whether the files are tables of entities in any case.

    Raises:
        InputError: a file that certainly is such a table breaks its format.
    """
    found: list[WideTable] = []
    for path in paths:
        name, first = stem(path).stem, header(path)
        if not first or not (certain or (may_be_header(first, name) and not is_timed(first))):
            return None
        own = Faults(faults.on_error, {}, faults.max_bytes)
        sure = certain or is_certain(first, name)
        try:
            table = read_wide(path, first, read, own)
        except InputError:
            if sure:
                raise
            return None
        if not sure and id_column(table.columns, name) is None:
            return None
        for note, number in own.notes.items():
            faults.count(note, number)
        found.append(table)
    return found or None


def holds_entities(folder: Path, suffixes: Sequence[str], header: Callable[[Path], Sequence[str] | None]) -> bool:
    """Whether the first lines of the tables of a folder are those of tables of entities."""
    paths = table_files(folder, suffixes)
    return bool(paths) and all(may_be_header(header(path) or (), stem(path).stem) for path in paths)


def table_files(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """The files of a folder with one of the suffixes, plain or compressed, by name; text files (``.txt``) are none."""
    return sorted(path for path in folder.iterdir() if stem(path).suffix.lower() in {*suffixes} - {".txt"})


def graph_of_wide(tables: Sequence[WideTable], faults: Faults) -> KnowledgeGraph:
    """One graph from tables; see ``add_tables``."""
    builder = GraphBuilder(tables[0].path, faults)
    add_tables(builder, tables)
    return builder.build()


def add_tables(builder: GraphBuilder, tables: Sequence[WideTable]) -> None:
    """Add the entities of tables, row by row, with names, pictures, attributes and relations.

    - The id is a column with a usual name (``id``, ``uri``, ``product_id`` in the table products, ...), else the first
      column, whose texts are unique. If tables share ids, entities are called ``table/id``.
    - ``name``, ``title`` or ``label`` is the name, ``image``, ``picture`` or a column of picture files the picture.
    - A column is a relation if its fields are ids of this or another table, also several in one field, separated by
      bars or semicolons. Small numbers may be ids by chance: they also need a name such as ``brand_id`` or ``parent``.
      Fields of a relation that are no ids are attributes.
    - All other columns are attributes. Columns without a name that number the rows are left out.

    A note reports what was understood.

    Raises:
        InputError: no column has unique ids, or an id is missing or comes again; file and line are given.
    """
    faults = builder.faults
    keys = [_key_of(table) for table in tables]
    ids = [[label for label in table.columns[key] if label] for table, key in zip(tables, keys, strict=True)]
    shared = len({label for each in ids for label in each}) < sum(len({*each}) for each in ids)
    if shared:
        faults.count(f"tables with common ids, whose entities are called table/id, e.g. {tables[0].name}/...", len(ids))
    parts = [
        _add_entities(builder, table, key, f"{table.name}/" if shared else "")
        for table, key in zip(tables, keys, strict=True)
    ]
    for part in parts:
        _add_columns(builder, part, parts)


def _key_of(table: WideTable) -> str:
    key = table.key or id_column(table.columns, table.name) or usual_id(table.columns, table.name)
    assert key is not None  # a table has columns
    return key


def _add_entities(builder: GraphBuilder, table: WideTable, key: str, prefix: str) -> _Part:
    """Add the rows of a table as entities; each row without an id of its own is a fault."""
    seen: dict[str, int] = {}
    kept: list[int] = []
    for place, label in enumerate(table.columns[key]):
        if label and label not in seen:
            seen[label] = place
            kept.append(place)
            continue
        got = f"{label!r} again, which is in line {table.lines[seen[label]]}" if label else "an empty field"
        message = f"expected a unique id in the column {key!r}, got {got}"
        builder.faults.bad(message, table.path, int(table.lines[place]), advice=AS_TRIPLES)
    rows = builder.entities.of([prefix + label for label in seen])
    return _Part(table, key, dict(zip(seen, rows.tolist(), strict=True)), np.array(kept, np.int64))


def _add_columns(builder: GraphBuilder, part: _Part, parts: Sequence[_Part]) -> None:
    table, key = part.table, part.key
    named = name_column(table.columns, table.name, key)
    picture = picture_column(table.columns, key)
    understood: dict[str, list[str]] = {"attributes": [], "relations": []}
    rows = np.array(list(part.rows.values()), np.int64)
    for name, column in table.columns.items():
        texts = [column[place] for place in part.kept.tolist()]
        if name == key or (not name and _counts(texts)):
            continue
        if name == named:
            builder.names.update({row: text for row, text in zip(rows.tolist(), texts, strict=True) if text})
        elif name == picture:
            found = zip(rows.tolist(), texts, strict=True)
            builder.pictures.update({row: _located(text, table.path) for row, text in found if text})
        else:
            separator, target = _target(name, texts, part, parts)
            places, values = _fields(texts, separator if target is not None else LIST)
            lines = table.lines[part.kept[places]]
            linked = np.zeros(len(values), bool)
            if target is not None:
                tails = np.array([target.rows.get(value, -1) for value in values], np.int64)
                linked = tails >= 0
                ends = np.stack([rows[places[linked]], tails[linked]], axis=1).ravel()
                builder.add_triples(ends, [name] * int(linked.sum()), table.path, lines[linked])
                other = "" if target is part else f"{target.table.name}."
                several = f" (several, by {separator!r})" if separator not in ("", LIST) else ""
                understood["relations"].append(f"{name} -> {other}{target.key}{several}")
                unknown = int((~linked).sum())
                builder.faults.count(f"{table.path.name}: fields of {name} that are no id, read as attributes", unknown)
            else:
                understood["attributes"].append(name)
            kinds, own = [name] * int((~linked).sum()), [values[k] for k in np.flatnonzero(~linked).tolist()]
            builder.add_facts(rows[places[~linked]], kinds, own, None, table.path, lines[~linked])
    said: dict[str, Sequence[str | None]] = {"id": [key], "name": [named], "picture": [picture], **understood}
    shown = [f"{what}: {_list(names)}" for what, names in said.items() if any(names)]
    builder.faults.count(f"{table.path.name}: rows read as entities ({'; '.join(shown)})", len(rows))


def _target(name: str, texts: Sequence[str | None], part: _Part, parts: Sequence[_Part]) -> tuple[str, _Part | None]:
    """The table that a column refers to, and the separator of several ids in one field (empty = one each)."""
    for separator in ("", *(each for each in SEPARATORS if any(each in text for text in texts if text))):
        values = {*_fields(texts, separator)[1]}
        if not values:
            return "", None
        hinted = [each for each in parts if refers_to(name, each.table.name)]
        if not hinted and (bare(name) != base_of(name) or bare(name) in _PARENTS):  # brand_id, parent
            hinted = list(parts)
        found = [each for each in parts if _are_ids(values, each, each in hinted)]
        found = [each for each in found if each in hinted] or found
        if part in found and base_of(name) in _PARENTS:
            found = [part]
        if len(found) == 1:
            return separator, found[0]
    return "", None


def _are_ids(values: set[str], part: _Part, hinted: bool) -> bool:
    """Whether values are ids of a table: all of them and not by chance, or half of them and the name says so."""
    known = len(values & part.rows.keys())
    if hinted:
        return 2 * known >= len(values)
    if known < len(values):
        return False
    numbers = [int(label) for label in part.rows if label.isascii() and label.isdecimal() and len(label) < 19]
    if len(numbers) < len(part.rows):
        return True
    density = len(numbers) / (max(numbers) - min(numbers) + 1)
    return bool(density ** len(values) < _CHANCE)


def _fields(texts: Sequence[str | None], separator: str) -> tuple[IntArray, list[str]]:
    """Texts of a column that are not empty, split by a separator, and the place of each."""
    places: list[int] = []
    values: list[str] = []
    for place, text in enumerate(texts):
        found = () if not text else (text,) if not separator else filter(None, map(str.strip, text.split(separator)))
        for value in found:
            places.append(place)
            values.append(value)
    return np.array(places, np.int64), values


def _counts(texts: Sequence[str | None]) -> bool:
    """Whether a column numbers the rows, from 0 or 1."""
    return any(texts == [str(number) for number in range(start, start + len(texts))] for start in (0, 1))


def _located(picture: str, table: Path) -> str:
    """The path of a picture, relative to the folder of its table; an address as it is. The first of a list."""
    first = picture.split(LIST)[0]
    return first if "://" in first else str(table.parent / first)


def _list(names: Sequence[str | None]) -> str:
    shown = ", ".join(name for name in names[:_SHOWN] if name)
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
