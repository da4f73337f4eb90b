"""Names of entities as they are compared with one another."""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from scipy import sparse

from ..data.kg import KnowledgeGraph
from ..data.parsing.id_names import names_of_ids

_MARKS = re.compile(r"[\W_]+")
_BETWEEN = re.compile(r"([\W_]+)")
_ROMAN = re.compile(r"(?=[IVX])(X{0,3})(IX|IV|V?I{0,3})")
_DIGITS = re.compile(r"\d+")


def plain_text(text: str | None) -> str | None:
    """A text for comparison: NFKC, case-folded, words separated by single spaces; ``None`` if no letter is left."""
    if not text:
        return None
    return _MARKS.sub(" ", unicodedata.normalize("NFKC", text)).casefold().strip() or None


def names_for(graph: KnowledgeGraph) -> list[str | None]:
    """The name of each entity; in a graph without names, what ``names_of_ids`` reads from the labels."""
    return list(graph.names) if graph.names is not None and any(graph.names) else names_of_ids(graph.entities)


def with_digits(text: str | None) -> str | None:
    """A name with its Roman numerals as digits, see ``numbers_in``: ``World War II`` becomes ``World War 2``."""
    if not text or not any(letter in text for letter in "IVX"):
        return text
    first, *others = _BETWEEN.split(text)
    return first + "".join(str(_roman(word)) if word and _ROMAN.fullmatch(word) else word for word in others)


def numbers_in(text: str | None) -> set[int]:
    """Numbers in a name: digits, and Roman numerals up to 39 in capitals after the first word.

    ``Apollo 11`` and ``World War II`` have 11 and 2; ``Malcolm X`` has 10.
    """
    if not text:
        return set()
    text = unicodedata.normalize("NFKC", text)
    found = {int(digits) for digits in _DIGITS.findall(text) if len(digits) < 19}
    return found | {_roman(word) for word in _MARKS.split(text)[1:] if word and _ROMAN.fullmatch(word)}


def number_rows(names: Sequence[str | None]) -> sparse.csr_matrix:
    """The numbers in each name, 1 each, CSR ``[n, numbers]``."""
    found = [sorted(numbers_in(name)) for name in names]
    columns = {number: place for place, number in enumerate(sorted({each for some in found for each in some}))}
    places = np.array([columns[each] for some in found for each in some], np.int64)
    starts = np.concatenate([[0], np.cumsum([len(some) for some in found])])
    shape = len(found), max(len(columns), 1)
    return sparse.csr_matrix((np.ones(len(places), np.float32), places, starts), shape=shape)


def _roman(word: str) -> int:
    values = [{"I": 1, "V": 5, "X": 10}[letter] for letter in word]
    return sum(-value if value < after else value for value, after in zip(values, [*values[1:], 0], strict=True))
