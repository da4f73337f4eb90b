"""Statements of an RDF file by columns: N-Triples of plain links are split, everything else is parsed by pyoxigraph."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, islice
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import InputError
from ...typing import IntArray
from .builder import Numbers
from .columns import MAX_LINE, ByteStream, Faults, even_lines, read_blocks, stem
from .iris import oxigraph

SUFFIXES = (".nt", ".nq", ".ttl", ".trig", ".rdf", ".owl", ".xml")
_CHUNK = 1 << 14  # statements that are taken from the parser at a time
_LINE_FORMATS = (".nt", ".nq")
_KINDS = {".nt": "N-Triples", ".nq": "N-Quads", ".ttl": "Turtle", ".trig": "TriG"} | dict.fromkeys(
    (".rdf", ".owl", ".xml"), "RDF/XML"
)
_PLACE = re.compile(r"^Parser error (?:at|between) line [^:]*: ")


class Statements(NamedTuple):
    """Some statements by column; ``objects`` is "" for a literal, which has value, language and datatype."""

    subjects: Sequence[str]
    predicates: Sequence[str]
    objects: Sequence[str]
    values: Sequence[str]
    languages: Sequence[str]
    datatypes: Sequence[str]
    lines: Sequence[int] | None = None  # line of each statement in N-Triples and N-Quads, where it is known
    numbers: IntArray | None = None  # numbers of the terms, if all of them are entities

    def keep(self, mask: Sequence[bool]) -> "Statements":
        """The statements selected by a mask, without numbers."""
        lines = None if self.lines is None else list(compress(self.lines, mask))
        return Statements.of(list(compress(column, mask)) for column in self[:6])._replace(lines=lines)

    def terms(self) -> list[str]:
        """Subject and object of the first statement, of the second, and so on; literals are left out."""
        terms: list[str] = [""] * (2 * len(self.subjects))
        terms[::2], terms[1::2] = self.subjects, self.objects
        return list(filter(None, terms)) if "" in self.objects else terms

    @staticmethod
    def of(columns: Iterable[Sequence[str]]) -> "Statements":
        """Six columns of equal length."""
        subjects, predicates, objects, values, languages, datatypes = columns
        return Statements(subjects, predicates, objects, values, languages, datatypes)


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
    suffix = stem(path).suffix.lower()
    if suffix not in _LINE_FORMATS:
        with ByteStream(path) as stream:
            yield from _parsed(stream, suffix, path, 1)
        return
    sound: set[str] = set()  # predicates; other terms are sound once they have a number
    for first, block in read_blocks(path, faults):
        if len(block) > MAX_LINE and max(map(len, block.split(b"\n"))) > MAX_LINE:
            yield from _line_by_line(block, suffix, path, first, faults)
            continue
        rows = _plain_links(block) if suffix == ".nt" else None
        if rows is not None:
            numbered = not (own_blanks and b"_:" in block) and special.isdisjoint(rows.predicates)
            rows = _checked(rows, numbers, sound, number=numbered)
        if rows is not None:
            yield rows._replace(lines=range(first, first + len(rows.subjects)))
        else:
            yield from _parsed_block(block, suffix, path, first, faults)


def _plain_links(block: bytes) -> Statements | None:
    """Statements of a block of canonical lines without literals, terms unchecked; ``None`` for any other block."""
    if b'"' in block or b"\\" in block:
        return None
    text = even_lines(block, 4, " ")
    if text is None:
        return None
    fields = text.replace("\n", " ").split(" ")
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


def _parsed_block(block: bytes, suffix: str, path: Path, first: int, faults: Faults) -> Iterator[Statements]:
    """Statements of some lines of N-Triples or N-Quads, with their lines; bad lines go to ``faults``."""
    try:
        parts = list(_parsed(block, suffix, path, first))
    except InputError:
        if faults.on_error == "raise":
            raise
        yield from _line_by_line(block, suffix, path, first, faults)
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


def _parsed(source: Any, suffix: str, path: Path, first: int) -> Iterator[Statements]:
    """The statements that pyoxigraph parses from a stream or from some lines of a file."""
    ox = oxigraph()
    literal, triple = ox.Literal, ox.Triple
    fresh: dict[str, str] | None = None if suffix in _LINE_FORMATS else {}
    columns: list[list[str]] = [[] for _ in range(6)]
    subjects, predicates, objects, values, languages, datatypes = columns

    def term(node: Any) -> str:
        text = str(node)
        return text if fresh is None or text[0] == "<" else fresh.setdefault(text, f"_:b{len(fresh)}")

    try:
        for quad in ox.parse(source, format=_format(suffix)):
            target = quad.object
            if type(target) is triple:
                raise InputError("expected an entity or a literal as object, got a triple (RDF-star)", path)
            subjects.append(term(quad.subject))
            predicates.append(str(quad.predicate))
            if type(target) is literal:
                objects.append("")
                values.append(target.value)
                languages.append(target.language or "")
                datatypes.append("" if target.language else target.datatype.value)
            else:
                objects.append(term(target))
                for column in (values, languages, datatypes):
                    column.append("")
            if len(subjects) == _CHUNK:
                yield Statements.of(map(list, columns))
                for column in columns:
                    column.clear()
    except SyntaxError as error:
        place = "" if error.offset is None else f" in column {error.offset}"
        line = None if error.lineno is None else error.lineno + first - 1
        text = _PLACE.sub("", str(error.msg))
        raise InputError(f"expected {_KINDS[suffix]}{place}: {text[:200]}", path, line) from None
    if subjects:
        yield Statements.of(columns)


def _line_by_line(block: bytes, suffix: str, path: Path, first: int, faults: Faults) -> Iterator[Statements]:
    """Statements of some lines, each parsed separately; bad lines go to ``faults``."""
    parts: list[Statements] = []
    lines: list[int] = []
    for line, text in enumerate(block.split(b"\n")[:-1], start=first):
        if len(text) > MAX_LINE:
            faults.bad(f"expected lines of at most {MAX_LINE} bytes, got a longer one", path, line)
            continue
        try:
            found = list(_parsed(text + b"\n", suffix, path, line))
        except InputError as error:
            faults.bad(str(error), path, line)
            continue
        parts += found
        lines += [line for part in found for _ in part.subjects]
    if parts:
        columns = zip(*(part[:6] for part in parts), strict=True)
        yield Statements.of([item for column in each for item in column] for each in columns)._replace(lines=lines)


def _format(suffix: str) -> Any:
    form = oxigraph().RdfFormat
    names = {".nt": "N_TRIPLES", ".nq": "N_QUADS", ".ttl": "TURTLE", ".trig": "TRIG"}
    return getattr(form, names.get(suffix, "RDF_XML"))
