"""Triples, facts and links in TSV and CSV files, in and out."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ...errors import InputError, UsageError
from ...files import atomic_path
from ..kg import KnowledgeGraph
from ..links.checked import LabelLinks
from ..parsing.columns import ByteStream, Faults, FieldBlock, OnError, cut_fields, read_blocks, stem
from .tables import (
    LINKS,
    OPTIONAL,
    TRIPLES,
    TableBlock,
    check_columns,
    columns_of,
    graph_tables,
    read_table_graph,
    read_table_links,
    write_images,
)

TSV_SUFFIXES, CSV_SUFFIXES = (".tsv", ".txt"), (".csv",)
_ROWS = 1 << 14  # rows of quoted CSV taken at a time


def read_delimited(
    source: str | Path,
    *,
    header: bool | None = None,
    columns: Sequence[str] = (),
    on_error: OnError = "raise",
    faults: Faults | None = None,
) -> KnowledgeGraph:
    """Read one graph from TSV or CSV: a file of triples, or a folder of tables (see ``read_table_graph``).

    Fields of ``.tsv`` and ``.txt`` are separated by tabs and taken as they are; ``.csv`` follows RFC 4180, quotes and
    line ends inside quotes included. Both may be compressed (``.gz``, ``.bz2``).

    Args:
        source: file or folder.
        header: whether the first line of a file of triples names the columns; ``None`` = if it does.
        columns: names of the columns of head, relation and tail; by default the usual ones (head or subject, ...).
            Without a header the first three columns are these, and there are no more.
        on_error: ``raise`` at the first bad line, or ``skip`` bad lines.
        faults: what to do with bad lines, in place of ``on_error``; filled with notes.

    Raises:
        InputError: a file is missing or breaks the format; the message holds file and line.
        UsageError: the names are not three.
    """
    source = Path(source)
    read = partial(read_rows, header=header, columns=check_columns(columns))
    return read_table_graph(source, suffixes_of(source), read, faults or Faults(on_error))


def read_delimited_links(path: str | Path, faults: Faults, *, header: bool | None = None) -> LabelLinks:
    """Read links from TSV or CSV: left, right, and with a header perhaps part (train, valid or test).

    Raises:
        InputError: the file is missing or breaks the format; the message holds file and line.
    """
    return read_table_links(Path(path), partial(read_rows, header=header), faults)


def write_delimited(graph: KnowledgeGraph, folder: str | Path, *, form: str = "tsv") -> Path:
    """Write a graph as a folder of TSV or CSV tables, which ``read_delimited`` gives back.

    Texts that are empty come back as missing. TSV holds no tabs and line ends, CSV any text (of a pair of
    carriage return and line feed the line feed is left).

    Args:
        graph: the graph.
        folder: made if it is not there; each file is written whole or not at all.
        form: ``tsv`` or ``csv``.

    Raises:
        InputError: a text that the format cannot hold.
        UsageError: another form.
    """
    folder = Path(folder)
    for name, (columns, rows) in graph_tables(graph).items():
        write_rows(folder / f"{name}.{form}", columns, rows)
    write_images(graph.images, folder)
    return folder


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
    """Write a table with its header, whole or not at all; the suffix tells the format.

    Raises:
        InputError: a text that the format cannot hold.
        UsageError: the suffix is neither ``.tsv`` nor ``.csv``.
    """
    if path.suffix not in (".tsv", ".csv"):
        raise UsageError(f"expected a file that ends in .tsv or .csv, got {path.name!r}")
    needed = [column not in OPTIONAL for column in columns]
    refused = "\0" if path.suffix == ".csv" else "\t\n\r\0"
    hint = "" if path.suffix == ".csv" else "; write CSV or Parquet"
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n") if path.suffix == ".csv" else None
        file.write(("," if writer else "\t").join(columns) + "\n")
        for row in rows:
            fields = [field or "" for field in row]
            for field, need in zip(fields, needed, strict=True):
                if (need and not field) or any(sign in field for sign in refused):
                    raise InputError(f"expected text without tabs, line ends and NUL, got {field[:60]!r}{hint}", path)
            try:
                if writer:
                    writer.writerow(fields)
                else:
                    file.write("\t".join(fields) + "\n")
            except UnicodeEncodeError:
                raise InputError(f"expected text that UTF-8 can hold, got {fields!a:.80}", path) from None


def read_rows(
    path: Path, wanted: Sequence[str], faults: Faults, *, header: bool | None = None, columns: Sequence[str] = ()
) -> Iterator[TableBlock]:
    """The wanted columns of a TSV or CSV file, some thousand rows at a time; see ``TableReader``."""
    separator = "," if stem(path).suffix.lower() in CSV_SUFFIXES else "\t"
    first = _first_row(path, separator)
    if first is None:
        return
    open_to_no_header = wanted in (TRIPLES, LINKS)
    names = columns if wanted == TRIPLES else ()
    required = [column for column in wanted if column not in OPTIONAL]
    if header is None or not open_to_no_header:
        header = not open_to_no_header or _is_header(first, required, path, names)
    places: list[int | None]
    if header:
        places, width = columns_of(first, wanted, path, names, 1), len(first)
    else:
        places = [number if column in required else None for number, column in enumerate(wanted)]
        width = len(required)
    empty = width > len(required) or wanted != TRIPLES
    for block in _blocks(path, width, separator, faults, empty):
        lines, fields = block
        if header and len(lines) and int(lines[0]) == 1:
            lines, fields = lines[1:], fields[width:]
        found = [None if place is None else fields[place::width] for place in places]
        if empty:
            found, lines = _filled(found, wanted, lines, path, faults)
        yield TableBlock(
            [
                [text or None for text in texts] if texts is not None and column in OPTIONAL else texts
                for column, texts in zip(wanted, found, strict=True)
            ],
            lines,
        )


def suffixes_of(source: Path) -> tuple[str, ...]:
    """The suffixes of one of the two formats: that of the file, or of the triples in the folder.

    Raises:
        InputError: neither fits.
    """
    if source.is_dir():
        there = [
            path for path in sorted(source.glob("triples.*")) if stem(path).suffix in (*TSV_SUFFIXES, *CSV_SUFFIXES)
        ]
        if len(there) > 1:
            raise InputError(f"expected one table of triples, found {', '.join(path.name for path in there)}", source)
        return CSV_SUFFIXES if there and stem(there[0]).suffix in CSV_SUFFIXES else TSV_SUFFIXES
    suffix = stem(source).suffix.lower()
    for suffixes in (TSV_SUFFIXES, CSV_SUFFIXES):
        if suffix in suffixes:
            return suffixes
    raise InputError("expected a .tsv, .txt or .csv file, or a folder with such tables", source)


def _filled(
    found: list[list[str] | None], wanted: Sequence[str], lines: np.ndarray, path: Path, faults: Faults
) -> tuple[list[list[str] | None], np.ndarray]:
    """The rows whose required fields are all there."""
    good = np.ones(len(lines), bool)
    for column, texts in zip(wanted, found, strict=True):
        if column not in OPTIONAL and texts is not None and "" in texts:
            for index in [k for k, text in enumerate(texts) if not text and good[k]]:
                faults.bad(f"expected the {column}, got an empty field", path, int(lines[index]))
                good[index] = False
    if good.all():
        return found, lines
    kept = np.flatnonzero(good).tolist()
    return [None if texts is None else [texts[k] for k in kept] for texts in found], lines[good]


def _is_header(first: Sequence[str], required: Sequence[str], path: Path, names: Sequence[str]) -> bool:
    """Whether the fields of a line are names of the required columns."""
    try:
        places = columns_of(first, required, path, names)
    except InputError:
        return False
    return len(set(places)) == len(places)


def _first_row(path: Path, separator: str) -> list[str] | None:
    """Fields of the first line; ``None`` if the file is empty."""
    with ByteStream(path) as stream:
        line, newline, _ = stream.read(1 << 20).partition(b"\n")
    if not line and not newline:
        return None
    text = line.removesuffix(b"\r").decode(errors="replace")
    return next(csv.reader([text]), [""]) if separator == "," else text.split(separator)


def _blocks(path: Path, width: int, separator: str, faults: Faults, empty: bool) -> Iterator[FieldBlock]:
    """Fields of all rows; from the first quote in a CSV file on, the csv module reads."""
    blocks = read_blocks(path, faults)
    for first, block in blocks:
        if separator == "," and b'"' in block:
            yield from _quoted(path, first, block, blocks, width, faults, empty)
            return
        yield cut_fields(path, first, block, width, faults, separator, empty)


def _quoted(
    path: Path,
    first: int,
    block: bytes,
    blocks: Iterator[tuple[int, bytes]],
    width: int,
    faults: Faults,
    empty: bool,
) -> Iterator[FieldBlock]:
    def texts() -> Iterator[str]:
        part: tuple[int, bytes] | None = (first, block)
        while part is not None:
            for line, raw in enumerate(part[1].split(b"\n")[:-1], start=part[0]):
                try:
                    text = raw.decode()
                except UnicodeDecodeError as error:
                    what = f"expected UTF-8, got byte {raw[error.start]:#04x} in column {error.start + 1}"
                    faults.bad(what, path, line)
                    text = ""
                if "\0" in text:
                    faults.bad(f"expected text, got a NUL character in column {text.index(chr(0)) + 1}", path, line)
                    text = ""
                yield text + "\n"
            part = next(blocks, None)

    rows = csv.reader(texts(), strict=True)
    lines: list[int] = []
    fields: list[str] = []
    while True:
        begun = first + rows.line_num
        try:
            row = next(rows, None)
        except csv.Error as error:
            faults.bad(f"expected CSV, got {error}", path, begun)
            continue
        if row is None:
            break
        if len(row) != width:
            what = f"{len(row)}: {','.join(row)[:60]!r}" if row else "an empty line"
            faults.bad(f"expected {width} comma-separated fields, got {what}", path, begun)
        elif not (empty or all(row)):
            faults.bad(f"expected {width} fields, got an empty one: {','.join(row)[:60]!r}", path, begun)
        else:
            lines.append(begun)
            fields += row
        if len(lines) >= _ROWS:
            yield FieldBlock(np.array(lines, np.int64), fields)
            lines, fields = [], []
    yield FieldBlock(np.array(lines, np.int64), fields)
