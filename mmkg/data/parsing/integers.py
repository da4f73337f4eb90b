"""Strict reader for files of integers, at numpy speed; see ``columns.py`` for the files."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...typing import IntArray
from .columns import Faults, decoded_lines, read_blocks, short_text, wrong_fields

MAX_ID = 2**63 - 1
_SAFE_DIGITS = 18  # every number with this many digits fits int64
_TAB, _NEWLINE, _ZERO, _NINE = 9, 10, 48, 57


@dataclass(frozen=True, eq=False)
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
    core); only a malformed block is read line by line, to report the line.

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


def parse_id(text: str) -> int | str:
    """The integer in 0..2**63-1 of a field, or the message about any other content."""
    if len(text) <= _SAFE_DIGITS and text.isascii() and text.isdigit():
        return int(text)
    if not re.fullmatch(r"[0-9]+", text):
        if re.fullmatch(r"-[0-9]+", text):
            return f"expected an integer >= 0, got {short_text(text)}"
        return f"expected an integer, got {short_text(text)}"
    digits = text.lstrip("0") or "0"
    if len(digits) > 19 or int(digits) > MAX_ID:
        return f"expected an integer of at most 2**63 - 1, got {short_text(text)}"
    return int(digits)


def _parse_block(block: bytes, columns: int) -> IntArray | None:
    """Integers of a block ``[L, columns]``; ``None`` if any line is malformed."""
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
    """Line and integers of each line of a block; bad lines go to ``faults``."""
    wanted = f"{columns} tab-separated integers"
    for line, text in decoded_lines(path, first, block, faults):
        fields = text.split("\t")
        if len(fields) != columns:
            faults.bad(wrong_fields(text, wanted), path, line)
            continue
        parsed = [parse_id(item) for item in fields]
        problem = next((item for item in parsed if isinstance(item, str)), None)
        if problem is None:
            yield line, [item for item in parsed if isinstance(item, int)]
        else:
            faults.bad(problem, path, line)
