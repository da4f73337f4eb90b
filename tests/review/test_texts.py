"""Search by text finds what a loop over all texts would put first."""

import numpy as np
import pytest

from mmkg.data.entities import EntityTable
from mmkg.review import texts as module
from mmkg.review.texts import TextSearch

RNG = np.random.default_rng(0)
WORDS = ["ba", "bab", "abba", "cab", "zeta", "ze", "tab", "été", "東京"]
NAMES = [" ".join(WORDS[n] for n in RNG.integers(0, len(WORDS), 3)) for _ in range(400)]
TABLE = EntityTable([f"e/{n}" for n in range(400)], NAMES, NAMES)


def naive(text, k):
    """Every text by its class, then by its length, then by its row."""
    found = []
    for row, (label, name) in enumerate(zip(TABLE.labels, NAMES, strict=True)):
        both = [name, label]
        if not all(any(word in each for each in both) for word in text.split()):
            continue
        begins = any(each.startswith(text) for each in both)
        inside = any(f" {text}" in each or f"/{text}" in each for each in both)
        found.append((-1.0 if text in both else -0.8 if begins else -0.6 if inside else -0.4, len(name), row))
    return [(row, -score) for score, _, row in sorted(found)[:k]]


@pytest.mark.parametrize(
    "text", ["ba", "bab", "zeta", "été", "東京", "ze ba", "cab abba", "e/3", "e/399", "nothing", "a"]
)
def test_the_best_are_those_of_a_loop_over_all_texts(text, monkeypatch):
    monkeypatch.setattr(module, "RANKED", 10_000)
    assert TextSearch(TABLE).search(text, 15) == naive(text, 15)


@pytest.mark.parametrize("text", ["ba", "abba", "zeta", "e/3"])
def test_of_many_places_those_at_the_beginning_of_a_text_are_among_the_first(text, monkeypatch):
    monkeypatch.setattr(module, "RANKED", 20)
    found = TextSearch(TABLE).search(text, 10)
    assert all(NAMES[row].startswith(text) or TABLE.labels[row].startswith(text) for row, _ in found)


def test_holding_is_every_word_in_some_text():
    search = TextSearch(TABLE)
    for text in ("ba", "ba zeta", "e/1 été"):
        expected = [all(word in name or word in f"e/{n}" for word in text.split()) for n, name in enumerate(NAMES)]
        assert search.holding(text).tolist() == expected
