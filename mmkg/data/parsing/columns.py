"""Strict readers for files of columns of text, a block or a line at a time.

UTF-8 with or without a byte order mark, LF or CRLF, with or without a final newline, plain, gzip or bzip2.
Any other deviation from the declared format is a fault with its file and line.
"""

import bz2
import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, NamedTuple, cast

import numpy as np

from ...errors import Advice, InputError, UsageError
from ...files import MAX_BYTES
from ...typing import IntArray
from .cells import cells_of
from .limits import MAX_LINE, most_bytes, too_large

OnError = Literal["raise", "skip"]
COMPRESSED = (".gz", ".bz2")
SEPARATORS = {"\t": "tab", ",": "comma", " ": "space", "|": "bar", ";": "semicolon"}

_BLOCK = 1 << 20  # bytes; small enough for the scratch arrays of a block to stay in cache
_NEWLINE = ord("\n")


@dataclass
class Faults:
    """Policy for bad lines: stop at the first one, or skip and count them.

    Args:
        on_error: ``raise`` or ``skip``.
        notes: counts by text, e.g. ``{"triples_1: skipped lines": 3}``; filled while reading.
        max_bytes: largest size of a compressed file after decompression.

    Raises:
        UsageError: ``on_error`` is neither.
    """

    on_error: OnError = "raise"
    notes: dict[str, int] = field(default_factory=dict)
    max_bytes: int = MAX_BYTES

    def __post_init__(self) -> None:
        if self.on_error not in ("raise", "skip"):
            raise UsageError(f"on_error must be 'raise' or 'skip', got {self.on_error!r}")

    def bad(self, message: str, path: Path, line: int | None = None, *, advice: Advice | None = None) -> None:
        """Report one bad line: raises ``InputError``, or counts it as skipped."""
        if self.on_error == "raise":
            raise InputError(message, path, line, advice=advice)
        self.count(skipped_lines(path), 1)

    def count(self, what: str, number: int) -> None:
        """Add to a count; a count of zero leaves no note."""
        if number:
            self.notes[what] = self.notes.get(what, 0) + number


def skipped_lines(path: Path) -> str:
    """The note about the skipped lines of a file."""
    return f"{path.name}: skipped lines"


