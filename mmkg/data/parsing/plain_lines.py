"""Statements of N-Triples, a block of lines at a time: plain lines are found and numbered without a loop over lines.

A plain line is ``<subject> <predicate> object .`` with single spaces and no backslash; the object is an entity, or a
literal in quotes with or without a language or a datatype. pyoxigraph checks each different term of these lines, and
parses all other lines.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ...typing import BoolArray, IntArray
from ..texts.labels import Labels
from ..texts.pieces import LONGEST, PADDING, Bytes, room
from .cells import is_utf8
from .coded import Coded
from .iris import oxigraph
from .rdf_statements import Statements
from .words import NEWLINE, Words

_SPACE, _QUOTE, _DOT, _LESS, _UNDERSCORE, _BACKSLASH = (ord(sign) for sign in ' ".<_\\')
_LITERAL_OF = b'<a:b> <a:b> ""%b .\n'  # a statement whose object has a given suffix

Parse = Callable[[bytes], tuple[Statements, Sequence[int]] | None]


class _Lines(NamedTuple):
    """Where the parts of plain lines begin and end, int64 ``[L]``.

    Args:
        text: the block, and ``PADDING`` bytes behind it.
        number: the line of the block, from 0.
        begin: first byte of the subject.
        first, second: the spaces behind subject and predicate.
        quote: for a literal, its last quote.
        end: the space behind the object.
        literal: whether the object is a literal, bool ``[L]``.
    """

    text: Bytes
    number: IntArray
    begin: IntArray
    first: IntArray
    second: IntArray
    quote: IntArray
    end: IntArray
    literal: BoolArray

    def keep(self, rows: IntArray | BoolArray) -> "_Lines":
        """Some of the lines."""
        begin, first, second, quote, end = (column[rows] for column in self[2:7])
        return _Lines(self.text, self.number[rows], begin, first, second, quote, end, self.literal[rows])


class PlainLines:
    """Reads blocks of N-Triples by columns that store each different term once.

    Args:
        parse: the statements of some lines, as pyoxigraph parses them, and the line of each, from 0; ``None`` if any is
            malformed or holds another number of statements than one.
        blank: prefix for the labels of blank nodes.
    """

    def __init__(self, parse: Parse, blank: str = "") -> None:
        self.parse, self.blank = parse, blank
        self._terms = Words(self._named if blank else None)
        self._numbered([""])  # what stands for a literal has number 0
        self._sound: BoolArray = np.zeros(0, bool)  # of each term: whether it is valid
        self._checked = 0  # number of terms that have been checked
        self._suffixes = Words()  # of literals: language or datatype as written
        self._kind_of: IntArray = np.zeros(0, np.int64)  # of each suffix: its number in ``_kinds``; -1 for a bad one
        self._kinds: dict[tuple[str, str], int] = {("", ""): 0}  # language and datatype

    def statements(self, block: bytes, first: int) -> Statements | None:
        """The statements of a block of whole lines that end in LF, the first of which has the number ``first``.

        ``None`` if the block is to be parsed as a whole.
        """
        if b"\0" in block or b"\r" in block or not is_utf8(block):
            return None
        lines, size = _plain(block)
        if 2 * len(lines.number) < size:
            return None
        terms, kinds = self._codes(lines)
        good = self._sound[terms].all(axis=1) & (kinds >= 0)
        if not good.all():
            lines, terms, kinds = lines.keep(good), terms[good], kinds[good]
        if len(lines.number) == size:
            return self._by_column(terms, self._values(lines), kinds, range(first, first + size))
        return self._with_others(block, first, size, lines, terms, kinds)

    def _with_others(
        self, block: bytes, first: int, size: int, lines: _Lines, terms: IntArray, kinds: IntArray
    ) -> Statements | None:
        """The statements of plain lines and, in their places, those that pyoxigraph parses out of the others."""
        other = np.ones(size, bool)
        other[lines.number] = False
        texts = block.split(b"\n")
        places = np.flatnonzero(other)
        others = b"".join(texts[place] + b"\n" for place in places.tolist())
        parsed = None if b"<<" in others else self.parse(others)
        if parsed is None:
            return None
        rows, numbers = parsed
        longest = max(map(len, (*rows.subjects, *rows.predicates, *rows.objects)), default=0)
        if longest > LONGEST // 4:  # characters
            return None
        found = np.stack([self._numbered(column) for column in rows[:3]], axis=1)
        pairs = zip(rows.languages, rows.datatypes, strict=True)
        more = np.array([self._kinds.setdefault(pair, len(self._kinds)) for pair in pairs], np.int64)
        places = places[np.asarray(numbers, np.int64)]
        order = np.argsort(np.concatenate([lines.number, places]), kind="stable")
        return self._by_column(
            np.concatenate([terms, found])[order],
            Labels.chained([self._values(lines), Labels.of(rows.values)]).take(order),
            np.concatenate([kinds, more])[order],
            (first + np.concatenate([lines.number, places])[order]).tolist(),
        )

    def _by_column(self, terms: IntArray, values: Labels, kinds: IntArray, lines: Sequence[int]) -> Statements:
        languages, datatypes = zip(*self._kinds, strict=True)
        subjects, predicates, objects = (Coded(self._terms, terms[:, k]) for k in range(3))
        return Statements(
            subjects,
            predicates,
            objects,
            values,
            Coded(languages, kinds),
            Coded(datatypes, kinds),
            lines,
            terms[:, 2] != 0,
        )

    def _codes(self, lines: _Lines) -> tuple[IntArray, IntArray]:
        """Numbers of subject, predicate and object of each line, ``[L, 3]``, that of "" for a literal; and its kind."""
        objects = lines.second + 1
        starts = np.stack([lines.begin, lines.first + 1, objects], axis=1)
        ends = np.stack([lines.first, lines.second, np.where(lines.literal, objects, lines.end)], axis=1)
        terms = self._terms.numbers(lines.text, starts.ravel(), ends.ravel()).reshape(starts.shape)
        new = self._terms[self._checked :]
        self._sound = room(self._sound, len(self._terms))
        self._sound[self._checked : len(self._terms)] = _are_terms(map(self._written, new))
        self._checked = len(self._terms)
        kinds = np.zeros(len(terms), np.int64)
        if lines.literal.any():
            kinds[lines.literal] = self._kinds_of(lines.keep(lines.literal))
        return terms, kinds

    def _kinds_of(self, lines: _Lines) -> IntArray:
        """The kind of the literal of each line, -1 if it is none that pyoxigraph accepts."""
        numbers = self._suffixes.numbers(lines.text, lines.quote + 1, lines.end)
        if len(self._suffixes) > len(self._kind_of):
            new = self._suffixes[len(self._kind_of) :]
            self._kind_of = np.concatenate([self._kind_of, np.array(list(map(self._kind, new)), np.int64)])
        return self._kind_of[numbers]

    def _kind(self, suffix: str) -> int:
        """The kind of literals with this suffix, -1 for a bad one."""
        if " " in suffix:
            return -1
        try:
            found = list(oxigraph().parse(_LITERAL_OF % suffix.encode(), format=oxigraph().RdfFormat.N_TRIPLES))
        except SyntaxError:
            return -1
        if len(found) != 1:
            return -1
        language, datatype = found[0].object.language or "", found[0].object.datatype.value
        return self._kinds.setdefault((language, "" if language else datatype), len(self._kinds))

    def _values(self, lines: _Lines) -> Labels:
        """The text of each literal, "" for other objects."""
        places = [np.where(lines.literal, where, lines.begin) for where in (lines.second + 2, lines.quote)]
        return Labels.cut(lines.text, *places)

    def _numbered(self, terms: Sequence[str]) -> IntArray:
        """The number of each term."""
        raw = [term.encode() for term in terms]
        ends = np.cumsum([len(term) + 1 for term in raw]) - 1
        text = np.frombuffer(b"\n".join([*raw, bytes(PADDING)]), np.uint8)
        return self._terms.numbers(text, ends - np.array(list(map(len, raw)), np.int64), ends)

    def _named(self, term: str) -> str:
        """The label of a term: blank nodes of different files are different."""
        return f"_:{self.blank}{term[2:]}" if term.startswith("_:") else term

    def _written(self, term: str) -> str:
        """The term that has this label."""
        return f"_:{term[2 + len(self.blank) :]}" if self.blank and term.startswith("_:") else term


def _plain(block: bytes) -> tuple[_Lines, int]:
    """The plain lines of a block, terms and suffixes unchecked, and the number of all its lines."""
    text = np.frombuffer(block + bytes(PADDING), np.uint8)
    inside = text[:-PADDING]
    stop = np.flatnonzero(inside == NEWLINE)
    begin = np.concatenate([[0], stop[:-1] + 1])
    spaces, quotes = np.flatnonzero(inside == _SPACE), np.flatnonzero(inside == _QUOTE)
    space, spaced = _within(spaces, begin, stop)
    end = stop - 2
    plain = (spaced >= 3) & (end > begin)
    place = np.where(plain, space, 0)
    padded = np.append(spaces, [0, 0, 0])
    first, second = padded[place], padded[place + 1]
    literal = text[second + 1] == _QUOTE
    plain &= (text[end] == _SPACE) & (text[stop - 1] == _DOT) & (end > second + 1) & (text[first + 1] == _LESS)
    plain &= (text[begin] == _LESS) | (text[begin] == _UNDERSCORE)
    quote = np.zeros_like(stop)
    if len(quotes):
        mark, marked = _within(quotes, begin, stop)
        plain &= np.where(literal, (marked == 2), (marked == 0) & (spaced == 3))
        padded = np.append(quotes, [0, 0])
        plain &= ~literal | (padded[mark] == second + 1)
        quote = padded[mark + 1]
    else:
        plain &= ~literal & (spaced == 3)
    if b"\\" in block:
        plain &= _within(np.flatnonzero(inside == _BACKSLASH), begin, stop)[1] == 0
    tail = np.where(literal, end - quote - 1, end - second - 1)
    plain &= np.maximum(np.maximum(first - begin, second - first), tail) <= LONGEST
    lines = _Lines(text, np.arange(len(stop)), begin, first, second, quote, end, literal)
    return lines if plain.all() else lines.keep(plain), len(stop)


def _within(places: IntArray, begin: IntArray, stop: IntArray) -> tuple[IntArray, IntArray]:
    """The index of the first of some ascending places in each line, and the number of those in the line."""
    first = np.searchsorted(places, begin)
    return first, np.append(first[1:], len(places)) - first


def _are_terms(terms: Iterable[str]) -> list[bool]:
    """Whether each text is ``<IRI>``, ``_:node``, or "", which stands for a literal."""
    named, blank = oxigraph().NamedNode, oxigraph().BlankNode
    found = []
    for term in terms:
        good = True
        try:
            if term[:1] == "<" and term[-1] == ">":
                named(term[1:-1])
            elif term[:2] == "_:":
                blank(term[2:])
            else:
                good = not term
        except ValueError:
            good = False
        found.append(good)
    return found
