"""Graphs as Neo4j exports them: folders of ``neo4j-admin``, and the CSV and JSON of APOC."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import InputError
from ..kg import KnowledgeGraph
from ..parsing.columns import ByteStream, Faults, decoded_lines, read_blocks, short_text, stem
from ..parsing.delimited import CSV_SUFFIXES, TSV_SUFFIXES, first_row, read_unnamed
from ..parsing.headers import first_fields
from ..parsing.tables import TableBlock
from .property_graph import LABEL, Property, PropertyGraph, properties_of

SUFFIXES = (*CSV_SUFFIXES, *TSV_SUFFIXES)
JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
APOC = ("_id", "_labels", "_start", "_end", "_type")  # columns of ``apoc.export.csv.all``
SEPARATORS = ("\t", ",", ";", "|")
JSON_ROWS = 4096  # lines of JSON taken at a time
_FIELD = re.compile(
    r"(?P<name>[^:]*)(?::(?P<type>[A-Za-z_]+)(?P<list>\[\])?(?:\((?P<group>[^)]*)\))?(?:\{.*\})?)?", re.DOTALL
)
_HEADER_FILE = re.compile(r"(.*?)[-_. ]?headers?", re.IGNORECASE)


class Field(NamedTuple):
    """A column of a header: name and type of the property, whether it is a list, and the group of an id."""

    name: str
    kind: str
    many: bool
    group: str


@dataclass(frozen=True)
class _Table:
    """A file of nodes or relationships, with its header."""

    path: Path
    fields: Sequence[Field]
    separator: str
    own_header: bool

    @property
    def kinds(self) -> list[str]:
        return [field.kind for field in self.fields]

    def blocks(self, faults: Faults) -> Iterator[TableBlock]:
        """All columns, some thousand rows at a time."""
        for block in read_unnamed(self.path, len(self.fields), self.separator, faults):
            skip = 1 if self.own_header and len(block.lines) and int(block.lines[0]) == 1 else 0
            yield TableBlock([column[skip:] for column in block.columns if column is not None], block.lines[skip:])

    def place(self, kind: str) -> int | None:
        """Position of the only column of a type; ``None`` without one.

        Raises:
            InputError: several of them.
        """
        if (number := self.kinds.count(kind)) > 1:
            raise InputError(f"expected one column :{kind.upper()}, got {number}", self.path, 1)
        return self.kinds.index(kind) if number else None


def is_export(path: Path) -> bool:
    """Whether a file or folder is an export of Neo4j, by the headers of tables or the first line of JSON."""
    suffix = stem(path).suffix.lower()
    try:
        if path.is_dir():
            return any("id" in _kinds(each) for each in _files(path))
        if suffix in SUFFIXES:
            return {"_id", "_start", "_end"} <= {field.name for field in _header(path)[0]}
        return suffix in JSON_SUFFIXES and _first_object(path).get("type") in ("node", "relationship")
    except InputError:  # a damaged file, which its reader reports
        return False


def read_export(path: Path, faults: Faults) -> KnowledgeGraph:
    """Read one graph from an export of Neo4j; see ``PropertyGraph`` for what becomes of properties.

    - A folder of tables as ``neo4j-admin database import`` takes them, also ``apoc.export.csv`` with ``bulkImport``:
      files of nodes (``:ID``, ``:LABEL``, ``name``, ``age:int``, ``awards:string[]``) and of relationships
      (``:START_ID``, ``:END_ID``, ``:TYPE``), with the header in the first line, or of ``movies.csv`` and
      ``movies-1.csv`` in ``movies-header.csv``. Ids of several groups, ``:ID(Movie)``, are labels as they are, or with
      their group (``Movie/17``) if an id is in two groups. Without ``:TYPE`` the name of the file is the type.
    - A file of ``apoc.export.csv.all``, with the columns ``_id``, ``_labels``, ``_start``, ``_end``, ``_type``.
    - A file of ``apoc.export.json.all``: one JSON object a line.

    Args:
        path: file or folder.
        faults: policy for bad rows; filled with notes.

    Raises:
        InputError: a table breaks the format, an id is listed twice, or a relationship names an unknown node.
    """
    graph = PropertyGraph(path, faults)
    if path.is_dir():
        return _read_folder(path, graph)
    if stem(path).suffix.lower() in JSON_SUFFIXES:
        return _read_json(path, graph)
    return _read_csv(path, graph)


# --- folders of neo4j-admin


def _read_folder(folder: Path, graph: PropertyGraph) -> KnowledgeGraph:
    tables = _tables(folder)
    nodes = [table for table in tables if "id" in table.kinds]
    links = [table for table in tables if "start_id" in table.kinds or "end_id" in table.kinds]
    groups = {field.group for table in nodes for field in table.fields if field.kind == "id"}
    known = groups if len(groups) > 1 else set()
    for table in nodes:
        _add_nodes(table, graph, known)
    if not graph.builder.entities:
        raise InputError("expected at least one node, got none", nodes[0].path)
    named = nodes[0].path.name if len(nodes) == 1 else "the tables of nodes"
    for table in links:
        _add_relationships(table, graph, known, named)
    labels = list(graph.builder.entities)
    if known:
        bare = [label.partition("/")[2] for label in labels]
        labels = bare if len({*bare}) == len(bare) else [label.removeprefix("/") for label in labels]
    return graph.build(labels)


def _add_nodes(table: _Table, graph: PropertyGraph, groups: set[str]) -> None:
    place = table.place("id")
    assert place is not None
    group = table.fields[place].group
    for block in table.blocks(graph.faults):
        ids = [_key(text, group, groups) for text in block.columns[place] or ()]
        graph.add_nodes(ids, _properties(table, block), table.path, block.lines)


def _properties(table: _Table, block: TableBlock) -> Iterator[Property]:
    for field, column in zip(table.fields, block.columns, strict=True):
        if field.kind in ("id", "ignore", "start_id", "end_id", "type") or column is None:
            continue
        name = LABEL if field.kind == "label" else field.name
        found = [(row, text) for row, text in enumerate(column) if text]
        if field.kind == "label" or field.many:
            found = [(row, part) for row, text in found for part in text.split(";") if part]
        if name and found:
            yield Property(name, [row for row, _ in found], [text for _, text in found])


def _add_relationships(table: _Table, graph: PropertyGraph, groups: set[str], nodes: str) -> None:
    places = [table.place(kind) for kind in ("start_id", "end_id")]
    for kind, place in zip(("START_ID", "END_ID"), places, strict=True):
        if place is None:
            raise InputError(f"expected a column :{kind}, got none", table.path, 1)
    of_type = table.place("type")
    others = [k for k, field in enumerate(table.fields) if field.kind not in ("start_id", "end_id", "type", "ignore")]
    for block in table.blocks(graph.faults):
        ends: list[Sequence[str | None]] = []
        for place in places:
            assert place is not None
            group = table.fields[place].group
            ends.append([_key(text, group, groups) for text in block.columns[place] or ()])
        types: Sequence[str | None] = [stem(table.path).stem] * len(block.lines)
        if of_type is not None:
            types = block.columns[of_type] or ()
        kept = []
        for row, parts in enumerate(zip(*ends, types, strict=True)):
            if all(parts):
                kept.append(row)
                continue
            what = (":START_ID", ":END_ID", ":TYPE")[[bool(part) for part in parts].index(False)]
            graph.faults.bad(f"expected the {what}, got an empty field", table.path, int(block.lines[row]))
        starts, kinds, targets = ([column[row] or "" for row in kept] for column in (ends[0], types, ends[1]))
        graph.add_relationships(starts, kinds, targets, table.path, block.lines[kept], nodes=nodes)
        graph.dropped += sum(text is not None for k in others for text in block.columns[k] or ())


def _key(text: str | None, group: str, groups: set[str]) -> str | None:
    """An id with its group, if there are several groups."""
    return f"{group}/{text}" if text and groups else text


def _tables(folder: Path) -> list[_Table]:
    """The files of nodes and relationships, each with its header.

    Raises:
        InputError: a file has no header, and no other file is its header.
    """
    files = _files(folder)
    headers = {found[1]: path for path in files if (found := _HEADER_FILE.fullmatch(stem(path).stem))}
    tables = []
    for path in files:
        if path in headers.values():
            continue
        fields, separator = _header(path)
        own = any(field.kind in ("id", "start_id", "end_id") for field in fields)
        if not own:
            name = stem(path).stem
            fitting = [each for each in headers if re.match(rf"{re.escape(each)}(?![A-Za-z])", name)]
            if not fitting:
                raise InputError(
                    "expected a header with :ID, or :START_ID and :END_ID, in the first line or in a file "
                    f"{name}-header.csv, got {', '.join(map(repr, [field.name for field in fields][:4]))}",
                    path,
                    1,
                )
            fields, separator = _header(headers[max(fitting, key=len)])
        tables.append(_Table(path, fields, separator, own))
    return tables


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and stem(path).suffix.lower() in SUFFIXES)


def _kinds(path: Path) -> list[str]:
    return [field.kind for field in _header(path)[0]]


def _header(path: Path) -> tuple[list[Field], str]:
    """The fields of the first line, and their separator."""
    text = "".join(first_fields(path, "\n", lambda line, _: [line]) or ())
    separator = max(SEPARATORS, key=text.count)
    return [_parsed(column) for column in first_row(path, separator) or ()], separator


def _parsed(column: str) -> Field:
    found = _FIELD.fullmatch(column.strip())
    if found is None:
        return Field(column.strip(), "string", False, "")
    return Field(found["name"], (found["type"] or "string").lower(), found["list"] is not None, found["group"] or "")


# --- APOC


def _read_csv(path: Path, graph: PropertyGraph) -> KnowledgeGraph:
    """A file of ``apoc.export.csv.all``: rows of nodes, then rows of relationships."""
    fields, separator = _header(path)
    table = _Table(path, fields, separator, own_header=True)
    names = [field.name for field in fields]
    start, end = names.index("_start"), names.index("_end")
    own = names.index("_id")
    kind = names.index("_type") if "_type" in names else None
    properties = [(k, name) for k, name in enumerate(names) if name not in APOC]
    for block in table.blocks(graph.faults):
        columns = [column or () for column in block.columns]
        nodes = [row for row, text in enumerate(columns[own]) if text]
        rows = []
        for row in nodes:
            values = {name: _apoc_value(text) for k, name in properties if (text := columns[k][row]) is not None}
            labels = columns[names.index("_labels")][row] if "_labels" in names else None
            rows.append(([label for label in (labels or "").split(":") if label], values))
        graph.add_nodes([columns[own][row] for row in nodes], properties_of(rows), path, block.lines[nodes])
        links = [row for row, text in enumerate(columns[own]) if not text]
        for row in links:
            if not (columns[start][row] and columns[end][row]):
                graph.faults.bad("expected an _id, or _start and _end, got none", path, int(block.lines[row]))
        links = [row for row in links if columns[start][row] and columns[end][row]]
        if links:
            types = ["edge" if kind is None else columns[kind][row] or "edge" for row in links]
            ends = [[columns[k][row] or "" for row in links] for k in (start, end)]
            graph.add_relationships(ends[0], types, ends[1], path, block.lines[links], nodes="the rows before")
            graph.dropped += sum(columns[k][row] is not None for k, _ in properties for row in links)
    return graph.build()


def _apoc_value(text: str) -> object:
    """A value of APOC's CSV: a list is written as JSON, everything else as it is."""
    if not text.startswith("["):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, list) else text


