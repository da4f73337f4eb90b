"""Shape of a table of text: its separator, whether its first line names the columns, and where they are."""

import re
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ...errors import InputError
from .columns import SEPARATORS, ByteStream, Faults, short_text
from .tables import LINKS, OTHER, TIMED, TRIPLES, columns_of, is_optional, looks_like_header
from .terms import literal_of

_SAMPLE = 1000  # lines
_OTHERS = {"\t": "|;", ",": "|;\t"}
_TIME = re.compile(
    r"(?:-?[0-9]{3,4}|####)(?:-(?:[0-9]{1,2}|##)){0,2}(?:[T ][0-9:.]+(?:Z|[-+][0-9]{2}:?[0-9]{2})?)?"
    r"|(?:1[0-9]|20)[0-9]{2}(?:0[1-9]|1[0-2])[0-3][0-9]"
)
_NO_TIME = ("", "-", "None", "null", "NA")


class Shape(NamedTuple):
    """Separator, number of columns, position of each requested column (``None`` = missing), and whether line 1 is a
    header."""

    separator: str
    width: int
    places: list[int | None]
    header: bool


def shape_of(
    path: Path,
    wanted: Sequence[str],
    separator: str,
    split: Callable[[str, str], list[str]],
    faults: Faults,
    *,
    header: bool | None = None,
    columns: Sequence[str] = (),
) -> Shape | None:
    """The shape of a table, from its first thousand lines; ``None`` for an empty file.

    Args:
        path: the file.
        wanted: the requested columns.
        separator: the usual separator of the format. If no line has it, but all lines have the same number of bars or
            semicolons (in CSV also tabs), these are the separators.
        split: ``split(line, separator)`` returns the fields.
        faults: gets a note about every choice that the user may want to check.
        header: whether the first line names the columns; ``None`` = if it does.
        columns: names of head, relation and tail in the file.

    Raises:
        InputError: all lines have more fields than a triple has, without names for them; a column is missing.
    """
    lines = _sample(path)
    if lines is None:
        return None
    required = [column for column in wanted if not is_optional(column)]
    triples = wanted in (TRIPLES, TIMED)
    names = columns if triples else ()
    if wanted and all(column.startswith(OTHER) for column in wanted) and separator not in lines[0]:
        separator = next((other for other in _OTHERS[separator] if other in lines[0]), separator)
    for other in "" if any(separator in line for line in lines) else _OTHERS[separator]:
        counts = {line.count(other) for line in lines}
        first = split(lines[0], other)
        known = len(first) == len(required) or (triples and len(first) in (4, 5)) or _names(first, required, names)
        if len(counts) == 1 and len(first) > 1 and known:
            separator = other
            faults.count(f"{path.name}: separated by {SEPARATORS[other]}s; lines so read at first", len(lines))
            break
    first = split(lines[0], separator)
    optional = triples or wanted == LINKS
    if header is None or not optional:
        header = not optional or _names(first, required, names)
        if not header and triples and looks_like_header(first):
            faults.count(f"{path.name}: first line read as a triple, though it resembles a header (data.header)", 1)
    if header:
        return Shape(separator, len(first), columns_of(first, wanted, path, names, 1), True)
    places: list[int | None] = [number if column in required else None for number, column in enumerate(wanted)]
    if not triples:
        return Shape(separator, len(required), places, False)
    rows = [split(line, separator) for line in lines]
    width = len(first)
    if width < 4 or any(len(row) != width for row in rows) or any("\r" in line for line in lines):
        return Shape(separator, 3, places, False)
    if wanted == TIMED and width <= 5 and all(_timed(row) for row in rows):
        return Shape(separator, width, [0, 1, 2, 3, 4 if width == 5 else None], False)
    raise InputError(
        f"expected 3 {SEPARATORS[separator]}-separated fields, got {width}: {short_text(lines[0])}; name the columns "
        "in a first line, and those of head, relation and tail in data.columns",
        path,
        1,
    )


def time_text(text: str | None) -> str | None:
    """The text of a time; ``None`` for a missing one."""
    value = None if text is None else literal_of(text)[0]
    return None if value in _NO_TIME else value


def first_fields(path: Path, separator: str, split: Callable[[str, str], list[str]]) -> list[str] | None:
    """Fields of the first line, separated by bars or semicolons if it has no ``separator``; ``None`` without a line."""
    lines = _sample(path, 1)
    if lines is None:
        return None
    other = next((each for each in _OTHERS.get(separator, "") if each in lines[0]), separator)
    return split(lines[0], separator if separator in lines[0] else other)


def is_timed(row: Sequence[str]) -> bool:
    """Whether a row of four or five fields is a triple with its time, or with begin and end."""
    return len(row) in (4, 5) and _timed(row)


def _timed(row: Sequence[str]) -> bool:
    """Whether the fields after the third are a time, or its begin and end."""
    begin, *end = (literal_of(field)[0] for field in row[3:])
    open_begin = bool(end) and begin in _NO_TIME
    return (open_begin or bool(_TIME.fullmatch(begin))) and all(
        (not open_begin and text in _NO_TIME) or _TIME.fullmatch(text) for text in end
    )


def _names(first: Sequence[str], required: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a line names each required column."""
    try:
        places = columns_of(first, required, Path(), names)
    except InputError:
        return False
    return len(set(places)) == len(places)


def _sample(path: Path, most: int = _SAMPLE) -> list[str] | None:
    """The first lines of a file; ``None`` if it is empty."""
    with ByteStream(path) as stream:
        block = stream.read(1 << 20)
    if not block:
        return None
    lines = block.split(b"\n")
    if len(lines) > 1:
        lines.pop()  # empty, or cut off
    return [line.removesuffix(b"\r").decode(errors="replace") for line in islice(lines, most)]
