"""Strict readers for files of columns: integers at numpy speed, strings a block or a line at a time.

UTF-8 with or without a byte order mark, LF or CRLF, with or without a final newline, plain, gzip or bzip2.
Everything else that is not exactly as declared is a fault with its file and line.
"""

import bz2
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, NamedTuple, cast

import numpy as np

from ...errors import InputError, UsageError
from ...typing import IntArray

OnError = Literal["raise", "skip"]
COMPRESSED = (".gz", ".bz2")
SEPARATORS = {"\t": "tab", ",": "comma", " ": "space"}

MAX_LINE = 1 << 20  # bytes
MAX_ID = 2**63 - 1
_BLOCK = 1 << 20  # bytes; small enough for the scratch arrays of a block to stay in cache
_SAFE_DIGITS = 18  # every number of so many digits fits int64
_TAB, _NEWLINE, _ZERO, _NINE = 9, 10, 48, 57


@dataclass
class Faults:
    """What to do with a bad line: stop there, or leave it out and count it.

    Args:
        on_error: ``raise`` or ``skip``.
        notes: counts by text, e.g. ``{"triples_1: skipped lines": 3}``; filled while reading.

    Raises:
        UsageError: ``on_error`` is neither.
    """

    on_error: OnError = "raise"
    notes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.on_error not in ("raise", "skip"):
            raise UsageError(f"on_error must be 'raise' or 'skip', got {self.on_error!r}")

    def bad(self, message: str, path: Path, line: int | None = None) -> None:
        """Report one bad line: raises ``InputError``, or counts it as skipped."""
        if self.on_error == "raise":
            raise InputError(message, path, line)
        self.count(f"{path.name}: skipped lines", 1)

    def count(self, what: str, number: int) -> None:
        """Add to a count; a count of zero leaves no note."""
        if number:
            self.notes[what] = self.notes.get(what, 0) + number


@dataclass(frozen=True)
class IntegerTable:
    """Integers of a file, int64 ``[L, columns]``, and the 1-based line of each row."""

    path: Path
    values: IntArray
    lines: IntArray

    def keep(self, good: np.ndarray) -> "IntegerTable":
        """The rows that a mask or an index selects."""
        return IntegerTable(self.path, self.values[good], self.lines[good])


def read_integers(path: str | Path, columns: int, faults: Faults) -> IntegerTable:
    """Read lines of ``columns`` integers >= 0, separated by one tab.

    Blocks of well-formed lines are parsed by array operations (about 8 million triples per second on one
    core); only a block that is not well formed is looked at line by line, to say where.

    Raises:
        InputError: file and line of the first bad line, unless ``faults`` skips.
    """
    path = Path(path)
    values, lines = [np.empty((0, columns), np.int64)], [np.empty(0, np.int64)]
    for first, block in read_blocks(path, faults):
        parsed = _parse_block(block, columns)
        if parsed is None:
            numbered = list(_parse_lines(path, first, block, columns, faults))
            parsed = np.array([row for _, row in numbered], np.int64).reshape(-1, columns)
            lines.append(np.array([line for line, _ in numbered], np.int64))
        else:
            lines.append(np.arange(first, first + len(parsed), dtype=np.int64))
        values.append(parsed)
    return IntegerTable(path, np.concatenate(values), np.concatenate(lines))


