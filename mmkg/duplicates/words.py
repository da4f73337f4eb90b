"""How the names of two entities differ: word by word, with typing errors, other orders, initials and missing words."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from ..data.features.ngrams import ngram_matrix
from ..typing import FloatArray, IntArray
from .candidates import candidate_pairs
from .texts import plain_text, with_digits
from .views import Levels, projected

SHORT_WORD, LONG_WORD = 5, 9  # letters from which a word may have one and two typing errors
LONGEST_WORD = 40
BLOCK_PAIRS = 1 << 13
NEAR_WORDS = 10  # words that a word is compared with
WHOLE, MOST, SOME = 0.99, 0.6, 0.3  # shares of the words of a name, by rarity
MISSING = -1
EQUAL, ORDER, TYPO, SHORT, PART, LOOSE, SHARED, LITTLE, OTHER = range(9)
LEVELS = 9
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


class NameWords(NamedTuple):
    """The words of the distinct names of a graph, U of them.

    Args:
        code: number of each entity's name, -1 = none, int64 ``[n]``.
        share: share of the named entities that have each name, ``[U]``.
        words: rarity of each word of a name, CSR ``[U, words]``.
        typos: the same words and those that differ by a typing error, 1 each.
        short: the same words, the words that an initial may stand for, and the initials of words, 1 each.
        letters: number of each name without spaces, ``[U]``.
        ordered: number of each name with its words sorted, ``[U]``.
    """

    code: IntArray
    share: FloatArray
    words: sparse.csr_matrix
    typos: sparse.csr_matrix
    short: sparse.csr_matrix
    letters: IntArray
    ordered: IntArray

    @staticmethod
    def of(names: Sequence[str | None]) -> "NameWords":
        """The words of the names of entities."""
        plain = [plain_text(with_digits(name)) for name in names]
        numbers: dict[str, int] = {}
        code = np.array([-1 if text is None else numbers.setdefault(text, len(numbers)) for text in plain], np.int64)
        counts = np.bincount(code[code >= 0], minlength=len(numbers))
        lists = [words_of(text) for text in numbers]
        vocabulary: dict[str, int] = {}
        columns = np.array([vocabulary.setdefault(word, len(vocabulary)) for some in lists for word in some], np.int64)
        starts = np.concatenate([[0], np.cumsum([len(some) for some in lists], dtype=np.int64)])
        shape = len(lists), max(len(vocabulary), 1)
        have = sparse.csr_matrix((np.ones(len(columns), np.float32), columns, starts), shape=shape)
        have.sum_duplicates()
        have.data[:] = 1
        holders = np.bincount(have.indices, minlength=shape[1])
        rarity = np.log1p(len(lists) / np.maximum(holders, 1)).astype(np.float32)
        one = sparse.identity(shape[1], np.float32, format="csr")
        letters, ordered = (
            np.unique([form(some) for some in lists] or [""], return_inverse=True)[1] for form in (_joined, _sorted)
        )
        return NameWords(
            code,
            counts / max(counts.sum(), 1),
            sparse.csr_matrix(have @ sparse.diags(rarity)),
            _filled(have @ (one + _similar_words(list(vocabulary)))),
            _filled(have @ (one + _initials(list(vocabulary)))),
            letters,
            ordered,
        )

    def levels(self, pairs: IntArray) -> tuple[Levels, FloatArray]:
        """How the names of each pair differ, and how common a name is that both have.

        - ``EQUAL``; ``ORDER``: the same words in another order, or with other spaces;
        - ``TYPO``, ``SHORT``: the same but for typing errors, or for initials;
        - ``PART``, ``LOOSE``: all words of one are in the other, which has few or many more;
        - ``SHARED``, ``LITTLE``, ``OTHER``: most, some or hardly any words are common.

        Args:
            pairs: rows, int64 ``[P, 2]``.

        Returns:
            int8 ``[P]``, -1 where a name is missing; share of the entities with that name, float32 ``[P]``, NaN where
            the names are not equal.
        """
        codes = self.code[pairs]
        both = np.flatnonzero((codes >= 0).all(axis=1))
        level, share = np.full(len(pairs), MISSING, np.int8), np.full(len(pairs), np.nan, np.float32)
        keys, where = np.unique(
            codes[both].min(axis=1) * len(self.share) + codes[both].max(axis=1), return_inverse=True
        )
        level[both] = self._compared(*np.divmod(keys, max(len(self.share), 1)))[where]
        equal = both[level[both] == EQUAL]
        share[equal] = self.share[codes[equal, 0]]
        return level, share

    def _compared(self, first: IntArray, second: IntArray) -> Levels:
        found = np.full(len(first), OTHER, np.int8)
        exact, typing, short = (self._covered(first, second, each) for each in (self.words, self.typos, self.short))
        low, high = np.minimum(*typing), np.maximum(*typing)
        found[low >= SOME] = LITTLE
        found[low >= MOST] = SHARED
        found[(high >= WHOLE) & (low < MOST)] = LOOSE
        found[(high >= WHOLE) & (low >= MOST)] = PART
        found[np.minimum(*short) >= WHOLE] = SHORT
        found[low >= WHOLE] = TYPO
        found[np.minimum(*exact) >= WHOLE] = PART  # one repeats a word
        found[(self.letters[first] == self.letters[second]) | (self.ordered[first] == self.ordered[second])] = ORDER
        found[first == second] = EQUAL
        return found

    def _covered(self, first: IntArray, second: IntArray, known: sparse.csr_matrix) -> tuple[FloatArray, FloatArray]:
        """Share of the words of either name, by rarity, that the other name has."""
        total = np.maximum(np.asarray(self.words.sum(axis=1)).reshape(-1), 1e-9)
        sides = ((first, second), (second, first))
        mine, other = (
            np.asarray(self.words[own].multiply(known[others] > 0).sum(axis=1)).reshape(-1) / total[own]
            for own, others in sides
        )
        return mine, other


def words_of(text: str) -> list[str]:
    """The words of a plain text; a character of Chinese or Japanese is a word of its own."""
    return _CJK.sub(r" \g<0> ", text).split()


def edits(texts: Sequence[str], pairs: IntArray) -> IntArray:
    """Number of letters to insert, delete, replace or swap between the two texts of each pair, int64 ``[P]``.

    Source:
        Optimal string alignment, the restricted Damerau-Levenshtein distance; all pairs at once.
    """
    if len(pairs) > BLOCK_PAIRS:
        starts = range(0, len(pairs), BLOCK_PAIRS)
        return np.concatenate([edits(texts, pairs[start : start + BLOCK_PAIRS]) for start in starts])
    lengths = np.array([len(text) for text in texts], np.int64)
    size = int(lengths.max(initial=0))
    letters = np.zeros((len(texts), size), np.int64)
    for row, text in enumerate(texts):
        letters[row, : len(text)] = np.fromiter(map(ord, text), np.int64, len(text))
    first, second = letters[pairs[:, 0]], letters[pairs[:, 1]]
    table = np.zeros((size + 1, size + 1, len(pairs)), np.int16)
    table[:, 0], table[0] = np.arange(size + 1)[:, None], np.arange(size + 1)[:, None]
    for i in range(1, size + 1):
        for j in range(1, size + 1):
            other = first[:, i - 1] != second[:, j - 1]
            best = np.minimum(np.minimum(table[i - 1, j], table[i, j - 1]) + 1, table[i - 1, j - 1] + other)
            if i > 1 and j > 1:
                swapped = (first[:, i - 1] == second[:, j - 2]) & (first[:, i - 2] == second[:, j - 1])
                best = np.where(swapped, np.minimum(best, table[i - 2, j - 2] + 1), best)
            table[i, j] = best
    found: IntArray = table[lengths[pairs[:, 0]], lengths[pairs[:, 1]], np.arange(len(pairs))].astype(np.int64)
    return found


def _similar_words(words: list[str]) -> sparse.csr_matrix:
    """1 for two words that differ by a typing error, CSR ``[words, words]``."""
    some = [number for number, word in enumerate(words) if 3 <= len(word) <= LONGEST_WORD and word.isalpha()]
    texts = [words[number] for number in some]
    pairs = np.empty((0, 2), np.int64)
    if len(texts) > 1:
        rows = projected(ngram_matrix(texts, sizes=(1, 2), top=50_000), 0, "words")
        pairs = candidate_pairs({"words": rows}, np.ones(len(texts), bool), k=NEAR_WORDS)
        lengths = np.array([len(text) for text in texts])[pairs]
        allowed = 1 * (lengths.max(axis=1) >= SHORT_WORD) + (lengths.min(axis=1) >= LONG_WORD)
        possible = (allowed > 0) & (np.abs(lengths[:, 0] - lengths[:, 1]) <= allowed)
        pairs, allowed = pairs[possible], allowed[possible]
        pairs = pairs[edits(texts, pairs) <= allowed]
    return _both_ways(np.array(some, np.int64)[pairs], len(words))


def _initials(words: list[str]) -> sparse.csr_matrix:
    """1 for a word and its first letter, CSR ``[words, words]``."""
    place = {word: number for number, word in enumerate(words)}
    pairs = [(place[word[0]], number) for number, word in enumerate(words) if len(word) > 1 and word[0] in place]
    return _both_ways(np.array(pairs, np.int64).reshape(-1, 2), len(words))


def _both_ways(pairs: IntArray, size: int) -> sparse.csr_matrix:
    rows, columns = np.concatenate([pairs, pairs[:, ::-1]]).reshape(-1, 2).T
    return sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(max(size, 1),) * 2)


def _filled(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    matrix = sparse.csr_matrix(matrix)
    matrix.data[:] = 1
    return matrix


def _joined(words: list[str]) -> str:
    return "".join(words)


def _sorted(words: list[str]) -> str:
    return " ".join(sorted(words))
