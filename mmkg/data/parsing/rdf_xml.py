"""RDF/XML and GraphML as UTF-8, checked while it is read, so that no document grows far beyond its size in memory."""

import codecs
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.parsers import expat

from ...errors import InputError
from .columns import ByteStream

MAX_DEPTH = 500  # elements inside each other
MAX_TEXT = 1 << 24  # bytes of one text, tag or comment; pyoxigraph has the same limit for literals of Turtle
MAX_ENTITY = 1024  # characters of an entity
MAX_GROWTH = 10  # characters after the expansion of entities, per byte of the file

_BLOCK = 1 << 16
_AMPLIFIED = 43  # XML_ERROR_AMPLIFICATION_LIMIT_BREACH, a limit of expat itself
_DECLARED = re.compile(rb"<\?xml[^>]*?\sencoding\s*=\s*[\"']([A-Za-z][A-Za-z0-9._\-]*)[\"']")
_ENCODINGS = re.compile(r"(?:utf-(?:8|16|32)|ascii|iso8859|cp|koi8|mac|windows|shift_jis|euc|gb|big5|hz|tis|ptcp)")
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}


class XmlText:
    """An XML file as UTF-8 for a parser; what the parser must not get is refused before.

    Refused are: encodings that are not known or do not fit the bytes, entities that refer to others, hold markup, lie
    in another file or are longer than ``MAX_ENTITY``, elements nested deeper than ``MAX_DEPTH``, texts longer than
    ``MAX_TEXT``, and documents that entities make more than ``MAX_GROWTH`` times as long as the file.

    Args:
        stream: bytes of the file.
        watch: called with the name and the attributes of each element, and its line.
        what: the format, for messages.
    """

    def __init__(
        self,
        stream: ByteStream,
        watch: Callable[[str, dict[str, str], int], None] | None = None,
        what: str = "RDF/XML",
    ) -> None:
        self._stream, self.path, self._watch, self._what = stream, stream.path, watch, what
        self.encoding = _encoding(stream.peek(1024), stream.path)
        self._decoder = None if self.encoding == "utf-8" else codecs.getincrementaldecoder(self.encoding)()
        self._ready, self._ended = b"", False
        self._prolog: bytes | None = b""  # what comes before the first element; the parser gets its entities only
        self._root: int | None = None  # position of the first element
        self._entities: dict[str, str] = {}
        self._depth = self._last = self._fed = self._text = self._grown = 0
        self._parser = parser = expat.ParserCreate("UTF-8")
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.EntityDeclHandler = self._entity

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most ``size`` of them; none at the end."""
        while not self._ready and not self._ended:
            self._ready = self._more()
        if size < 0:
            size = len(self._ready)
        part, self._ready = self._ready[:size], self._ready[size:]
        return part

    def _more(self) -> bytes:
        block = self._stream.read(_BLOCK)
        self._ended = not block
        if self._decoder is not None:
            try:
                text = self._decoder.decode(block, self._ended)
            except UnicodeDecodeError as error:
                line = self._parser.CurrentLineNumber
                what = f"expected {self.encoding} as declared, got the bytes {error.object[error.start : error.end]!r}"
                raise InputError(what, self.path, line) from None
            block = text.encode("utf-8", "replace")
        if block or (self._ended and self._fed):
            self._check(block)
        if self._prolog is None:
            return block
        self._prolog += block
        if self._root is None:
            return b""
        entities = "".join(f'<!ENTITY {name} "{value}">' for name, value in self._entities.items())
        begin = f"<!DOCTYPE rdf:RDF [{entities}]>".encode() if entities else b""
        block, self._prolog = begin + self._prolog[self._root :], None
        return block

    def _check(self, block: bytes) -> None:
        self._fed += len(block)
        try:
            self._parser.Parse(block, self._ended)
        except expat.ExpatError as error:
            if error.code == _AMPLIFIED:
                raise self._grown_too_far() from None
            what = f"expected {self._what}, got {expat.ErrorString(error.code)} in column {error.offset + 1}"
            raise InputError(what, self.path, error.lineno) from None
        if self._fed - self._last > MAX_TEXT + len(block):
            raise self._refused(f"expected texts and tags of at most {MAX_TEXT:,} bytes, got a longer one")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._root is None:
            self._root = self._parser.CurrentByteIndex
        if self._watch is not None:
            self._watch(name, attributes, self._parser.CurrentLineNumber)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._refused(f"expected at most {MAX_DEPTH} elements inside each other, got more")
        if self._parser.CharacterDataHandler is not None:
            self._expanded(sum(map(len, attributes.values())))
        self._end(name, 0)

    def _end(self, name: str, down: int = 1) -> None:
        self._depth -= down
        index = self._parser.CurrentByteIndex
        if index - self._last > MAX_TEXT:
            raise self._refused(f"expected texts and tags of at most {MAX_TEXT:,} bytes, got a longer one")
        self._last, self._text = index, 0

    def _entity(self, name: str, parameter: int, value: str | None, *_: Any) -> None:
        if parameter or value is None or "&" in value or "%" in value or "<" in value:
            raise self._refused(
                f"expected entities that are plain text, such as a namespace, got {name[:60]!r}, which refers to "
                "others, to a file, or holds markup; write it out in the file"
            )
        if len(value) > MAX_ENTITY:
            raise self._refused(f"expected entities of at most {MAX_ENTITY:,} characters, got {len(value):,}")
        self._entities.setdefault(name, _escaped(value))
        self._parser.CharacterDataHandler = self._characters

    def _characters(self, data: str) -> None:
        self._text += len(data)
        if self._text > MAX_TEXT:
            raise self._refused(f"expected texts of at most {MAX_TEXT:,} characters, got a longer one by entities")
        self._expanded(len(data))

    def _expanded(self, size: int) -> None:
        self._grown += size
        if self._grown > max(MAX_TEXT, MAX_GROWTH * self._fed):
            raise self._grown_too_far()

    def _grown_too_far(self) -> InputError:
        return self._refused(f"expected entities that make the file at most {MAX_GROWTH} times as long, got more")

    def _refused(self, message: str) -> InputError:
        return InputError(message, self.path, self._parser.CurrentLineNumber)


def line_of_iri(path: Path, iri: str, max_bytes: int) -> int | None:
    """Line of the first element with an attribute that gives an IRI; ``None`` if none is found."""
    found: list[int] = []

    def watch(name: str, attributes: dict[str, str], line: int) -> None:
        for key, value in attributes.items():
            value = value.strip()
            if value and (iri.endswith(value) or (key.startswith("xmlns") and iri.startswith(value) and " " in value)):
                found.append(line)

    with ByteStream(path, max_bytes) as stream:
        text = XmlText(stream, watch)
        try:
            while not found and text.read(_BLOCK):
                pass
        except InputError:
            return None
    return found[0] if found else None


def _escaped(value: str) -> str:
    """The value of an entity for a declaration in quotes."""
    return value.replace('"', "&#34;")


def _encoding(head: bytes, path: Path) -> str:
    """The codec of an XML file, by its byte order mark or its declaration."""
    mark = _MARKS.get(head[:2])
    if head[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        mark = "utf-32"
    if mark is not None:
        return mark
    found = _DECLARED.match(head)
    if found is None or found[1].lower() in (b"utf-8", b"utf8"):
        return "utf-8"
    name = found[1].decode()
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        codec = ""
    if not _ENCODINGS.match(codec):
        raise InputError(f"expected a known encoding in the XML declaration, got {name!r}", path, 1)
    # a declaration that can be read as ASCII is not UTF-16
    return "utf-8" if codec.startswith(("utf-16", "utf-32")) else codec
