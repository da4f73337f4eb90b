"""Columns that store each different text once, and numbers of texts."""

from collections.abc import ItemsView, Iterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...typing import BoolArray, IntArray
from ..texts.labels import Labels
from ..texts.pieces import room
from .words import Words


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
        words, codes = self.words, self.codes
        if isinstance(words, Words):  # which hold bytes: a string is made of each word once
            used, codes = np.unique(codes, return_inverse=True)
            words = words.labels(used).to_list()
        return map(words.__getitem__, codes.tolist())

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


class Numbers:
    """Numbers strings 0, 1, ... in the order of their first lookup.

    As long as all of them are words of one ``Words``, as in a file of well-formed lines, no string is made. The first
    lookup of a string makes a dict of them.
    """

    def __init__(self) -> None:
        self._dict: _Dict | None = None
        self._words: Words | None = None  # those that were looked up last
        self._ranks: NDArray[np.int32] = np.empty(0, np.int32)  # the number of each of these, -1 where it is not known
        self._order: list[IntArray] = []  # the word of each number, while there is no dict
        self._size = 0  # while there is no dict

    def __len__(self) -> int:
        return self._size if self._dict is None else len(self._dict)

    def __getitem__(self, key: str) -> int:
        return self._by_key()[key]

    def __contains__(self, key: str) -> bool:
        return key in self._by_key()

    def __iter__(self) -> Iterator[str]:
        return iter(self.labels() if self._dict is None else self._dict)

    def get(self, key: str) -> int | None:
        """The number of a string, ``None`` if it has none."""
        return self._by_key().get(key)

    def items(self) -> ItemsView[str, int]:
        """Strings and their numbers."""
        return self._by_key().items()

    def labels(self) -> Labels:
        """The string of each number."""
        if self._dict is not None or self._words is None:
            return Labels.of(self._dict or ())
        return self._words.labels(np.concatenate([np.empty(0, np.int64), *self._order]))

    def of(self, keys: Sequence[str]) -> IntArray:
        """Number of each string; a new one gets the next number."""
        if isinstance(keys, Coded) and isinstance(keys.words, Words):
            return self._ranked(keys.words, keys.codes, new=True)
        if isinstance(keys, Coded):
            return self.of(keys.words)[keys.codes]
        return np.array(list(map(self._by_key().__getitem__, keys)), np.int64)  # faster than np.fromiter

    def known(self, keys: Sequence[str]) -> IntArray:
        """Number of each string, -1 for unknown strings."""
        if isinstance(keys, Coded) and isinstance(keys.words, Words):
            return self._ranked(keys.words, keys.codes, new=False)
        if isinstance(keys, Coded):
            return self.known(keys.words)[keys.codes]
        return np.array(list(map(self._by_key().get, keys, repeat(-1))), np.int64)

    def settle(self) -> None:
        """Let go of the words that were looked up; their numbers stay."""
        self._by_key()
        self._words = None

    def _by_key(self) -> "_Dict":
        """The numbers by their strings."""
        if self._dict is None:
            self._dict = _Dict(zip(self.labels(), range(self._size), strict=True))
            self._order.clear()
        return self._dict

    def _ranked(self, words: Words, codes: IntArray, *, new: bool) -> IntArray:
        """The number of each item; each word is looked up once, in the order of the items."""
        if words is not self._words:
            if self._size:  # words of another file
                self._by_key()
            self._words, self._ranks = words, np.empty(0, np.int32)
        if len(words) > len(self._ranks):
            self._ranks = room(self._ranks, len(words), -1)
        found = self._ranks[codes]
        lacking = codes[found < 0]
        if len(lacking) and (new or self._dict is not None):
            different, first = np.unique(lacking, return_index=True)
            different = different[np.argsort(first)]
            self._ranks[different] = self._numbered(words, different, new=new)
            found = self._ranks[codes]
        return found.astype(np.int64)

    def _numbered(self, words: Words, different: IntArray, *, new: bool) -> IntArray:
        """The numbers of words that have no rank; new ones get the next."""
        if self._dict is not None:
            labels = words.labels(different)
            return self.of(labels) if new else self.known(labels)
        self._order.append(different)
        self._size += len(different)
        return np.arange(self._size - len(different), self._size)


class _Dict(dict[str, int]):
    """Gives a new string the next number."""

    def __missing__(self, key: str) -> int:
        number = self[key] = len(self)
        return number
