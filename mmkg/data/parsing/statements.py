"""Statements of an RDF file by columns: N-Triples of plain links are split, everything else is parsed by pyoxigraph."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from ...errors import InputError
from .cells import cells_of
from .coded import Numbers
from .columns import Faults, read_blocks
from .iris import oxigraph
from .limits import MAX_LINE
from .rdf_parser import RdfParser, parse_file, parser_of_lines, too_deep
from .rdf_statements import Statements
from .rdf_syntax import suffix_of
from .rdf_xml import MAX_DEPTH

_LINE_FORMATS = (".nt", ".nq")


def read_statements(
    path: Path, faults: Faults, numbers: Numbers, *, special: frozenset[str], own_blanks: bool = False
) -> Iterator[Statements]:
    """The statements of a file, several thousand at a time.

    Args:
        path: the file; its suffix, without ``.gz`` or ``.bz2``, gives the format.
        faults: policy for bad lines of N-Triples and N-Quads.
        numbers: numbers of entities; the terms of blocks of plain links get theirs here, unless a predicate is
            ``special``.
        special: predicates whose statements the caller inspects first.
        own_blanks: whether the caller renames blank nodes, so that they are not numbered here.

    Raises:
        InputError: a file is missing or malformed; line and column as the parser gives them.
    """
    suffix = suffix_of(path)
    if suffix not in _LINE_FORMATS:
        yield from parse_file(path, faults)
        return
    parser = parser_of_lines(path, faults)
    sound: set[str] = set()  # predicates; other terms are sound once they have a number
    for first, block in read_blocks(path, faults):
        if _some_too_long(block) or _some_too_deep(block):
            yield from _line_by_line(block, parser, first)
            continue
        rows = _plain_links(block) if suffix == ".nt" else None
        if rows is not None:
            numbered = not (own_blanks and b"_:" in block) and special.isdisjoint(rows.predicates)
            rows = _checked(rows, numbers, sound, number=numbered)
        if rows is not None:
            yield rows._replace(lines=range(first, first + len(rows.subjects)))
        else:
            yield from _parsed_block(block, parser, first)
    parser.finish()


def _some_too_long(block: bytes) -> bool:
    return len(block) > MAX_LINE and max(map(len, block.split(b"\n"))) > MAX_LINE


def _some_too_deep(block: bytes) -> bool:
    return b"<<(" in block and any(line.count(b"<<(") > MAX_DEPTH for line in block.split(b"\n"))


def _plain_links(block: bytes) -> Statements | None:
    """Statements of a block of canonical lines without literals, terms unchecked; ``None`` for any other block."""
    if b'"' in block or b"\\" in block:
        return None
    if cells_of(block, 4, " ") is None:
        return None
    fields = block.decode().replace("\n", " ").split(" ")
    subjects, predicates, objects, ends = (fields[k:-1:4] for k in range(4))
    none = [""] * len(ends)
    return Statements(subjects, predicates, objects, none, none, none) if ends.count(".") == len(ends) else None


def _checked(rows: Statements, numbers: Numbers, sound: set[str], *, number: bool) -> Statements | None:
    """Plain links, if all their terms are valid; each different term is checked once.

    Args:
        rows: statements without literals.
        numbers: numbers of the valid entities.
        sound: valid predicates; new ones are added.
        number: whether to number the terms.

    Returns:
        The statements, with ``numbers`` if requested; ``None`` if a term is invalid, which the parser then reports.
    """
    others = {*rows.predicates} - sound
    if not all(term[0] == "<" and _is_term(term) for term in others):
        return None
    before = len(numbers)
    if number:
        rows = rows._replace(numbers=numbers.of(rows.terms()))
        if not all(map(_is_term, islice(reversed(numbers), len(numbers) - before))):
            numbers.forget(before)
            return None
    elif not all(_is_term(term) for term in {*rows.subjects, *rows.objects} if term not in numbers):
        return None
    sound |= others
    return rows


def _is_term(term: str) -> bool:
    """Whether this is ``<IRI>`` or ``_:node``."""
    ox = oxigraph()
    try:
        if term[0] == "<" and term[-1] == ">":
            ox.NamedNode(term[1:-1])
        elif term[:2] == "_:":
            ox.BlankNode(term[2:])
        else:
            return False
    except ValueError:
        return False
    return True


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
    lines = [
        line
        for line, text in enumerate(block.split(b"\n"), start=first)
        if (bare := text.strip()) and not bare.startswith(b"#")
    ]
    return lines if len(lines) == number else None


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
        columns = zip(*(part[:6] for part in parts), strict=True)
        yield Statements.of([item for column in each for item in column] for each in columns)._replace(lines=lines)
