"""Embeddings of eight bits per value: whole numbers of a 127th of the largest value of their row.

A run computes with the values that are read back, in 16 bits, so that its figures are those of what is stored.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..typing import FloatArray

STEPS = 127  # from 0 to the largest value of a row
BLOCK_ROWS = 4096

Codes = NDArray[np.int8]
Peaks = NDArray[np.float16]


def in_eight_bits(rows: FloatArray) -> tuple[Codes, Peaks]:
    """Codes int8 ``[n, D]`` of rows, and the largest absolute value of each, float16 ``[n]``.

    Args:
        rows: within +-1, ``[n, D]``. Each value changes by at most a 254th of the largest of its row; rows that were
            read back do not change again.
    """
    codes, peaks = np.empty(rows.shape, np.int8), np.empty(len(rows), np.float16)
    for some in _blocks(len(rows)):
        block = rows[some].astype(np.float32, copy=False)
        peaks[some] = np.abs(block).max(axis=1, initial=0)
        steps = peaks[some].astype(np.float32)[:, None] / STEPS
        found = np.rint(block / np.where(steps > 0, steps, 1))
        codes[some] = np.clip(found, -STEPS, STEPS)
    return codes, peaks


def from_eight_bits(codes: Codes, peaks: Peaks) -> FloatArray:
    """The rows that codes stand for, float16 ``[n, D]``."""
    rows: FloatArray = np.empty(codes.shape, np.float16)
    for some in _blocks(len(codes)):
        rows[some] = codes[some] * (peaks[some].astype(np.float32)[:, None] / STEPS)
    return rows


def rounded(rows: FloatArray, store: str) -> FloatArray:
    """Rows with the values that are stored, in the type in which they are held: float16 of those in eight bits.

    Args:
        rows: within +-1, ``[n, D]``.
        store: ``float32``, ``float16`` or ``int8``.
    """
    return from_eight_bits(*in_eight_bits(rows)) if store == "int8" else rows.astype(store, copy=False)


def _blocks(size: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK_ROWS) for start in range(0, size, BLOCK_ROWS))