def read_strings(
    path: str | Path, columns: int, faults: Faults, *, more: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, fields) of lines of ``columns`` strings, separated by one tab.

    Args:
        path: the file.
        columns: number of fields per line.
        faults: policy for bad lines.
        more: whether a line may have more than ``columns`` fields.

    Raises:
        InputError: file and line of the first bad line, unless ``faults`` skips.
    """
    path = Path(path)
    for first, block in read_blocks(path, faults):
        yield from cut_strings(path, first, block, columns, faults, more=more)


def cut_strings(
    path: Path, first: int, block: bytes, columns: int, faults: Faults, *, more: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """The lines of a block, see ``read_strings``; ``first`` is the number of the first line."""
    wanted = f"at least {columns}" if more else str(columns)
    for line, text in decoded_lines(path, first, block, faults):
        fields = text.split("\t")
        if len(fields) == columns or (more and len(fields) > columns):
            yield line, fields
        else:
            faults.bad(wrong_fields(text, f"{wanted} tab-separated field{'s' * (columns > 1)}"), path, line)


class FieldBlock(NamedTuple):
    """Whole lines of a file: ``fields``, one line after the other, and the 1-based number of each line."""

    lines: IntArray
    fields: list[str]


def read_fields(
    path: str | Path, columns: int, faults: Faults, *, separator: str = "\t", empty: bool = False
) -> Iterator[FieldBlock]:
    """Yield the fields of lines of ``columns`` strings, about 1 MiB of the file at a time.

    Args:
        path: the file.
        columns: number of fields per line.
        faults: policy for bad lines.
        separator: separator of the fields.
        empty: whether fields may be empty.

    Well-formed blocks are split by a few calls, without a loop over lines (about 2.4 million lines of three
    fields per second); only a malformed block is read line by line, to report the line.

    Raises:
        InputError: file and line of the first bad line, unless ``faults`` skips.
    """
    path = Path(path)
    for first, block in read_blocks(path, faults):
        yield cut_fields(path, first, block, columns, faults, separator, empty)


def cut_fields(
    path: Path, first: int, block: bytes, columns: int, faults: Faults, separator: str, empty: bool
) -> FieldBlock:
    """The fields of a block of whole lines, see ``read_fields``; ``first`` is the number of its first line."""
    if cells_of(block, columns, separator, empty=empty) is not None:
        fields = block.decode().replace("\n", separator).split(separator)
        fields.pop()  # the empty text after the last newline
        return FieldBlock(np.arange(first, first + len(fields) // columns), fields)
    kind = SEPARATORS[separator]
    lines: list[int] = []
    fields = []
    for line, words in decoded_lines(path, first, block, faults, kind):
        found = words.split(separator)
        if len(found) != columns:
            faults.bad(wrong_fields(words, f"{columns} {kind}-separated fields", separator), path, line)
        elif not (empty or all(found)):
            faults.bad(f"expected {columns} fields, got an empty one: {short_text(words)}", path, line)
        else:
            lines.append(line)
            fields += found
    return FieldBlock(np.array(lines, np.int64), fields)


def stem(path: str | Path) -> Path:
    """The path without ``.gz`` or ``.bz2``, so that its suffix is that of the format."""
    path = Path(path)
    return path.with_suffix("") if path.suffix.lower() in COMPRESSED else path


def member(folder: Path, name: str) -> Path:
    """The file of a folder with this name, or with ``.gz`` or ``.bz2`` added; the plain path if there is none."""
    return next((path for end in ("", *COMPRESSED) if (path := folder / (name + end)).exists()), folder / name)


class ByteStream:
    """The bytes of a file, plain or compressed, without a byte order mark.

    Args:
        path: the file; ``.gz`` and ``.bz2`` are decompressed.
        max_bytes: largest size of a compressed file after decompression.

    Raises:
        InputError: the file is missing, cannot be read, its compression is damaged, or it is too large.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._left: int | None = None
        opened = {".gz": gzip.open, ".bz2": bz2.open}.get(path.suffix.lower(), open)
        try:
            self.file = cast(IO[bytes], opened(path, "rb"))  # type: ignore[operator]
        except FileNotFoundError:
            raise InputError("no such file; check the folder and the name", path) from None
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", path) from error
        if path.suffix.lower() in COMPRESSED:
            self._left = self._most = most_bytes(path, max_bytes)
        try:
            self._ahead = self.read(3).removeprefix(b"\xef\xbb\xbf")
        except BaseException:
            self.file.close()
            raise

    def __enter__(self) -> "ByteStream":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    _ahead = b""

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most ``size`` of them; none at the end."""
        ahead, self._ahead = self._ahead, b""
        if 0 <= size < len(ahead):
            ahead, self._ahead = ahead[:size], ahead[size:]
        wanted = size if size < 0 else size - len(ahead)
        if self._left is not None and not 0 <= wanted <= self._left:
            wanted = self._left + 1
        return ahead + self._counted(self._read(wanted))

    def peek(self, size: int) -> bytes:
        """The next bytes, at least ``size`` of them unless the file ends before; they are read again."""
        while len(self._ahead) < size and (block := self._counted(self._read(size - len(self._ahead)))):
            self._ahead += block
        return self._ahead

    def _counted(self, block: bytes) -> bytes:
        if self._left is not None:
            self._left -= len(block)
            if self._left < 0:
                raise too_large(self.path, self._most)
        return block

    def _read(self, size: int) -> bytes:
        try:
            return self.file.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"cannot be decompressed: {_first_lower(str(error))}", self.path) from None
        except OSError as error:
            if error.strerror is None:  # damaged bz2
                raise InputError(f"cannot be decompressed: {_first_lower(str(error))}", self.path) from None
            raise InputError(f"cannot be read: {error.strerror}", self.path) from error

    def skip_line(self) -> None:
        """Read past the end of the current line without keeping it."""
        while (part := self._counted(self.file.readline(_BLOCK))) and not part.endswith(b"\n"):
            pass


def read_blocks(path: Path, faults: Faults) -> Iterator[tuple[int, bytes]]:
    """Whole lines, about 1 MiB at a time: the number of the first line, and the bytes with LF line ends."""
    with ByteStream(path, faults.max_bytes) as file:
        rest, line, last = file.read(_BLOCK), 1, False
        while rest or not last:
            cut = rest.rfind(b"\n") + 1
            if cut:
                block = rest[:cut]
                yield line, block.replace(b"\r\n", b"\n") if b"\r" in block else block
                line += int(np.count_nonzero(np.frombuffer(block, np.uint8) == _NEWLINE))  # faster than to count bytes
                rest = rest[cut:]
            elif last:
                yield line, rest + b"\n"
                rest = b""
            elif len(rest) > MAX_LINE:
                faults.bad(f"expected lines of at most {MAX_LINE} bytes, got a longer one", path, line)
                file.skip_line()
                rest, line = b"", line + 1
            more = file.read(_BLOCK)
            last = not more
            rest += more


def decoded_lines(path: Path, first: int, block: bytes, faults: Faults, kind: str = "tab") -> Iterator[tuple[int, str]]:
    """The lines of a block as text; lines that no format allows go to ``faults``."""
    try:
        texts: Iterable[str | bytes] = block.decode().split("\n")[:-1]
    except UnicodeDecodeError:
        texts = block.split(b"\n")[:-1]
    for line, text in enumerate(texts, start=first):
        if isinstance(text, bytes):
            try:
                text = text.decode()
            except UnicodeDecodeError as error:
                faults.bad(f"expected UTF-8, got byte {text[error.start]:#04x} in column {error.start + 1}", path, line)
                continue
        if "\0" in text:
            faults.bad(f"expected text, got a NUL character in column {text.index(chr(0)) + 1}", path, line)
        elif "\r" in text:
            faults.bad("expected lines that end in LF or CRLF, got a carriage return inside a line", path, line)
        elif not text:
            faults.bad(f"expected {kind}-separated fields, got an empty line", path, line)
        elif len(text) > MAX_LINE // 4 and len(text.encode()) > MAX_LINE:
            faults.bad(f"expected lines of at most {MAX_LINE} bytes, got a longer one", path, line)
        else:
            yield line, text


def wrong_fields(text: str, wanted: str, separator: str = "\t") -> str:
    """The message about a line with a wrong number of fields."""
    got = text.count(separator) + 1
    hint = "; separate them by a tab, not by spaces" if got == 1 and separator == "\t" and " " in text else ""
    return f"expected {wanted}, got {got}: {short_text(text)}{hint}"


def short_text(text: str) -> str:
    """The text in quotes, cut to 60 characters, for messages."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _first_lower(text: str) -> str:
    return text[:1].lower() + text[1:]
