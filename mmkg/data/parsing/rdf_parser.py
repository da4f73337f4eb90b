"""Statements as pyoxigraph parses them: relative IRIs are resolved, and what a graph cannot hold is left out."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from .columns import ByteStream, Faults, read_blocks
from .iris import oxigraph
from .rdf_statements import Statements
from .rdf_syntax import HEAD, KINDS, XML, base_iri, suffix_of, syntax_of
from .rdf_xml import MAX_DEPTH, MAX_TEXT, XmlText, line_of_iri

_CHUNK = 1 << 14  # statements that are taken from the parser at a time
_BLOCK = 1 << 14  # bytes that the parser gets at a time
_PLACE = re.compile(r"^Parser error (?:at|between) line [^:]*: ")
_NO_LINES = ("N-Triples", "N-Quads")
_FORMATS = {
    "N-Triples": "N_TRIPLES",
    "N-Quads": "N_QUADS",
    "Turtle": "TURTLE",
    "TriG": "TRIG",
    "N3": "N3",
    "JSON-LD": "JSON_LD",
    XML: "RDF_XML",
}
_REIFIES = "http://www.w3.org/1999/02/22-rdf-syntax-ns#reifies"
_IMPLIES = "http://www.w3.org/2000/10/swap/log#implies"
_NOT_REGULAR = "not allowed in regular RDF"  # what pyoxigraph says of N3 statements that RDF does not have
_JSON_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)


class RdfParser:
    """Parses a file, whole or in pieces of whole lines, and counts what it leaves out.

    Args:
        path: the file.
        faults: policy for bad statements.
        kind: syntax, a value of ``KINDS``.
    """

    def __init__(self, path: Path, faults: Faults, kind: str) -> None:
        self.path, self.faults, self.kind = path, faults, kind
        self._form = getattr(oxigraph().RdfFormat, _FORMATS[kind])
        self._fresh: dict[str, str] | None = None if kind in _NO_LINES else {}
        # after a bad IRI, the parser finds the next statement of Turtle and N3, but not of RDF/XML and TriG
        self._lenient = kind == XML or (kind == "TriG" and faults.on_error == "skip")
        self._sound: set[str] = set()  # terms that a lenient parser has not checked
        self._reifiers: dict[str, int] = {}  # names of statements, and the number of statements about each
        self._formulas: set[str] = set()
        self._skipped = self._star = self._rules = 0
        self._first: int | None = None

    def file(self) -> Iterator[Statements]:
        """The statements of the file. With ``on_error=skip``, bad statements are skipped and counted."""
        with ByteStream(self.path, self.faults.max_bytes) as stream:
            if self.kind == XML:
                source: Any = XmlText(stream)
            elif self.kind == "JSON-LD":
                source = _json(stream)
            else:
                source = _Nested(stream)
            yield from self.statements(source, recover=self.kind not in (XML, "JSON-LD"))
        self.finish()

    @property
    def names_statements(self) -> bool:
        """Whether there were names of statements, so that statements about them are left out."""
        return bool(self._reifiers)

    def statements(self, source: Any, first: int = 1, *, recover: bool = False) -> Iterator[Statements]:
        """The statements of a stream or of some lines.

        Args:
            source: the stream, or bytes.
            first: number of the first line.
            recover: whether ``on_error=skip`` goes on after a syntax error.
        """
        ox, plain = oxigraph(), self.kind in _NO_LINES
        columns: list[list[str]] = [[] for _ in range(6)]
        base = None if plain else base_iri(self.path)
        quads = iter(ox.parse(source, format=self._form, base_iri=base, lenient=self._lenient))
        while True:
            try:
                for quad in quads:
                    if self._take(quad, columns) and len(columns[0]) == _CHUNK:
                        yield Statements.of(map(list, columns))
                        for column in columns:
                            column.clear()
                break
            except SyntaxError as error:
                if self.kind == "N3" and _NOT_REGULAR in str(error.msg):
                    self._rules += 1
                elif recover and self.faults.on_error == "skip":
                    self._skip(None if error.lineno is None else error.lineno + first - 1)
                else:
                    raise self._error(error, first) from None
            except MemoryError as error:
                if "buffer" not in str(error):
                    raise
                raise InputError(
                    f"expected literals of at most {MAX_TEXT:,} bytes, got a longer one", self.path
                ) from None
        if columns[0]:
            yield Statements.of(columns)

    def finish(self) -> None:
        """Count what was left out, after the last statement."""
        name, star = self.path.name, self._star
        if self.kind not in _NO_LINES:
            star = sum(max(1, number) for number in self._reifiers.values()) + self._star
        self.faults.count(f"{name}: RDF-star statements left out", star)
        self.faults.count(f"{name}: N3 formulas, variables and literal subjects left out", self._rules)
        place = "" if self._first is None else f", the first in line {self._first}"
        self.faults.count(f"{name}: skipped statements{place}", self._skipped)

    def _take(self, quad: Any, columns: list[list[str]]) -> bool:
        """Add a statement to the columns, unless it is left out."""
        ox = oxigraph()
        target, subject, predicate = quad.object, str(quad.subject), quad.predicate.value
        if type(target) is ox.Triple or type(quad.subject) is ox.Triple:
            if predicate == _REIFIES and subject[:2] == "_:":
                self._reifiers.setdefault(subject, self._taken_back(subject, columns))
            if predicate != _REIFIES or subject[:2] != "_:" or self.kind in _NO_LINES:
                self._star += 1
            return False
        if self._reifiers and (subject in self._reifiers or str(target) in self._reifiers):
            self._reifiers[subject if subject in self._reifiers else str(target)] += 1
            self._star += self.kind in _NO_LINES
            return False
        if self.kind == "N3" and self._is_rule(quad, subject, str(target), predicate):
            self._rules += 1
            return False
        if self._lenient and not self._is_sound(subject, predicate, target):
            return False
        subjects, predicates, objects, values, languages, datatypes = columns
        subjects.append(self._term(subject))
        predicates.append(str(quad.predicate))
        if type(target) is ox.Literal:
            objects.append("")
            values.append(target.value)
            languages.append(target.language or "")
            datatypes.append("" if target.language else target.datatype.value)
        else:
            objects.append(self._term(str(target)))
            for column in (values, languages, datatypes):
                column.append("")
        return True

    def _taken_back(self, reifier: str, columns: list[list[str]]) -> int:
        """Remove the last statement if it is about this name of a statement; returns the number of removed ones."""
        if self._fresh is None or not columns[2] or columns[2][-1] != self._fresh.get(reifier):
            return 0
        for column in columns:
            column.pop()
        return 1

    def _term(self, text: str) -> str:
        """A term; blank nodes get numbers, except in N-Triples and N-Quads."""
        return text if self._fresh is None or text[0] == "<" else self._fresh.setdefault(text, f"_:b{len(self._fresh)}")

    def _is_rule(self, quad: Any, subject: str, target: str, predicate: str) -> bool:
        """Whether a statement of N3 belongs to a formula, or is about one: it is quoted, not stated."""
        if type(quad.graph_name) is not oxigraph().DefaultGraph:
            self._formulas.add(str(quad.graph_name))
            return True
        return predicate == _IMPLIES or subject in self._formulas or target in self._formulas

    def _is_sound(self, subject: str, predicate: str, target: Any) -> bool:
        """Whether all IRIs and the language of a statement are valid; else it is a fault."""
        terms = [subject, f"<{predicate}>"]
        if type(target) is oxigraph().Literal:
            terms.append(f"@{target.language}" if target.language else f"<{target.datatype.value}>")
        else:
            terms.append(str(target))
        return all(term in self._sound or term[0] == "_" or self._is_valid(term) for term in terms)

    def _is_valid(self, term: str) -> bool:
        """Whether ``<IRI>`` or ``@language`` is valid; else it is a fault."""
        ox = oxigraph()
        try:
            _ = ox.NamedNode(term[1:-1]) if term[0] == "<" else ox.Literal("", language=term[1:])
        except ValueError as error:
            line = None if self._first is not None or term[0] == "@" else self._line_of(term[1:-1])
            what = "IRIs" if term[0] == "<" else "languages"
            self._bad(f"expected {self.kind} with valid {what}, got {term[:60]!r}: {error}", line)
            return False
        self._sound.add(term)
        return True

    def _line_of(self, iri: str) -> int | None:
        """The first line with a bad IRI, if it is found."""
        if self.kind == XML:
            return line_of_iri(self.path, iri, self.faults.max_bytes)
        written = f"<{iri}>".encode()
        for first, block in read_blocks(self.path, Faults("skip", max_bytes=self.faults.max_bytes)):
            if written in block:
                return first + block[: block.index(written)].count(b"\n")
        return None

    def _bad(self, message: str, line: int | None) -> None:
        if self.faults.on_error == "raise":
            raise InputError(message, self.path, line)
        self._skip(line)

    def _skip(self, line: int | None) -> None:
        if self._first is None:
            self._first = line
        self._skipped += 1

    def _error(self, error: SyntaxError, first: int) -> InputError:
        place = "" if error.offset is None else f" in column {error.offset}"
        line = None if error.lineno is None else error.lineno + first - 1
        text = _PLACE.sub("", str(error.msg))[:200]
        if "LoadDocumentCallback" in text:
            text = "its @context lies in another file, which is not fetched; write the context into the file"
        return InputError(f"expected {self.kind}{place}: {text}", self.path, line)


def parse_file(path: Path, faults: Faults) -> Iterator[Statements]:
    """The statements of a file in any syntax but N-Triples and N-Quads, several thousand at a time.

    Raises:
        InputError: the file is missing or malformed; line and column as the parser gives them.
    """
    with ByteStream(path, faults.max_bytes) as stream:
        kind = syntax_of(path, stream.peek(HEAD))
    yield from RdfParser(path, faults, kind).file()


def parser_of_lines(path: Path, faults: Faults) -> RdfParser:
    """A parser for blocks of lines of N-Triples or N-Quads."""
    return RdfParser(path, faults, KINDS[suffix_of(path)])


class _Nested:
    """A stream in which RDF-star triples are nested at most ``MAX_DEPTH`` deep: the parser is recursive."""

    def __init__(self, stream: ByteStream) -> None:
        self.stream, self.depth = stream, 0

    def read(self, size: int = -1) -> bytes:
        block = self.stream.read(_BLOCK if size < 0 else min(size, _BLOCK))
        if b"<<(" in block:
            self.depth = max(0, self.depth + block.count(b"<<(") - block.count(b")>>"))
            if self.depth > MAX_DEPTH:
                raise too_deep(self.stream.path)
        return block


def too_deep(path: Path, line: int | None = None) -> InputError:
    """The error for RDF-star triples nested too deep."""
    return InputError(f"expected at most {MAX_DEPTH} RDF-star triples inside each other, got more", path, line)


def _json(stream: ByteStream) -> bytes:
    """A JSON-LD document, nested at most ``MAX_DEPTH`` deep: the parser is recursive."""
    content = stream.read()
    bare = np.frombuffer(_JSON_TEXT.sub(b"", content), np.uint8)
    step = np.isin(bare, list(b"[{")).astype(np.int32) - np.isin(bare, list(b"]}"))
    if int(np.cumsum(step).max(initial=0)) > MAX_DEPTH:
        raise InputError(f"expected at most {MAX_DEPTH} objects and lists inside each other, got more", stream.path)
    return content
