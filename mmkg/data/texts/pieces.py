"""Strings of a block of bytes, eight bytes at a time, without a loop over strings."""

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...typing import BoolArray, IntArray

Bytes = NDArray[np.uint8]
Longs = NDArray[np.uint64]
T = TypeVar("T", bound=np.generic)

LONGEST = 512  # bytes; what follows in a longer string is not read here
PADDING = 8  # bytes behind the last string of a block, so that the last eight bytes can be read at once

_MASKS = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)  # the first bytes of eight, little-endian
_FACTOR, _LONG = 0x9E3779B97F4A7C15, (1 << 64) - 1
_MULTIPLIER = np.uint64(_FACTOR)
_HALF = np.uint64(32)


class Pieces(NamedTuple):
    """Strings of a block, eight bytes at a time, in the order of their lengths.

    Args:
        order: the string at each place of this order, ``[S]``.
        parts: for each k, the first place of the strings longer than 8 k bytes, and bytes 8 k to 8 k + 7 of these, with
            zeros behind their end; the first ``LONGEST`` bytes of each string.
    """

    order: IntArray
    parts: list[tuple[int, Longs]]


def pieces_of(text: Bytes, starts: IntArray, lengths: IntArray) -> Pieces:
    """The strings of a block, see ``Pieces``.

    Args:
        text: bytes, with ``PADDING`` bytes behind the last string.
        starts: first byte of each string, ``[S]``.
        lengths: bytes of each string, ``[S]``.
    """
    count = np.minimum((lengths + 7) // 8, LONGEST // 8).astype(np.uint16)  # of small integers: a radix sort
    order = np.argsort(count, kind="stable")
    ordered_starts, ordered_lengths = starts[order], lengths[order]
    first = np.searchsorted(count[order], np.arange(1, int(count.max(initial=0)) + 2)).tolist()
    eight = eight_of(text)
    parts = []
    for k, (begin, longer) in enumerate(zip(first[:-1], first[1:], strict=True)):
        part = eight[ordered_starts[begin:] + 8 * k]
        part[: longer - begin] &= _MASKS[np.minimum(ordered_lengths[begin:longer] - 8 * k, 8)]  # these end here
        parts.append((begin, part))
    return Pieces(order, parts)


def hashes_of(pieces: Pieces, lengths: IntArray) -> Longs:
    """A hash of each string, uint64 ``[S]``."""
    order, parts = pieces
    mixed = lengths[order].astype(np.uint64) * _MULTIPLIER
    for begin, part in parts:
        some = mixed[begin:]
        some ^= part
        some *= _MULTIPLIER
        some ^= some >> _HALF
    hashes = np.empty_like(mixed)
    hashes[order] = mixed * _MULTIPLIER  # the highest bits depend on all others
    return hashes


def hash_of(text: bytes) -> int:
    """The hash of a single string, as ``hashes_of`` gives it; that takes a hundred times as long for one."""
    mixed = len(text) * _FACTOR & _LONG
    for start in range(0, min(len(text), LONGEST), 8):
        mixed = (mixed ^ int.from_bytes(text[start : start + 8], "little")) * _FACTOR & _LONG
        mixed ^= mixed >> 32
    return mixed * _FACTOR & _LONG


def begin_with(text: Bytes, starts: IntArray, lengths: IntArray, prefix: bytes) -> BoolArray:
    """Which strings begin with some bytes, bool ``[S]``; arguments as for ``pieces_of``."""
    found = lengths >= len(prefix)
    rows, eight = np.flatnonzero(found), eight_of(text)
    for start in range(0, len(prefix), 8):
        part = prefix[start : start + 8]
        same = eight[starts[rows] + start] & _MASKS[len(part)] == np.uint64(int.from_bytes(part, "little"))
        found[rows[~same]] = False
        rows = rows[same]
    return found


def eight_of(text: Bytes) -> Longs:
    """The eight bytes that begin at each byte, as one number."""
    found: Longs = np.lib.stride_tricks.as_strided(text[:8].view("<u8"), (max(len(text) - 7, 0),), (1,))
    return found


def gathered(text: Bytes, starts: IntArray, sizes: IntArray) -> Bytes:
    """The bytes of some strings, one after the other."""
    stops = np.cumsum(sizes)
    total = int(stops[-1]) if len(stops) else 0
    return text[np.arange(total) + np.repeat(starts - stops + sizes, sizes)]


def room(array: NDArray[T], size: int, fill: int | None = None) -> NDArray[T]:
    """The array, with room for half as many entries again as ``size`` if it has less than ``size``.

    New entries are ``fill``, or anything for ``None``.
    """
    if size <= len(array):
        return array
    more = np.empty(size + size // 2, array.dtype)
    more[: len(array)] = array
    if fill is not None:
        more[len(array) :] = fill
    return more
