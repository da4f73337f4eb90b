"""Statements of an RDF file by columns: canonical lines cut by a few calls, everything else parsed by pyoxigraph."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, compress, islice
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import InputError
from ...typing import IntArray
from .builder import Numbers
from .columns import MAX_LINE, ByteStream, Faults, even_lines, read_blocks, stem
from .iris import oxigraph
from .terms import unescape

SUFFIXES = (".nt", ".nq", ".ttl", ".trig", ".rdf", ".owl", ".xml")
_CHUNK = 1 << 14  # statements that are taken from the parser at a time
_LINE_FORMATS = (".nt", ".nq")
_STATEMENT = (  # of terms it only says where they end: each different one is looked at once, by ``_is_term``
    r'^(\S+) (\S+) (?:([<_]\S+)|"([^"\\\n]*(?:\\.[^"\\\n]*)*)"(?:@([A-Za-z]+(?:-[A-Za-z0-9]+)*)|\^\^<([^>\s]+)>)?)'
)
_LINES = {
    ".nt": re.compile(_STATEMENT + r"() \.$", re.MULTILINE),
    ".nq": re.compile(_STATEMENT + r"(?: ([<_]\S+))? \.$", re.MULTILINE),
}
_KINDS = {".nt": "N-Triples", ".nq": "N-Quads", ".ttl": "Turtle", ".trig": "TriG"} | dict.fromkeys(
    (".rdf", ".owl", ".xml"), "RDF/XML"
)
_SOUND_ESCAPE = re.compile(r"\\[tbnrf\"'\\]")
_PLACE = re.compile(r"^Parser error (?:at|between) line [^:]*: ")


class Statements(NamedTuple):
    """Some statements by column; ``objects`` is "" where there is a literal with value, language, datatype."""

    subjects: Sequence[str]
    predicates: Sequence[str]
    objects: Sequence[str]
    values: Sequence[str]
    languages: Sequence[str]
    datatypes: Sequence[str]
    first: int | None = None  # line of the first statement, if each has one line
    numbers: IntArray | None = None  # of the terms, where all are known to be entities

    def keep(self, mask: Sequence[bool]) -> "Statements":
        """The rows of a mask."""
        return Statements.of(list(compress(column, mask)) for column in self[:6])

    def terms(self) -> list[str]:
        """Subject and object of the first statement, of the second, and so on; literals are left out."""
        terms: list[str] = [""] * (2 * len(self.subjects))
        terms[::2], terms[1::2] = self.subjects, self.objects
        return list(filter(None, terms)) if "" in self.objects else terms

    @staticmethod
    def of(columns: Iterable[Sequence[str]]) -> "Statements":
        """Six columns of one length."""
        subjects, predicates, objects, values, languages, datatypes = columns
        return Statements(subjects, predicates, objects, values, languages, datatypes)


def read_statements(
    path: Path, faults: Faults, numbers: Numbers, *, special: frozenset[str], own_blanks: bool = False
) -> Iterator[Statements]:
    """The statements of a file, some thousand at a time.

    Args:
        path: its suffix, less ``.gz`` and ``.bz2``, tells the format.
        faults: what to do with bad lines of N-Triples and N-Quads.
        numbers: of entities; the terms of blocks of canonical lines get theirs here, as long as no predicate is
            ``special``.
        special: predicates whose statements the caller has to look at first.
        own_blanks: whether the caller renames blank nodes, so that they are not numbered here.

    Raises:
        InputError: a file that is missing or malformed, with line and column as the parser gives them.
    """
    suffix = stem(path).suffix.lower()
    if suffix not in _LINE_FORMATS:
        with ByteStream(path) as stream:
            yield from _parsed(stream, suffix, path, 1)
        return
    sound: set[str] = set()  # predicates and datatypes; other terms are sound once they have a number
    for first, block in read_blocks(path, faults):
        too_long = len(block) > MAX_LINE and max(map(len, block.split(b"\n"))) > MAX_LINE
        rows = None if too_long else _quick(block, suffix)
        if rows is not None:
            numbered = not (own_blanks and b"_:" in block) and special.isdisjoint(rows.predicates)
            rows = _checked(rows, numbers, sound, number=numbered)
        if rows is not None:
            yield rows._replace(first=first)
        elif faults.on_error == "raise" and not too_long:
            yield from _parsed(block, suffix, path, first)
        else:
            yield from _line_by_line(block, suffix, path, first, faults)


def _quick(block: bytes, suffix: str) -> Statements | None:
    """Statements of a block of canonical lines, terms unchecked; ``None`` if any line is written otherwise."""
    if suffix == ".nt" and b'"' not in block and b"\\" not in block:
        text = even_lines(block, 4, " ")
        if text is None:
            return None
        fields = text.replace("\n", " ").split(" ")
        subjects, predicates, objects, ends = (fields[k:-1:4] for k in range(4))
        none = [""] * len(ends)
        return Statements(subjects, predicates, objects, none, none, none) if ends.count(".") == len(ends) else None
    if b"\\u" in block or b"\\U" in block:
        return None
    try:
        found = _LINES[suffix].findall(block.decode())
    except UnicodeDecodeError:
        return None
    if len(found) != block.count(b"\n"):
        return None
    flat = list(chain.from_iterable(found))
    if not all(map(_is_term, {*flat[6::7]} - {""})):  # graphs
        return None
    rows = Statements.of(flat[column::7] for column in range(6))
    if b"\\" not in block:
        return rows
    if any("\\" in value and "\\" in _SOUND_ESCAPE.sub("", value) for value in rows.values):
        return None
    return rows._replace(values=list(map(unescape, rows.values)))


def _checked(rows: Statements, numbers: Numbers, sound: set[str], *, number: bool) -> Statements | None:
    """The rows, if all terms are what the format allows; each is asked once.

    Args:
        rows: statements.
        numbers: entities, of which each is sound.
        sound: predicates and datatypes that are sound; new ones are added.
        number: whether to number the terms.

    Returns:
        The rows, with ``numbers`` if that was asked for; ``None`` if the parser has to say what is wrong.
    """
    others = {*rows.predicates, *(f"<{datatype}>" for datatype in {*rows.datatypes} if datatype)} - sound
    if not all(term[0] == "<" and _is_term(term) for term in others):
        return None
    before = len(numbers)
    if number:
        rows = rows._replace(numbers=numbers.of(rows.terms()))
        if not all(map(_is_term, islice(reversed(numbers), len(numbers) - before))):
            numbers.forget(before)
            return None
    elif not all(_is_term(term) for term in {*rows.subjects, *rows.objects} if term and term not in numbers):
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


def _parsed(source: Any, suffix: str, path: Path, first: int) -> Iterator[Statements]:
    """What the parser makes of a stream or of some lines of a file."""
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
    """The same for lines, of which the bad ones go to ``faults``."""
    parts: list[Statements] = []
    for line, text in enumerate(block.split(b"\n")[:-1], start=first):
        if len(text) > MAX_LINE:
            faults.bad(f"expected lines of at most {MAX_LINE} bytes, got a longer one", path, line)
            continue
        try:
            parts += _parsed(text + b"\n", suffix, path, line)
        except InputError as error:
            faults.bad(str(error), path, line)
    if parts:
        yield Statements.of(
            [item for column in columns for item in column]
            for columns in zip(*(part[:6] for part in parts), strict=True)
        )


def _format(suffix: str) -> Any:
    form = oxigraph().RdfFormat
    names = {".nt": "N_TRIPLES", ".nq": "N_QUADS", ".ttl": "TURTLE", ".trig": "TRIG"}
    return getattr(form, names.get(suffix, "RDF_XML"))
