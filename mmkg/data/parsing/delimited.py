"""Rows of TSV and CSV files, in and out."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np

from ...errors import InputError, UsageError
from ...files import write_lines
from ..texts.packed import Texts
from .cells import cells_of
from .coded import Coded
from .columns import SEPARATORS, Faults, FieldBlock, cut_fields, read_blocks, stem
from .headers import Shape, first_fields, shape_of
from .tables import FACTS, HEAD, OPTIONAL, RELATION, TAIL, TIMED, TRIPLES, TableBlock, is_optional
from .words import Words

TSV_SUFFIXES, CSV_SUFFIXES = (".tsv", ".txt"), (".csv",)
_ROWS = 1 << 14  # rows of quoted CSV taken at a time
_REPEATED = (TRIPLES, TIMED, FACTS)  # tables in which a label usually occurs more than once
_LABELS = (HEAD, RELATION, TAIL, "entity", "attribute")


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
    """Write a table with its header, whole or not at all; the suffix decides the format.

    Raises:
        InputError: a text that the format cannot hold.
        UsageError: the suffix is neither ``.tsv`` nor ``.csv``.
    """
    if path.suffix not in (".tsv", ".csv"):
        raise UsageError(f"expected a file that ends in .tsv or .csv, got {path.name!r}")
    write_lines(path, row_lines(columns, rows, "," if path.suffix == ".csv" else "\t"))


def row_lines(
    columns: Sequence[str], rows: Iterable[Sequence[str | None]], separator: str, *, optional: Sequence[str] = OPTIONAL
) -> Iterator[str]:
    """The lines of a table, header first, each with its newline.

    Args:
        columns: their names.
        rows: one text per column, ``None`` for an empty field.
        separator: a tab for TSV, a comma for CSV with quotes where they are needed.
        optional: columns that may be empty.

    Raises:
        InputError: a text that the format cannot hold, or an empty text in a column that must not be empty.
    """
    needed = [column not in optional for column in columns]
    refused, hint = ("\0", "") if separator == "," else ("\t\n\r\0", "; write CSV or Parquet")
    quoting = csv.writer(_Returned(), lineterminator="\r\n") if separator == "," else None
    yield separator.join(columns) + "\n"
    for row in rows:
        fields = [field or "" for field in row]
        for field, need in zip(fields, needed, strict=True):
            if (need and not field) or any(sign in field for sign in refused):
                raise InputError(f"expected text without tabs, line ends and NUL, got {field[:60]!r}{hint}")
        # with \r among the line ends, so that it is quoted too
        yield "\t".join(fields) + "\n" if quoting is None else quoting.writerow(fields)[:-2] + "\n"


class _Returned:
    """A file whose ``write`` returns the text, so that ``csv.writer`` returns each line."""

    def write(self, text: str) -> str:
        return text


def read_rows(
    path: Path, wanted: Sequence[str], faults: Faults, *, header: bool | None = None, columns: Sequence[str] = ()
) -> Iterator[TableBlock]:
    """The requested columns of a TSV or CSV file, some thousand rows at a time; see ``TableReader``.

    Args:
        path: the file; its suffix decides between commas and tabs.
        wanted: the columns, by their names in mmkg.
        faults: policy for bad lines.
        header: whether the first line names the columns; ``None`` = if it does.
        columns: names of head, relation and tail in the file; by default the usual ones.
    """
    quoted = stem(path).suffix.lower() in CSV_SUFFIXES
    shape = shape_of(path, wanted, "," if quoted else "\t", _fields, faults, header=header, columns=columns)
    if shape is None:
        return
    separator, width, places, header = shape
    empty = width > 3 or wanted not in (TRIPLES, TIMED)
    coded = _CodedRows(Shape(separator, width, places, header), wanted) if wanted in _REPEATED else None
    for block in _blocks(path, width, separator, faults, empty, quoted, coded):
        if isinstance(block, TableBlock):
            yield block
            continue
        lines, fields = block
        if header and len(lines) and int(lines[0]) == 1:
            lines, fields = lines[1:], fields[width:]
        found = [None if place is None else fields[place::width] for place in places]
        if empty:
            found, lines = _filled(found, wanted, lines, path, faults)
        yield TableBlock(
            [
                [text or None for text in texts] if texts is not None and is_optional(column) else texts
                for column, texts in zip(wanted, found, strict=True)
            ],
            lines,
        )


class _CodedRows:
    """Rows of well-formed blocks, with labels that store each different text once.

    Args:
        shape: shape of the table.
        wanted: the requested columns.
    """

    def __init__(self, shape: Shape, wanted: Sequence[str]) -> None:
        self.shape, self.wanted, self.words = shape, wanted, Words()

    def __call__(self, first: int, block: bytes) -> TableBlock | None:
        """The rows of some lines, the first of which has the number ``first``; ``None`` if they need a closer look."""
        separator, width, places, header = self.shape
        cells = cells_of(block, width, separator, empty=True)
        if cells is None:
            return None
        if header and first == 1:
            cells, first = cells.past(1), 2
        labels = [place for column, place in zip(self.wanted, places, strict=True) if column in _LABELS]
        codes = cells.codes([place for place in labels if place is not None], self.words)
        if codes is None:
            return None
        found: list[Sequence[str | None] | None] = []
        for column, place in zip(self.wanted, places, strict=True):
            if place is None:
                found.append(None)
            elif column in _LABELS:
                found.append(Coded(self.words, codes[:, labels.index(place)]))
            else:
                found.append(Texts.filled(cells.texts(place)))
        return TableBlock(found, np.arange(first, first + len(codes), dtype=np.int64))


def _filled(
    found: list[list[str] | None], wanted: Sequence[str], lines: np.ndarray, path: Path, faults: Faults
) -> tuple[list[list[str] | None], np.ndarray]:
    """The rows without an empty required field; each other row is a fault."""
    good = np.ones(len(lines), bool)
    for column, texts in zip(wanted, found, strict=True):
        if not is_optional(column) and texts is not None and "" in texts:
            for index in [k for k, text in enumerate(texts) if not text and good[k]]:
                faults.bad(f"expected the {column}, got an empty field", path, int(lines[index]))
                good[index] = False
    if good.all():
        return found, lines
    kept = np.flatnonzero(good).tolist()
    return [None if texts is None else [texts[k] for k in kept] for texts in found], lines[good]


def read_unnamed(path: Path, width: int, separator: str, faults: Faults) -> Iterator[TableBlock]:
    """All columns of a file, some thousand rows at a time, without a look at names; an empty field is ``None``."""
    for block in _blocks(path, width, separator, faults, True, separator != "\t"):
        lines, fields = cast(FieldBlock, block)
        yield TableBlock([[text or None for text in fields[place::width]] for place in range(width)], lines)


def first_row(path: Path, separator: str) -> list[str] | None:
    """Fields of the first line, see ``first_fields``; ``None`` if the file is empty."""
    return first_fields(path, separator, _fields)


def _fields(text: str, separator: str) -> list[str]:
    """Fields of a line, unquoted if it has quotes and is not separated by tabs."""
    if separator == "\t" or '"' not in text:
        return text.split(separator)
    try:
        return next(csv.reader([text], delimiter=separator), [""])
    except csv.Error:  # reported with its line later
        return text.split(separator)


def _blocks(
    path: Path,
    width: int,
    separator: str,
    faults: Faults,
    empty: bool,
    quoted: bool,
    coded: Callable[[int, bytes], TableBlock | None] | None = None,
) -> Iterator[FieldBlock | TableBlock]:
    """Fields of all rows, or what ``coded`` makes of them; the csv module reads a CSV file from its first quote on."""
    blocks = read_blocks(path, faults)
    for first, block in blocks:
        if quoted and b'"' in block:
            yield from _quoted(path, first, block, blocks, width, faults, empty, separator)
            return
        yield (coded and coded(first, block)) or cut_fields(path, first, block, width, faults, separator, empty)


def _quoted(
    path: Path,
    first: int,
    block: bytes,
    blocks: Iterator[tuple[int, bytes]],
    width: int,
    faults: Faults,
    empty: bool,
    separator: str,
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

    rows = csv.reader(texts(), strict=True, delimiter=separator)
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
            what = f"{len(row)}: {separator.join(row)[:60]!r}" if row else "an empty line"
            faults.bad(f"expected {width} {SEPARATORS[separator]}-separated fields, got {what}", path, begun)
        elif not (empty or all(row)):
            faults.bad(f"expected {width} fields, got an empty one: {','.join(row)[:60]!r}", path, begun)
        else:
            lines.append(begun)
            fields += row
        if len(lines) >= _ROWS:
            yield FieldBlock(np.array(lines, np.int64), fields)
            lines, fields = [], []
    yield FieldBlock(np.array(lines, np.int64), fields)
