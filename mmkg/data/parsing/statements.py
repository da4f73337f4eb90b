"""Statements of an RDF file by columns: plain lines of N-Triples are split, everything else is parsed by pyoxigraph."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from ...errors import InputError
from .coded import Coded
from .columns import Faults, read_blocks
from .limits import MAX_LINE
from .plain_lines import PlainLines
from .rdf_parser import RdfParser, parse_file, parser_of_lines, too_deep
from .rdf_statements import Statements
from .rdf_syntax import suffix_of
from .rdf_xml import MAX_DEPTH

_LINE_FORMATS = (".nt", ".nq")


def read_statements(path: Path, faults: Faults, *, blank: str = "") -> Iterator[Statements]:
    """The statements of a file, several thousand at a time.

    Args:
        path: the file; its suffix, without ``.gz`` or ``.bz2``, gives the format.
        faults: policy for bad lines of N-Triples and N-Quads.
        blank: prefix for the labels of blank nodes.

    Raises:
        InputError: a file is missing or malformed; line and column as the parser gives them.
    """
    suffix = suffix_of(path)
    found = _of_lines(path, faults, suffix, blank) if suffix in _LINE_FORMATS else parse_file(path, faults)
    for rows in found:
        yield rows.with_blanks(blank) if blank and not isinstance(rows.subjects, Coded) else rows


def _of_lines(path: Path, faults: Faults, suffix: str, blank: str) -> Iterator[Statements]:
    """The statements of N-Triples or N-Quads; columns that are ``Coded`` have the prefix for blank nodes already."""
    parser = parser_of_lines(path, faults)
    plain = PlainLines(partial(_parsed_lines, parser), blank) if suffix == ".nt" else None
    for first, block in read_blocks(path, faults):
        long = _some_too_long(block)
        rows = None if plain is None or long or parser.names_statements else plain.statements(block, first)
        if rows is not None:
            yield rows
        elif long or _some_too_deep(block):
            yield from _line_by_line(block, parser, first)
        else:
            yield from _parsed_block(block, parser, first)
    parser.finish()


def _parsed_lines(parser: RdfParser, lines: bytes) -> tuple[Statements, Sequence[int]] | None:
    """The statements of some lines, and the line of each, from 0; ``None`` unless each holds one, or none at all."""
    try:
        parts = list(parser.statements(lines))
    except InputError:
        return None
    rows = _joined(parts)
    numbers = _stating(lines, 0)
    return (rows, numbers) if len(numbers) == len(rows.subjects) else None


def _some_too_long(block: bytes) -> bool:
    return len(block) > MAX_LINE and max(map(len, block.split(b"\n"))) > MAX_LINE


def _some_too_deep(block: bytes) -> bool:
    return b"<<(" in block and any(line.count(b"<<(") > MAX_DEPTH for line in block.split(b"\n"))


def _parsed_block(block: bytes, parser: RdfParser, first: int) -> Iterator[Statements]:
    """Statements of some lines of N-Triples or N-Quads, with their lines; bad lines go to ``parser.faults``."""
    try:
        parts = list(parser.statements(block, first))
    except InputError:
        if parser.faults.on_error == "raise":
            raise
        yield from _line_by_line(block, parser, first)
        return
    lines = _lines(block, first, sum(len(part.subjects) for part in parts))
    start = 0
    for part in parts:
        stop = start + len(part.subjects)
        yield part._replace(lines=None if lines is None else lines[start:stop])
        start = stop


def _lines(block: bytes, first: int, number: int) -> Sequence[int] | None:
    """The line of each of so many statements; ``None`` if a line holds several."""
    if number == block.count(b"\n"):
        return range(first, first + number)
    lines = _stating(block, first)
    return lines if len(lines) == number else None


def _stating(block: bytes, first: int) -> list[int]:
    """The lines that are neither empty nor comments."""
    numbered = enumerate(block.split(b"\n"), start=first)
    return [line for line, text in numbered if (bare := text.strip()) and not bare.startswith(b"#")]


def _joined(parts: Sequence[Statements]) -> Statements:
    """All statements in one, without their lines."""
    columns = zip(*(part[:6] for part in parts), strict=True) if parts else [[]] * 6
    return Statements.of([item for column in each for item in column] for each in columns)


def _line_by_line(block: bytes, parser: RdfParser, first: int) -> Iterator[Statements]:
    """Statements of some lines, each parsed separately; bad lines go to ``parser.faults``."""
    parts: list[Statements] = []
    lines: list[int] = []
    path, faults = parser.path, parser.faults
    for line, text in enumerate(block.split(b"\n")[:-1], start=first):
        if len(text) > MAX_LINE:
            faults.bad(f"expected lines of at most {MAX_LINE} bytes, got a longer one", path, line)
            continue
        try:
            if _some_too_deep(text):
                raise too_deep(path, line)
            found = list(parser.statements(text + b"\n", line))
        except InputError as error:
            faults.bad(str(error), path, line)
            continue
        parts += found
        lines += [line for part in found for _ in part.subjects]
    if parts:
        yield _joined(parts)._replace(lines=lines)
