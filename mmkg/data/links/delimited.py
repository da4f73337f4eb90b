"""Links in TSV and CSV files, in and out."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...printing import guarded, is_formula, unguarded
from ..parsing.cells import cells_of
from ..parsing.columns import Faults, read_blocks
from ..parsing.delimited import row_lines
from ..texts.labels import Labels
from .checked import LabelLinks
from .export import Export, Link
from .layout import Layout, check_unnamed, layout_of, rows_of
from .rows import LinkRows
from .tables import OPTIONAL, checked_links, link_table, number_text

_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_UNESCAPES = {escaped: plain for plain, escaped in _ESCAPES.items()}
_SPECIAL = re.compile(r"[\\\t\n\r]")
_BLANK = np.array([0xC2, 0xE1, 0xE2, 0xE3], np.uint8)  # first bytes in UTF-8 of white space beyond ASCII
_ESCAPED = re.compile(r"\\[\\tnr]")  # at its beginning, a field may also be guarded


def read_delimited_links(path: str | Path, faults: Faults, *, header: bool | None = None) -> LabelLinks:
    """Read links from TSV or CSV: left, right and, with a header, optionally part (train, valid or test).

    See ``layout_of`` for what is recognised. A column of relations selects the rows whose relation is equality; scores
    and other columns are not used. Labels in a file with the header of ``to_tsv`` are unescaped (TSV) or unguarded
    (CSV); all other fields are taken as they are.

    Raises:
        InputError: the file is missing or breaks the format; the message holds file and line.
    """
    path = Path(path)
    layout = layout_of(path, header)
    columns = layout.columns
    if layout.width == 2 and (plain := _plain_links(path, layout, faults)) is not None:
        return plain
    rows = rows_of(path, layout, faults)
    if not layout.names and layout.width > 2:
        rows = check_unnamed(list(rows), path, faults)
    found = LinkRows(path, faults)
    for line, fields in rows:
        part, relation, flag = (None if k is None else fields[k] for k in columns[2:5])
        found.add(
            line, fields[columns.left], fields[columns.right], part=part, relation=relation, flag=flag, place=line
        )
    links = found.links()
    if layout.names == Link._fields:  # written by mmkg
        back = _unescape if layout.separator == "\t" else unguarded
        return links._replace(left=list(map(back, links.left)), right=list(map(back, links.right)))
    for k in columns.others:
        name = repr(layout.names[k][:40]) if layout.names else f"{k + 1}"
        faults.count(f"{path.name}: rows with a column {name}, which links do not use", found.read)
    return links


def _plain_links(path: Path, layout: Layout, faults: Faults) -> LabelLinks | None:
    """The links of a file of two columns, without a loop over lines; ``None`` if any line needs a closer look."""
    sides: tuple[list[Labels], list[Labels]] = ([], [])
    lines = [np.empty(0, np.int64)]
    try:
        for first, block in read_blocks(path, Faults(max_bytes=faults.max_bytes)):
            while first <= layout.skipped and block:
                block, first = block[block.index(b"\n") + 1 :], first + 1
            cells = None if b'"' in block else cells_of(block, 2, layout.separator)
            if cells is None and block:
                return None
            if cells is None:
                continue
            for side, texts in enumerate(map(cells.texts, (layout.columns.left, layout.columns.right))):
                if _may_be_blank(texts):
                    return None
                sides[side].append(texts)
            lines.append(np.arange(first, first + len(cells.starts)))
    except InputError:
        return None
    faults.count(f"{path.name}: comment lines", layout.comments)
    numbers = np.concatenate(lines)
    left, right = map(Labels.chained, sides)
    return LabelLinks(path, left, right, numbers, None, f"{len(numbers)} rows")


def _may_be_blank(texts: Labels) -> bool:
    """Whether any text consists of white space alone; only those are read that begin with a byte of white space."""
    begin = texts.store[texts.offsets[:-1]]
    some = np.flatnonzero((begin <= ord(" ")) | np.isin(begin, _BLANK))
    return not all(map(str.strip, texts.take(some)))


def to_tsv(links: Iterable[Link]) -> Iterator[str]:
    r"""Header and one line per link, each with its newline; the columns are the fields of ``Link``.

    Backslash, tab, newline and carriage return inside a label become ``\\``, ``\t``, ``\n``, ``\r``, and a label that a
    spreadsheet would take for a formula (``=1+1``, ``+``, ``-``, ``@``, a quote) begins with a backslash (``\=1+1``);
    quotes stay as they are (read with ``quoting=csv.QUOTE_NONE``). Numbers have nine significant
    digits, which hold every float32; a confidence that is ``None`` is an empty field.

    Raises:
        InputError: a score is not finite, or a confidence is not in [0, 1].
    """
    yield "\t".join(Link._fields) + "\n"
    for link in checked_links(links):
        left, right, *shown = map(_escape, (link.left, link.right, link.left_label, link.right_label))
        yield "\t".join([left, right, number_text(link.score), number_text(link.confidence), *shown]) + "\n"


def tsv_lines(export: Export) -> Iterator[str]:
    """The lines of a TSV file: ``to_tsv``, or left, right and perhaps part for known links.

    Raises:
        InputError: as ``to_tsv``; a label of a known link is empty or holds a tab, a line end or a NUL.
    """
    if export.scored:
        return to_tsv(export.links)
    columns, rows = link_table(export)
    return row_lines(columns, map(_texts, rows), "\t")


def csv_lines(export: Export) -> Iterator[str]:
    """The lines of a CSV file with the columns of ``link_table``, numbers and guarded labels as in ``to_tsv``.

    Raises:
        InputError: a text holds a NUL, a label is empty, or a number is out of range.
    """
    columns, rows = link_table(export)
    texts = map(_guarded, rows) if export.scored else map(_texts, rows)
    return row_lines(columns, texts, ",", optional=OPTIONAL)


def _texts(row: Iterable[str | float | None]) -> list[str]:
    return [value if isinstance(value, str) else number_text(value) for value in row]


def _guarded(row: Iterable[str | float | None]) -> list[str]:
    return [guarded(value) if isinstance(value, str) else number_text(value) for value in row]


def _escape(text: str) -> str:
    text = _SPECIAL.sub(lambda found: _ESCAPES[found[0]], text)
    return "\\" + text if is_formula(text) else text


def _unescape(text: str) -> str:
    if text.startswith("\\") and is_formula(text[1:]):
        text = text[1:]
    return _ESCAPED.sub(lambda found: _UNESCAPES[found[0]], text)
