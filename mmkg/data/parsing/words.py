"""Numbers for the different byte strings of a file, without a loop over strings.

A hash of eight bytes at a time picks the number of a known string from an open-addressed table; the string itself is
then compared with the known one, so that equal hashes of different strings do no harm.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...typing import IntArray
from ..texts.labels import Labels
from ..texts.pieces import LONGEST, PADDING, Bytes, Longs, Pieces, hashes_of, pieces_of, room

NEWLINE = 10
_LEAST = 1 << 12  # slots of an empty table
_BITS = LONGEST.bit_length()  # of the length of a word
_LENGTH = (1 << _BITS) - 1


class Words(Sequence[str]):
    """Different texts, numbered 0, 1, ... as they come up.

    ``numbers`` adds the new ones of a block, as bytes. Used as a sequence, it gives the text of each number.

    Args:
        change: what is made of a text; ``None`` = it stays as it is. Different texts must stay different.
    """

    def __init__(self, change: Callable[[str], str] | None = None) -> None:
        self._change = change
        self._size = 0
        self._spans = np.zeros(
            _LEAST, np.int64
        )  # of each word: its place in ``_store``, and in the last bits its length
        self._hashes: Longs = np.zeros(_LEAST, np.uint64)
        self._store: Longs = np.zeros(_LEAST, np.uint64)  # all words, each padded to a multiple of eight bytes
        self._end = 0  # of the last word in the store
        self._slots = np.full(_LEAST, -1, np.int32)
        self._alike: dict[bytes, int] = {}  # words with the hash of another word

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.labels(np.arange(self._size)[index]).to_list()
        return self.labels(np.array([range(self._size)[index]]))[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self.labels(np.arange(self._size)))

    def labels(self, numbers: IntArray) -> Labels:
        """The texts of some numbers."""
        spans = self._spans[numbers]
        starts = 8 * (spans >> _BITS)
        found = Labels.cut(self._store.view(np.uint8), starts, starts + (spans & _LENGTH))
        return found if self._change is None else Labels.of(map(self._change, found))

    def numbers(self, text: Bytes, starts: IntArray, ends: IntArray) -> IntArray:
        """The number of each string; new strings get the next numbers.

        Args:
            text: bytes in UTF-8, with ``PADDING`` bytes behind the last string.
            starts: first byte of each string, ``[S]``.
            ends: end of each string, ``[S]``; at most ``LONGEST`` bytes behind its start.

        Returns:
            int64 ``[S]``.
        """
        lengths = ends - starts
        pieces = pieces_of(text, starts, lengths)
        hashes = hashes_of(pieces, lengths)
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
        size = self._size
        kept = new[first[order]]
        self._keep(text, starts[kept], ends[kept], different[order])
        if 2 * self._size > len(self._slots):
            self._slots = np.full(4 * (1 << self._size.bit_length()), -1, np.int32)
            # words with the hash of an earlier one have no slot
            numbers = np.setdiff1d(np.arange(self._size), list(self._alike.values()), assume_unique=True)
        else:
            numbers = np.arange(size, self._size)
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
        size, lengths = self._size, ends - starts
        long = (lengths + 7) // 8
        places = self._end + np.cumsum(long) - long
        self._end += int(long.sum())
        self._store = room(self._store, self._end + 1)
        self._spans, self._hashes = room(self._spans, size + len(starts)), room(self._hashes, size + len(starts))
        order, parts = pieces_of(text, starts, lengths)
        ordered = places[order]
        for k, (begin, part) in enumerate(parts):
            self._store[ordered[begin:] + k] = part
        kept = slice(size, size + len(starts))
        self._spans[kept], self._hashes[kept] = places << _BITS | lengths, hashes
        self._size += len(starts)

    def _unequal(self, pieces: Pieces, lengths: IntArray, found: IntArray) -> IntArray:
        """The strings that differ from the word of their number, ascending."""
        order, parts = pieces
        ordered = found[order]
        spans = self._spans[ordered]
        differs = spans & _LENGTH != lengths[order]
        places = spans >> _BITS
        for k, (begin, part) in enumerate(parts):
            # behind the end of a shorter word stand others: its length differs, whatever they are
            differs[begin:] |= self._store.take(places[begin:] + k, mode="clip") != part
        return np.sort(order[differs])

    def _one(self, word: bytes) -> int:
        """The number of a word whose hash is that of another word."""
        if word not in self._alike:
            self._alike[word] = self._size
            text = np.frombuffer(word + bytes(PADDING), np.uint8)
            ends = np.array([len(word)])
            self._keep(text, np.zeros(1, np.int64), ends, np.zeros(1, np.uint64))
        return self._alike[word]
