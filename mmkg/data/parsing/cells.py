"""Places of the fields of a block of well-formed lines, found without a loop over lines."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...typing import IntArray
from ..texts.labels import Labels
from ..texts.pieces import LONGEST, PADDING, Bytes
from .limits import MAX_LINE
from .words import NEWLINE, Words


class Cells(NamedTuple):
    """Fields of lines that all have as many.

    Args:
        text: the lines, and ``PADDING`` bytes behind them, ``[B]``.
        starts: first byte of each field, ``[L, C]``.
        ends: end of each field, where its separator or the line end stands, ``[L, C]``.
    """

    text: Bytes
    starts: IntArray
    ends: IntArray

    def texts(self, column: int) -> Labels:
        """The fields of a column."""
        return Labels.cut(self.text, self.starts[:, column], self.ends[:, column])

    def codes(self, columns: Sequence[int], words: Words) -> IntArray | None:
        """Number of each field of some columns in ``words``, ``[L, columns]``.

        ``None`` if a field is empty, or longer than ``LONGEST``.
        """
        starts, ends = self.starts[:, columns], self.ends[:, columns]
        lengths = ends - starts
        if not len(lengths) or int(lengths.min()) < 1 or int(lengths.max()) > LONGEST:
            return None
        return words.numbers(self.text, starts.ravel(), ends.ravel()).reshape(starts.shape)

    def past(self, lines: int) -> "Cells":
        """The fields of all but so many first lines."""
        return self._replace(starts=self.starts[lines:], ends=self.ends[lines:])


def cells_of(block: bytes, columns: int, separator: str, *, empty: bool = False) -> Cells | None:
    """The fields of a block of whole lines in UTF-8; ``None`` if any line breaks the format.

    Args:
        block: whole lines that end in LF.
        columns: number of fields per line.
        separator: separator of the fields, an ASCII character.
        empty: whether fields may be empty.
    """
    if b"\0" in block or b"\r" in block or not is_utf8(block):
        return None
    text = np.frombuffer(block + bytes(PADDING), np.uint8)
    inside = text[:-PADDING]
    found = np.flatnonzero((inside == ord(separator)) | (inside == NEWLINE))
    if len(found) % columns:
        return None
    pattern = np.array([ord(separator)] * (columns - 1) + [NEWLINE], np.uint8)
    ends = found.reshape(-1, columns)
    if not (text[ends] == pattern).all():
        return None
    starts = np.zeros_like(ends)
    starts.ravel()[1:] = found[:-1] + 1
    if not empty and (starts == ends).any():
        return None
    if int((ends[:, -1] - starts[:, 0]).max(initial=0)) > MAX_LINE:
        return None
    return Cells(text, starts, ends)


def is_utf8(block: bytes) -> bool:
    """Whether bytes are text in UTF-8."""
    if block.isascii():
        return True
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True
