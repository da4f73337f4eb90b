"""Entities by text: those whose name or key holds some words."""

import re
import unicodedata
from functools import cached_property

import numpy as np

from ..data.entities import EntityTable
from ..data.texts.labels import Labels
from ..data.texts.packed import SEPARATOR
from ..typing import BoolArray, IntArray

LONGEST = 200  # letters of a query that are read
FEW = 500  # rows with a word that are found one after the other
RANKED = 300  # first places of a word, and first beginnings, among which the best answers are chosen


class TextSearch:
    """Search of entities by text, without regard to letter case; the texts are prepared at the first search.

    Args:
        table: labels, names and display texts of the entities.
    """

    def __init__(self, table: EntityTable) -> None:
        self._table = table

    def holding(self, text: str) -> BoolArray:
        """Which entities have each word of a text somewhere in their display text, name or label, bool ``[n]``."""
        found = np.ones(len(self._table.labels), bool)
        for word in _folded(text[:LONGEST]).split():
            some = np.zeros(len(found), bool)
            some[self._rows_with(word)] = True
            found &= some
        return found

    def search(self, text: str, k: int) -> list[tuple[int, float]]:
        """The best entities for a text, each with a score in (0, 1]: 1 for an equal name or label.

        An equal name or label comes first, then names that begin with the text, then those with a word that does, then
        the others; among these the shorter ones.
        """
        wanted = " ".join(_folded(text[:LONGEST]).split())
        if not wanted:
            return []
        first, *others = sorted(wanted.split(), key=len, reverse=True)
        rows, all_of_them = (self._rows_with(first), True) if others else self._first_rows(first)
        for word in others:
            rows = rows[np.isin(rows, self._rows_with(word))]
        if not all_of_them:  # a text begins behind either of these marks
            rows = np.concatenate([rows, *(self._first_rows(mark + wanted)[0] for mark in (SEPARATOR, "\n"))])
        rows = np.unique(np.concatenate([rows, self._equal(wanted)]))
        inside = re.compile(rf"\b{re.escape(wanted)}")
        scored = []
        for row, stored in zip(rows.tolist(), self._texts.take(rows), strict=True):
            texts = stored.split("\n")
            if wanted in texts:
                score = 1.0
            elif any(each.startswith(wanted) for each in texts):
                score = 0.8
            else:
                score = 0.6 if any(inside.search(each) for each in texts) else 0.4
            scored.append((-score, len(texts[0]), row))
        return [(row, -score) for score, _, row in sorted(scored)[:k]]

    def _equal(self, text: str) -> IntArray:
        """Rows with this text as display text, name or label, in any letter case."""
        return np.array(sorted(set(self._table.rows_of(text))), np.int64)

    def _first_rows(self, word: str) -> tuple[IntArray, bool]:
        """Rows of the first places that hold a word, ascending, int64, and whether these are all places."""
        wanted, store = word.encode(errors="surrogatepass"), self._bytes
        places: list[int] = []
        place = store.find(wanted)
        while place >= 0 and len(places) < RANKED:
            places.append(place)
            place = store.find(wanted, place + 1)
        inside = np.array(places, np.int64) + (word[0] == SEPARATOR)
        return np.unique(np.searchsorted(self._ends, inside, side="right")), place < 0

    def _rows_with(self, word: str) -> IntArray:
        """All rows whose texts hold a word, ascending, int64; those of a frequent word by array operations."""
        wanted, store, ends = word.encode(errors="surrogatepass"), self._bytes, self._ends
        found: list[int] = []
        place = store.find(wanted)
        while place >= 0 and len(found) < FEW:
            row = int(np.searchsorted(ends, place, side="right"))
            found.append(row)
            place = store.find(wanted, int(ends[row]))
        if place < 0:
            return np.array(found, np.int64)
        letters = np.frombuffer(store, np.uint8)
        places = np.flatnonzero(letters[: len(letters) - len(wanted) + 1] == wanted[0])
        for offset, letter in enumerate(wanted[1:], start=1):
            places = places[letters[places + offset] == letter]
        return np.unique(np.searchsorted(ends, places, side="right"))

    @cached_property
    def _texts(self) -> Labels:
        table = self._table
        columns = [table.display, table.names, table.labels]
        return Labels.of([_folded("\n".join(dict.fromkeys(texts))) for texts in zip(*columns, strict=True)])

    @cached_property
    def _bytes(self) -> bytes:
        return bytes(self._texts.raw())

    @cached_property
    def _ends(self) -> IntArray:
        """Byte behind each text."""
        found: IntArray = self._texts.offsets[1:] - self._texts.offsets[0]
        return found


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
