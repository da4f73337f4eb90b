"""Numbers for the different byte strings of a file, without a loop over strings.

A hash of eight bytes at a time picks the number of a known string from an open-addressed table; the string itself is
then compared with the known one, so that equal hashes of different strings do no harm.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...typing import IntArray

Bytes = NDArray[np.uint8]
Longs = NDArray[np.uint64]
T = TypeVar("T", bound=np.generic)

NEWLINE = 10
LONGEST = 512  # bytes; longer strings are not worth this way of hashing
PADDING = 8  # bytes behind the last string of a block, so that the last eight bytes can be read at once

_MASKS = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)  # the first bytes of eight, little-endian
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_LEAST = 1 << 12  # slots of an empty table


class Pieces(NamedTuple):
    """Strings of a block, eight bytes at a time, in the order of their lengths.

    Args:
        order: the string at each place of this order, ``[S]``.
        parts: for each k, the first place of the strings longer than 8 k bytes, and bytes 8 k to 8 k + 7 of these, with
            zeros behind their end.
    """

    order: IntArray
    parts: list[tuple[int, Longs]]


class Words(Sequence[str]):
    """Different texts, numbered 0, 1, ... as they come up.

    ``numbers`` adds the new ones of a block. Used as a sequence, it gives the text of each number.

    Args:
        change: what is made of a new text; ``None`` = it stays as it is.
    """

    def __init__(self, change: Callable[[str], str] | None = None) -> None:
        self.texts: list[str] = []
        self._change = change
        self._places = np.zeros(_LEAST, np.uint32)  # of each word in ``_store``
        self._lengths = np.zeros(_LEAST, np.int32)
        self._hashes: Longs = np.zeros(_LEAST, np.uint64)
        self._store: Longs = np.zeros(_LEAST, np.uint64)  # all words, each padded to a multiple of eight bytes
        self._end = 0  # of the last word in the store
        self._slots = np.full(_LEAST, -1, np.int32)
        self._alike: dict[bytes, int] = {}  # words with the hash of another word

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: Any) -> Any:
        return self.texts[index]

    def numbers(self, text: Bytes, starts: IntArray, ends: IntArray) -> IntArray:
        """The number of each string; new strings get the next numbers.

        Args:
            text: bytes in UTF-8, with ``PADDING`` bytes behind the last string.
            starts: first byte of each string, ``[S]``.
            ends: end of each string, ``[S]``; at most ``LONGEST`` bytes behind its start. No string holds a newline.

        Returns:
            int64 ``[S]``.
        """
        lengths = ends - starts
        pieces = pieces_of(text, starts, lengths)
        hashes = _hashes(pieces, lengths)
        found = self._find(hashes)
        new = np.flatnonzero(found < 0)
        if len(new):
            found[new] = self._add(text, starts, ends, hashes, new)
        for place in self._unequal(pieces, lengths, found).tolist():
            found[place] = self._one(text[starts[place] : ends[place]].tobytes())
        return found

    def _find(self, hashes: Longs) -> IntArray:
        """The number of the word with each hash, -1 if there is none."""
        slots, slot = self._slots, self._first_slots(hashes)
        mask = len(slots) - 1
        found = slots[slot].astype(np.int64)
        wrong = np.flatnonzero((self._hashes[found] != hashes) & (found >= 0))
        while len(wrong):
            slot[wrong] = (slot[wrong] + 1) & mask
            found[wrong] = other = slots[slot[wrong]]
            wrong = wrong[(self._hashes[other] != hashes[wrong]) & (other >= 0)]
        return found

    def _first_slots(self, hashes: Longs) -> IntArray:
        """The slot at which the search for each hash begins: its highest bits."""
        return (hashes >> np.uint64(65 - len(self._slots).bit_length())).astype(np.int64)

    def _add(self, text: Bytes, starts: IntArray, ends: IntArray, hashes: Longs, new: IntArray) -> IntArray:
        """Add the words of the strings ``new``; returns the number of each of these strings."""
        different, first, inverse = np.unique(hashes[new], return_index=True, return_inverse=True)
        order = np.argsort(first)  # by first appearance
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        size = len(self.texts)
        kept = new[first[order]]
        self._keep(text, starts[kept], ends[kept], different[order])
        if 2 * len(self.texts) > len(self._slots):
            self._slots = np.full(4 * (1 << len(self.texts).bit_length()), -1, np.int32)
            # words with the hash of an earlier one have no slot
            numbers = np.setdiff1d(np.arange(len(self.texts)), list(self._alike.values()), assume_unique=True)
        else:
            numbers = np.arange(size, len(self.texts))
        self._place(numbers)
        return size + rank[inverse]

    def _place(self, numbers: IntArray) -> None:
        """Give each of these words a slot; their hashes differ from each other and from those in the table."""
        slots, slot = self._slots, self._first_slots(self._hashes[numbers])
        mask = len(slots) - 1
        while len(numbers):
            free = slots[slot] < 0
            slots[slot[free]] = numbers[free]
            left = slots[slot] != numbers  # slots that were taken, or that another word of these took
            numbers, slot = numbers[left], (slot[left] + 1) & mask

    def _keep(self, text: Bytes, starts: IntArray, ends: IntArray, hashes: Longs) -> None:
        """Store new words: their bytes, hashes and texts."""
        size, lengths = len(self.texts), ends - starts
        long = (lengths + 7) // 8
        places = self._end + np.cumsum(long) - long
        self._end += int(long.sum())
        self._store = room(self._store, self._end)
        self._places, self._lengths = room(self._places, size + len(starts)), room(self._lengths, size + len(starts))
        self._hashes = room(self._hashes, size + len(starts))
        order, parts = pieces_of(text, starts, lengths)
        ordered = places[order]
        for k, (begin, part) in enumerate(parts):
            self._store[ordered[begin:] + k] = part
        kept = slice(size, size + len(starts))
        self._places[kept], self._lengths[kept], self._hashes[kept] = places, lengths, hashes
        texts = texts_of(text, starts, ends)
        self.texts += texts if self._change is None else map(self._change, texts)

    def _unequal(self, pieces: Pieces, lengths: IntArray, found: IntArray) -> IntArray:
        """The strings that differ from the word of their number, ascending."""
        order, parts = pieces
        ordered = found[order]
        differs = self._lengths[ordered] != lengths[order]
        places = self._places[ordered].astype(np.int64)
        for k, (begin, part) in enumerate(parts):
            # behind the end of a shorter word stand others: its length differs, whatever they are
            differs[begin:] |= self._store.take(places[begin:] + k, mode="clip") != part
        return np.sort(order[differs])

    def _one(self, word: bytes) -> int:
        """The number of a word whose hash is that of another word."""
        if word not in self._alike:
            self._alike[word] = len(self.texts)
            text = np.frombuffer(word + bytes(PADDING), np.uint8)
            ends = np.array([len(word)])
            self._keep(text, np.zeros(1, np.int64), ends, np.zeros(1, np.uint64))
        return self._alike[word]


def pieces_of(text: Bytes, starts: IntArray, lengths: IntArray) -> Pieces:
    """The strings of a block, eight bytes at a time, see ``Words.numbers`` and ``Pieces``."""
    count = (lengths + 7) // 8
    if int(count.max(initial=0)) < 1 << 16:
        count = count.astype(np.uint16)  # of small integers: a radix sort
    order = np.argsort(count, kind="stable")
    ordered_starts, ordered_lengths = starts[order], lengths[order]
    most = int(count.max(initial=0))
    first = np.searchsorted(count[order], np.arange(1, most + 1))
    eight = np.lib.stride_tricks.as_strided(text[:8].view("<u8"), (max(len(text) - 7, 0),), (1,))
    parts = []
    for k, begin in enumerate(first.tolist()):
        left = np.minimum(ordered_lengths[begin:] - 8 * k, 8)
        parts.append((begin, eight[ordered_starts[begin:] + 8 * k] & _MASKS[left]))
    return Pieces(order, parts)


def texts_of(text: Bytes, starts: IntArray, ends: IntArray) -> list[str]:
    """The strings of a block as texts; none of them holds a newline, and each has a byte behind it."""
    if not len(starts):
        return []
    sizes = ends - starts + 1  # with that byte, which becomes a newline
    stops = np.cumsum(sizes)
    lines = text[np.arange(int(stops[-1])) + np.repeat(starts - stops + sizes, sizes)]
    lines[stops - 1] = NEWLINE
    found: list[str] = lines.tobytes().decode().split("\n")
    found.pop()
    return found


def _hashes(pieces: Pieces, lengths: IntArray) -> Longs:
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


def room(array: NDArray[T], size: int, fill: int = 0) -> NDArray[T]:
    """The array, with room for a quarter more entries than ``size`` if it has less than ``size``."""
    if size <= len(array):
        return array
    more = np.full(size + size // 4, fill, array.dtype)
    more[: len(array)] = array
    return more