def read_strings(
    path: str | Path, columns: int, faults: Faults, *, more: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, fields) of lines of ``columns`` strings, separated by one tab.

    Args:
        path: the file.
        columns: how many fields a line has.
        faults: what to do with a bad line.
        more: whether a line may have more than ``columns`` fields.

    Raises:
        InputError: file and line of the first bad line, unless ``faults`` skips.
    """
    path = Path(path)
    wanted = f"at least {columns}" if more else str(columns)
    for first, block in read_blocks(path, faults):
        for line, text in _decoded(path, first, block, faults):
            fields = text.split("\t")
            if len(fields) == columns or (more and len(fields) > columns):
                yield line, fields
            else:
                faults.bad(_wrong_fields(text, f"{wanted} tab-separated field{'s' * (columns > 1)}"), path, line)


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
        columns: how many fields a line has.
        faults: what to do with a bad line.
        separator: of the fields.
        empty: whether fields may be empty.

    Well-formed blocks are cut by a few calls, without a loop over lines (about 2.4 million lines of three
    fields per second); only a block that is not well formed is looked at line by line, to say where.

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
    text = even_lines(block, columns, separator, empty=empty)
    if text is not None:
        fields = text.replace("\n", separator).split(separator)
        fields.pop()  # what stands after the last newline
        return FieldBlock(np.arange(first, first + len(fields) // columns), fields)
    kind = SEPARATORS[separator]
    lines: list[int] = []
    fields = []
    for line, words in _decoded(path, first, block, faults, kind):
        found = words.split(separator)
        if len(found) != columns:
            faults.bad(_wrong_fields(words, f"{columns} {kind}-separated fields", separator), path, line)
        elif not (empty or all(found)):
            faults.bad(f"expected {columns} fields, got an empty one: {_short(words)}", path, line)
        else:
            lines.append(line)
            fields += found
    return FieldBlock(np.array(lines, np.int64), fields)


def even_lines(block: bytes, columns: int, separator: str, *, empty: bool = False) -> str | None:
    """A block as text, if every line has ``columns`` fields, none of them empty unless allowed; else ``None``."""
    if b"\0" in block or b"\r" in block:
        return None
    text = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero((text == ord(separator)) | (text == _NEWLINE))
    pattern = np.array([ord(separator)] * (columns - 1) + [_NEWLINE], np.uint8)
    if len(ends) % columns or not (text[ends].reshape(-1, columns) == pattern).all():
        return None
    if not empty and int(np.diff(ends, prepend=-1).min(initial=2)) < 2:
        return None
    if int(np.diff(ends[columns - 1 :: columns], prepend=-1).max(initial=0)) > MAX_LINE:
        return None
    try:
        return block.decode()
    except UnicodeDecodeError:
        return None


def parse_id(text: str) -> int | str:
    """The integer in 0..2**63-1 that a field holds, or a sentence on what it holds instead."""
    if len(text) <= _SAFE_DIGITS and text.isascii() and text.isdigit():
        return int(text)
    if not re.fullmatch(r"[0-9]+", text):
        if re.fullmatch(r"-[0-9]+", text):
            return f"expected an integer >= 0, got {_short(text)}"
        return f"expected an integer, got {_short(text)}"
    digits = text.lstrip("0") or "0"
    if len(digits) > 19 or int(digits) > MAX_ID:
        return f"expected an integer of at most 2**63 - 1, got {_short(text)}"
    return int(digits)


def stem(path: str | Path) -> Path:
    """The path without ``.gz`` or ``.bz2``, so that its suffix tells the format."""
    path = Path(path)
    return path.with_suffix("") if path.suffix.lower() in COMPRESSED else path


class ByteStream:
    """A file, plain or compressed, as bytes; a byte order mark is left out.

    Raises:
        InputError: the file is missing, cannot be read, or its compression is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        opened = {".gz": gzip.open, ".bz2": bz2.open}.get(path.suffix.lower(), open)
        try:
            self.file = cast(IO[bytes], opened(path, "rb"))  # type: ignore[operator]
        except FileNotFoundError:
            raise InputError("no such file; check the folder and the name", path) from None
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", path) from error
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
        try:
            return ahead + self.file.read(size if size < 0 else max(0, size - len(ahead)))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"cannot be decompressed: {_first_lower(str(error))}", self.path) from None
        except OSError as error:
            if error.strerror is None:  # bz2 reports damage so
                raise InputError(f"cannot be decompressed: {_first_lower(str(error))}", self.path) from None
            raise InputError(f"cannot be read: {error.strerror}", self.path) from error

    def skip_line(self) -> None:
        """Read past the end of the current line without keeping it."""
        while (part := self.file.readline(_BLOCK)) and not part.endswith(b"\n"):
            pass


def read_blocks(path: Path, faults: Faults) -> Iterator[tuple[int, bytes]]:
    """Whole lines, about 1 MiB at a time: number of the first line, and bytes with LF line ends."""
    with ByteStream(path) as file:
        rest, line, last = file.read(_BLOCK), 1, False
        while rest or not last:
            cut = rest.rfind(b"\n") + 1
            if cut:
                block = rest[:cut]
                yield line, block.replace(b"\r\n", b"\n") if b"\r" in block else block
                line += block.count(b"\n")
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


def _parse_block(block: bytes, columns: int) -> IntArray | None:
    """Integers of a block ``[L, columns]``; ``None`` if any line is not as it should be."""
    text = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(text < _ZERO)
    pattern = np.array([_TAB] * (columns - 1) + [_NEWLINE], np.uint8)
    if len(ends) % columns or not (text[ends].reshape(-1, columns) == pattern).all() or text.max() > _NINE:
        return None
    width = np.diff(ends, prepend=-1) - 1
    longest = int(width.max())
    if int(width.min()) < 1 or longest > _SAFE_DIGITS:
        return None
    padded = np.concatenate([np.full(_SAFE_DIGITS, _ZERO, np.uint8), text])
    last = ends - 1 + _SAFE_DIGITS
    values, power = np.zeros(len(ends), np.int64), 1
    for back in range(longest):
        digit = padded[last - back].astype(np.int64) - _ZERO
        values += np.where(width > back, digit * power, 0)
        power *= 10
    return values.reshape(-1, columns)


def _parse_lines(path: Path, first: int, block: bytes, columns: int, faults: Faults) -> Iterator[tuple[int, list[int]]]:
    """The same, one line at a time; every bad line goes to ``faults``."""
    wanted = f"{columns} tab-separated integers"
    for line, text in _decoded(path, first, block, faults):
        fields = text.split("\t")
        if len(fields) != columns:
            faults.bad(_wrong_fields(text, wanted), path, line)
            continue
        parsed = [parse_id(item) for item in fields]
        problem = next((item for item in parsed if isinstance(item, str)), None)
        if problem is None:
            yield line, [item for item in parsed if isinstance(item, int)]
        else:
            faults.bad(problem, path, line)


def _decoded(path: Path, first: int, block: bytes, faults: Faults, kind: str = "tab") -> Iterator[tuple[int, str]]:
    """The lines of a block as text, without those that no format allows."""
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


def _wrong_fields(text: str, wanted: str, separator: str = "\t") -> str:
    got = text.count(separator) + 1
    hint = "; separate them by a tab, not by spaces" if got == 1 and separator == "\t" and " " in text else ""
    return f"expected {wanted}, got {got}: {_short(text)}{hint}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _first_lower(text: str) -> str:
    return text[:1].lower() + text[1:]
