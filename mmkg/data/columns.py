"""Strict readers for tab-separated files: integers at numpy speed, strings line by line.

UTF-8 with or without a byte order mark, LF or CRLF, with or without a final newline. Everything else that
is not exactly as declared is a fault with its file and line.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from ..errors import InputError, UsageError
from ..typing import IntArray

OnError = Literal["raise", "skip"]

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
    for first, block in _blocks(path, faults):
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
    for first, block in _blocks(path, faults):
        for line, text in _decoded(path, first, block, faults):
            fields = text.split("\t")
            if len(fields) == columns or (more and len(fields) > columns):
                yield line, fields
            else:
                faults.bad(_wrong_fields(text, f"{wanted} tab-separated field{'s' * (columns > 1)}"), path, line)


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


def _blocks(path: Path, faults: Faults) -> Iterator[tuple[int, bytes]]:
    """Whole lines, about 1 MiB at a time: number of the first line, and bytes with LF line ends."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise InputError("no such file; check the folder and the name", path) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path) from error
    with file:
        rest, line, last = file.read(_BLOCK).removeprefix(b"\xef\xbb\xbf"), 1, False
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
                _skip_line(file)
                rest, line = b"", line + 1
            more = file.read(_BLOCK)
            last = not more
            rest += more


def _skip_line(file: BinaryIO) -> None:
    """Read past the end of the current line without keeping it."""
    while (part := file.readline(_BLOCK)) and not part.endswith(b"\n"):
        pass


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


def _decoded(path: Path, first: int, block: bytes, faults: Faults) -> Iterator[tuple[int, str]]:
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
            faults.bad("expected tab-separated fields, got an empty line", path, line)
        elif len(text) > MAX_LINE // 4 and len(text.encode()) > MAX_LINE:
            faults.bad(f"expected lines of at most {MAX_LINE} bytes, got a longer one", path, line)
        else:
            yield line, text


def _wrong_fields(text: str, wanted: str) -> str:
    got = text.count("\t") + 1
    hint = "; separate them by a tab, not by spaces" if got == 1 and " " in text else ""
    return f"expected {wanted}, got {got}: {_short(text)}{hint}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
