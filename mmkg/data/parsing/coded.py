"""Columns that store each different text once, and numbers of texts."""

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...typing import BoolArray, IntArray
from .words import Words, room


class Coded(Sequence[str]):
    """A column of texts that stores each different text once.

    Args:
        words: different texts, in order of their first appearance; or the ``Words`` of several blocks.
        codes: position in ``words`` of each item, int64.
    """

    def __init__(self, words: Sequence[str], codes: IntArray) -> None:
        self.words, self.codes = words, codes

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, index: Any) -> Any:
        return self.words[self.codes[index]]

    def __iter__(self) -> Iterator[str]:
        return map(self.words.__getitem__, self.codes.tolist())

    def at(self, rows: IntArray | BoolArray) -> "Coded":
        """The items at some positions, or those that a mask selects."""
        return Coded(self.words, self.codes[rows])

    @staticmethod
    def interleaved(first: "Coded", second: "Coded") -> "Coded":
        """The items of both columns in turn: first, second, first, second, ..."""
        if first.words is second.words:
            return Coded(first.words, np.stack([first.codes, second.codes], axis=1).ravel())
        words = [*first.words, *second.words]
        codes = np.stack([first.codes, second.codes + len(first.words)], axis=1).ravel()
        place = np.zeros(len(words), np.int64)
        place[codes[::-1]] = np.arange(len(codes))[::-1]  # first position of each word: the last assignment remains
        order = np.argsort(place, kind="stable")
        rank = np.empty(len(words), np.int64)
        rank[order] = np.arange(len(words))
        return Coded([words[k] for k in order.tolist()], rank[codes])


class Numbers(dict[str, int]):
    """Numbers strings 0, 1, ... in the order of their first lookup."""

    _words: Words | None = None  # the words that were looked up last, and the number of each, -1 where it is not known
    _ranks: NDArray[np.int32] = np.empty(0, np.int32)

    def __missing__(self, key: str) -> int:
        number = self[key] = len(self)
        return number

    def of(self, keys: Sequence[str]) -> IntArray:
        """Number of each string; a new one gets the next number."""
        if isinstance(keys, Coded) and isinstance(keys.words, Words):
            return self._ranked(keys.words, keys.codes, self.__getitem__)
        if isinstance(keys, Coded):
            return self.of(keys.words)[keys.codes]
        return np.array(list(map(self.__getitem__, keys)), np.int64)  # faster than np.fromiter

    def known(self, keys: Sequence[str]) -> IntArray:
        """Number of each string, -1 for unknown strings."""
        if isinstance(keys, Coded) and isinstance(keys.words, Words):
            return self._ranked(keys.words, keys.codes, lambda key: self.get(key, -1))
        if isinstance(keys, Coded):
            return self.known(keys.words)[keys.codes]
        return np.array(list(map(self.get, keys, repeat(-1))), np.int64)

    def _ranked(self, words: Words, codes: IntArray, number: Callable[[str], int]) -> IntArray:
        """The number of each item; each word is looked up once, in the order of the items."""
        if words is not self._words:
            self._words, self._ranks = words, np.empty(0, np.int32)
        if len(words) > len(self._ranks):
            self._ranks = room(self._ranks, len(words), -1)
        found = self._ranks[codes]
        new = codes[found < 0]
        if len(new):
            different, first = np.unique(new, return_index=True)
            different = different[np.argsort(first)]
            self._ranks[different] = list(map(number, map(words.texts.__getitem__, different.tolist())))
            found = self._ranks[codes]
        return found.astype(np.int64)

    def settle(self) -> None:
        """Let go of the words that were looked up; their numbers stay."""
        self._words = None
