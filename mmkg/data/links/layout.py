"""How the rows of a links file are laid out: separator, comments, columns with or without a header."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ...errors import InputError
from ..parsing.columns import SEPARATORS, ByteStream, Faults, short_text, stem, wrong_fields
from ..parsing.delimited import CSV_SUFFIXES
from .columns import Columns, find_columns, names_shown
from .equal import is_equal
from .lines import text_lines

_HEAD = 1 << 20  # bytes that decide on separator and comments
_QUOTED = ",;"  # separators of files with quotes; in other files a quote is a character as any other
_NAMES = {**SEPARATORS, ";": "semicolon", "|": "bar"}
_NUMBER = re.compile(r"\s*(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan)\s*", re.IGNORECASE)
_SIGNS = {"<", ">", "<=", ">=", "⊑", "⊒", "%", "~", "?", "⊥"}
_KINDS = {"CLS", "OPROP", "DPROP", "INST"}  # of entities, in the files of LogMap


class Layout(NamedTuple):
    """How the rows of a file are laid out.

    Args:
        separator: between the fields.
        width: number of fields of each row.
        columns: positions of the fields.
        names: names of the columns; empty without a header.
        skipped: number of lines before the first row: comments and header.
        comments: how many of them are comments.
    """

    separator: str
    width: int = 2
    columns: Columns = Columns(0, 1)
    names: tuple[str, ...] = ()
    skipped: int = 0
    comments: int = 0


def layout_of(path: Path, header: bool | None = None) -> Layout:
    """The layout of a file, from its first megabyte.

    A file has the separator of its suffix: a comma for CSV, else a tab. If its first row lacks it, and all rows have
    the same number of fields by exactly one other separator out of tab, comma, semicolon and bar, it is that one.
    Lines at the beginning that start with ``#`` are comments; the last of them may be the header. They are rows if the
    file has no other rows, or if they have as many fields, each with ``#``. Without a header, the columns after left
    and right may hold a number (a score), a relation or a kind of entity of LogMap.

    Args:
        path: the file.
        header: whether the first line names the columns; ``None`` = if it does.

    Raises:
        InputError: the file is missing, or its columns are not those of links.
    """
    lines = _head(path)
    usual = "," if stem(path).suffix.lower() in CSV_SUFFIXES else "\t"
    marked = next((k for k, (_, text) in enumerate(lines) if not text.startswith("#")), 0)
    separator = _separator([text for _, text in lines[marked:]], usual)
    if marked and _are_rows([text for _, text in lines[:marked]], separator, lines[marked][1]):
        marked = 0
    if not lines:
        return Layout(separator)
    (line, text), before = lines[marked], lines[:marked]
    first = _split(text, separator)
    if header is not False:
        columns = find_columns(first, path, line)
        if columns is not None:
            return Layout(separator, len(first), columns, tuple(first), line, len(before))
        names = _split(before[-1][1].lstrip("# "), separator) if before else []
        columns = find_columns(names, path, before[-1][0]) if len(names) == len(first) else None
        if columns is not None:
            return Layout(separator, len(names), columns, tuple(names), line - 1, len(before) - 1)
    if header:
        raise InputError(f"expected columns left and right, got {names_shown(first)}", path, line)
    columns = _unnamed(first)
    return Layout(separator, 2 if columns is None else len(first), columns or Columns(0, 1), (), line - 1, len(before))


def rows_of(path: Path, layout: Layout, faults: Faults) -> Iterator[tuple[int, list[str]]]:
    """Line and fields of each row; empty lines, and later comments, are left out.

    Raises:
        InputError: a row has another number of fields, or a character that text does not have; unless ``faults`` skips.
    """
    separator, comments = layout.separator, layout.comments
    for line, fields in _records(path, layout, faults):
        if len(fields) == layout.width:
            yield line, fields
        elif fields[0].startswith("#"):
            comments += 1
        else:
            text = separator.join(fields)
            wanted = f"{layout.width} {_NAMES[separator]}-separated fields"
            hint = "; name the columns in a first line: left, right, ..." if len(fields) > 2 == layout.width else ""
            faults.bad(wrong_fields(text, wanted, separator) + hint, path, line)
    faults.count(f"{path.name}: comment lines", comments)


def check_unnamed(rows: Sequence[tuple[int, list[str]]], path: Path, faults: Faults) -> Iterator[tuple[int, list[str]]]:
    """The rows of a file without a header, if each column after the second holds one kind of values.

    Raises:
        InputError: a column of whole numbers other than 0 and 1, which may be identifiers.
    """
    kinds = [_kind(field) for field in rows[0][1][2:]] if rows else []
    for place, kind in enumerate(kinds, start=2):
        texts = {fields[place].strip() for _, fields in rows} if kind == "number" else set()
        if texts - {"0", "1"} and all(text.lstrip("+-").isdigit() for text in texts):
            raise InputError(
                f"expected left and right, and perhaps a score, got whole numbers in column {place + 1}; "
                "name the columns in a first line: left, right, ...",
                path,
                rows[0][0],
            )
    for line, fields in rows:
        other = next((k for k, kind in enumerate(kinds, start=2) if _kind(fields[k]) != kind), None)
        if other is None:
            yield line, fields
        else:
            faults.bad(
                f"expected a {kinds[other - 2]} in column {other + 1}, got {short_text(fields[other])}", path, line
            )


def _records(path: Path, layout: Layout, faults: Faults) -> Iterator[tuple[int, list[str]]]:
    lines = (each for each in text_lines(path, faults) if each[0] > layout.skipped)
    if layout.separator not in _QUOTED:
        for line, text in lines:
            if text.strip() and _is_text(text, path, line, faults):
                yield line, text.split(layout.separator)
        return
    begun: list[int] = []

    def texts() -> Iterator[str]:
        for line, text in lines:
            if _is_text(text.replace("\r", ""), path, line, faults):  # a field in quotes may hold a line end
                begun.append(line)
                yield text + "\n"

    rows = csv.reader(texts(), delimiter=layout.separator, strict=True)
    while True:
        begun.clear()
        try:
            fields = next(rows, None)
        except csv.Error as error:
            faults.bad(f"expected CSV, got {error}", path, begun[0] if begun else None)
            continue
        if fields is None:
            return
        if fields and any(map(str.strip, fields)):
            yield begun[0], fields


def _is_text(text: str, path: Path, line: int, faults: Faults) -> bool:
    if "\0" in text:
        faults.bad(f"expected text, got a NUL character in column {text.index(chr(0)) + 1}", path, line)
    elif "\r" in text:
        faults.bad("expected lines that end in LF or CRLF, got a carriage return inside a line", path, line)
    else:
        return True
    return False


def _head(path: Path) -> list[tuple[int, str]]:
    """Number and text of the first lines that are not empty."""
    with ByteStream(path) as stream:
        raw = stream.read(_HEAD)
    whole = raw[: raw.rfind(b"\n")] if len(raw) == _HEAD and b"\n" in raw else raw
    lines = enumerate(whole.decode(errors="replace").replace("\r\n", "\n").split("\n"), start=1)
    return [(line, text.rstrip("\r")) for line, text in lines if text.strip()]


def _separator(rows: Sequence[str], usual: str) -> str:
    if not rows or usual in rows[0]:
        return usual
    found = []
    for separator in "\t,;|":
        widths = {len(_split(text, separator)) for text in rows}
        if len(widths) == 1 and widths != {1}:
            found.append(separator)
    return found[0] if len(found) == 1 else usual


def _are_rows(marked: Sequence[str], separator: str, row: str) -> bool:
    """Whether lines that begin with ``#`` are rows, because each field does, as in ``#a<TAB>#x``."""
    width = len(_split(row, separator))
    fields = [_split(text, separator) for text in marked]
    return all(len(each) == width and all(field.startswith("#") for field in each[:2]) for each in fields)


def _split(text: str, separator: str) -> list[str]:
    if separator not in _QUOTED:
        return text.split(separator)
    return next(csv.reader([text], delimiter=separator), [""])


def _unnamed(first: Sequence[str]) -> Columns | None:
    """Columns of a first row that is no header; ``None`` if a field after the second is of no known kind."""
    kinds = [_kind(field) for field in first[2:]]
    if len(first) < 2 or None in kinds:
        return None
    relation = kinds.index("relation") + 2 if "relation" in kinds else None
    return Columns(0, 1, relation=relation, others=tuple(k for k in range(2, len(first)) if k != relation))


def _kind(field: str) -> str | None:
    if _NUMBER.fullmatch(field):
        return "number"
    if field.strip() in _SIGNS or is_equal(field):
        return "relation"
    return "kind of entity" if field.strip() in _KINDS else None
