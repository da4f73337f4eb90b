"""Entities by a name that may be misspelt: shared trigrams, weighted by how rare they are."""

from collections.abc import Sequence

import numpy as np

from ..data.texts.folding import folded
from ..typing import FloatArray, IntArray

BITS = 20  # of the hash of a trigram
MOST_POSTINGS = 200_000  # entries that one query reads; the rarest trigrams come first
LONGEST = 200  # letters of a text that are read
_MARK = "\x02"  # before and after each text


class NameIndex:
    """Which entities have names like a text.

    Args:
        texts: the texts of each entity, N of them; each text counts for itself.
    """

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        owners, flat = [], []
        for row, own in enumerate(texts):
            for text in dict.fromkeys(folded(each[:LONGEST]) for each in own):
                owners.append(row)
                flat.append(text)
        self.size = len(texts)
        self._owner = np.array(owners, np.int64)
        self._texts = flat
        document, codes = _trigrams(flat)
        keys = np.unique(codes * np.int64(max(len(flat), 1)) + document)  # each once for each text, by trigram
        codes, self._document = np.divmod(keys, np.int64(max(len(flat), 1)))
        self._starts = np.searchsorted(codes, np.arange((1 << BITS) + 1))
        counts = np.diff(self._starts)
        self._weight = np.log((1 + len(flat)) / (1 + counts)).astype(np.float32) + np.float32(0.1)
        squares = np.bincount(self._document, self._weight[codes].astype(np.float64) ** 2, minlength=len(flat))
        self._length = np.sqrt(np.maximum(squares, 1e-12)).astype(np.float32)

    def search(self, text: str, k: int) -> list[tuple[int, float]]:
        """The k entities with the most similar text: row and cosine of weighted trigrams; 1 for an equal text."""
        wanted = folded(text[:LONGEST])
        codes = np.unique(_trigrams([wanted])[1])
        if not wanted or not len(codes) or not len(self._texts):
            return []
        found, shared = self._shared(codes)
        weight = self._weight[codes].astype(np.float64)
        scores = shared / (self._length[found] * np.sqrt((weight**2).sum()))
        best = np.argsort(-scores, kind="stable")[: 4 * k]
        rows: dict[int, float] = {}
        for place in best.tolist():
            document = int(found[place])
            score = 1.0 if self._texts[document] == wanted else min(float(scores[place]), 0.99)
            row = int(self._owner[document])
            rows[row] = max(score, rows.get(row, 0.0))
        return sorted(rows.items(), key=lambda item: (-item[1], item[0]))[:k]

    def _shared(self, codes: IntArray) -> tuple[IntArray, FloatArray]:
        """Texts that share some of the trigrams, and the sum of the squared weights of these."""
        sizes = self._starts[codes + 1] - self._starts[codes]
        order = np.argsort(sizes, kind="stable")
        read = order[(np.cumsum(sizes[order]) <= MOST_POSTINGS) | (np.arange(len(order)) == 0)]
        parts = [self._document[self._starts[code] : self._starts[code + 1]] for code in codes[read].tolist()]
        weights = np.repeat(self._weight[codes[read]].astype(np.float64) ** 2, sizes[read])
        found, place = np.unique(np.concatenate(parts), return_inverse=True)
        return found, np.bincount(place, weights, minlength=len(found)).astype(np.float32)


def _trigrams(texts: Sequence[str]) -> tuple[IntArray, IntArray]:
    """The number of the text and the hash of each trigram, ``[T]``; a text has two marks before and one after it."""
    joined = "".join(f"{_MARK}{_MARK}{text}{_MARK}" for text in texts)
    letters = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    if len(letters) < 3:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    owner = np.repeat(np.arange(len(texts)), [len(text) + 3 for text in texts])
    inside = owner[:-2] == owner[2:]
    with np.errstate(over="ignore"):
        mixed = letters[:-2] * np.uint64(0x9E3779B97F4A7C15) + letters[1:-1] * np.uint64(0xC2B2AE3D27D4EB4F)
        mixed = (mixed + letters[2:]) * np.uint64(0x165667B19E3779F9)
    codes = (mixed >> np.uint64(64 - BITS)).astype(np.int64)
    return owner[:-2][inside], codes[inside]