def _read_json(path: Path, graph: PropertyGraph) -> KnowledgeGraph:
    """A file of ``apoc.export.json.all``: nodes and relationships in any order, one a line."""
    links: list[tuple[str, str, str, int]] = []
    ids: list[str] = []
    rows: list[tuple[list[str], dict[str, object]]] = []
    for first, block in read_blocks(path, graph.faults):
        for line, text in decoded_lines(path, first, block, graph.faults):
            try:
                found = json.loads(text)
                if found["type"] == "node":
                    ids.append(str(found["id"]))
                    rows.append((found.get("labels") or [], found.get("properties") or {}))
                elif found["type"] == "relationship":
                    ends = str(found["start"]["id"]), str(found["end"]["id"])
                    links.append((ends[0], str(found["label"]), ends[1], line))
                    graph.dropped += len(found.get("properties") or {})
                else:
                    raise ValueError
            except (ValueError, KeyError, TypeError, RecursionError):
                graph.faults.bad(
                    f"expected one JSON object of a node or relationship of APOC, got {short_text(text)}", path, line
                )
            if len(rows) >= JSON_ROWS:
                graph.add_nodes(ids, properties_of(rows), path)
                ids, rows = [], []
    graph.add_nodes(ids, properties_of(rows), path)
    if links:
        starts, types, ends_, lines = zip(*links, strict=True)
        graph.add_relationships(starts, types, ends_, path, np.array(lines), nodes="the file")
    return graph.build()


def _first_object(path: Path) -> dict[str, object]:
    """The JSON object of the first line; empty if it is none."""
    with ByteStream(path) as stream:
        line = stream.read(1 << 20).partition(b"\n")[0]
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
