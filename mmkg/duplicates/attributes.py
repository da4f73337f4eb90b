"""Comparison of the values of one attribute: equal, nearly equal, or different."""

import re
from typing import NamedTuple

import numpy as np
from scipy import sparse

from ..data.features.ngrams import ngram_matrix
from ..data.features.values import KINDS, read_values
from ..data.kg import KnowledgeGraph
from ..typing import FloatArray, IntArray
from .views import Levels, Numbers, cosines, steps_below

MOST_ATTRIBUTES = 64  # attributes that are compared, those of most entities first
MOST_VALUES = 4  # values of an entity under one attribute that are compared
TEXT_STEPS = (0.8, 0.5)  # cosines of bigrams
EQUAL, NEAR, SIMILAR, DIFFERENT = range(4)
SIZE = 4
NEAR_NUMBERS = 0.01  # relative difference of numbers that count as near
KEY = 0.8  # share of distinct values from which an attribute may be a key
SINGLE = 0.98  # share of entities with one value from which an attribute is functional
LEAST_HOLDERS = 20
_CODE = re.compile(r"\S*[0-9]\S*")


class Attribute:
    """The values of one attribute, sorted by entity.

    Args:
        name: its name.
        entity: entity of each value, ascending, int64 ``[A]``.
        code: number of each value, int64 ``[A]``.
        texts: the distinct values.
        numbers: the distinct values as numbers, NaN for a text, float64 ``[U]``.
        size: number of entities of the graph.
    """

    def __init__(
        self, name: str, entity: IntArray, code: IntArray, texts: list[str], numbers: Numbers, size: int
    ) -> None:
        self.name, self.code, self.texts, self.numbers = name, code, texts, numbers
        self.share = np.bincount(code, minlength=len(texts)) / len(code)
        counts = np.bincount(entity, minlength=size)
        self.starts = np.concatenate([[0], counts.cumsum()])
        self.counts = np.minimum(counts, MOST_VALUES)
        self.holders = int((counts > 0).sum())
        self.single = float((counts[counts > 0] == 1).mean())
        self.grams: sparse.csr_matrix = ngram_matrix(texts, sizes=(2,), top=50_000)

    @property
    def is_key(self) -> bool:
        """Whether an entity has one value, which hardly another one has, and values are dates or codes of one length.

        Measures are not keys: two sources may round them.
        """
        if self.holders < LEAST_HOLDERS or self.single < SINGLE or len(self.texts) < KEY * self.holders:
            return False
        lengths = np.array([len(text) for text in self.texts])
        same = np.bincount(lengths).max() >= KEY * len(lengths)
        return bool(same and sum(bool(_CODE.fullmatch(text)) for text in self.texts) >= KEY * len(lengths))

    def levels(self, pairs: IntArray) -> tuple[Levels, FloatArray]:
        """Level and share of equal values of each pair; of several values, those that agree best count."""
        levels, shares = np.full(len(pairs), -1, np.int8), np.full(len(pairs), np.nan, np.float32)
        counts = self.counts[pairs]
        total = counts.prod(axis=1)
        some = np.flatnonzero(total)
        if not len(some):
            return levels, shares
        pair = np.repeat(some, total[some])
        place = np.arange(len(pair)) - np.repeat(total[some].cumsum() - total[some], total[some])
        mine, other = np.divmod(place, counts[pair, 1])
        ends = np.stack([self.starts[pairs[pair, 0]] + mine, self.starts[pairs[pair, 1]] + other], axis=1)
        codes = self.code[ends]
        equal = codes[:, 0] == codes[:, 1]
        found = np.full(len(pair), EQUAL, np.int8)
        found[~equal] = self._unequal(codes[~equal])
        starts = np.flatnonzero(np.diff(pair, prepend=-1))
        levels[some] = np.minimum.reduceat(found, starts)
        best = np.minimum.reduceat(np.where(equal, self.share[codes[:, 0]], np.inf), starts)
        shares[some] = np.where(np.isfinite(best), best, np.nan)
        return levels, shares

    def _unequal(self, codes: IntArray) -> Levels:
        keys, where = np.unique(codes.min(axis=1) * len(self.texts) + codes.max(axis=1), return_inverse=True)
        distinct = np.stack(np.divmod(keys, len(self.texts)), axis=1)
        level = NEAR + steps_below(cosines(self.grams, distinct), TEXT_STEPS)
        first, second = self.numbers[distinct[:, 0]], self.numbers[distinct[:, 1]]
        level[np.abs(first - second) <= NEAR_NUMBERS * np.maximum(np.abs(first), np.abs(second))] = NEAR
        return level[where]


class _Facts(NamedTuple):
    attribute: IntArray
    entity: IntArray
    text: IntArray


def attributes_of(graph: KnowledgeGraph) -> list[Attribute]:
    """The attributes that at least two entities have, those of most entities first."""
    facts = graph.attributes
    values = read_values(facts.values)
    there = values.text >= 0
    number = np.full(len(values.texts), np.nan)
    number[values.text[there]] = np.where(values.kind[there] == KINDS.index("number"), values.number[there], np.nan)
    rows = np.unique(np.stack([facts.attribute[there], facts.entity[there], values.text[there]], axis=1), axis=0)
    known = _Facts(*rows.T)
    having = np.bincount(np.unique(rows[:, :2], axis=0)[:, 0], minlength=len(facts.names))
    found = []
    for attribute in np.argsort(-having, kind="stable")[:MOST_ATTRIBUTES].tolist():
        if having[attribute] < 2:
            break
        own = slice(*np.searchsorted(known.attribute, [attribute, attribute + 1]))
        distinct, code = np.unique(known.text[own], return_inverse=True)
        texts = [values.texts[each] for each in distinct.tolist()]
        name = facts.names[attribute]
        found.append(Attribute(name, known.entity[own], code, texts, number[distinct], graph.num_entities))
    return found
