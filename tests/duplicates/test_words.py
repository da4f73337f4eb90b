"""Names word by word, numbers in names, edit distances."""

import numpy as np
import pytest

from mmkg.duplicates import words
from mmkg.duplicates.texts import number_rows, numbers_in, plain_text, with_digits
from mmkg.duplicates.words import EQUAL, LOOSE, ORDER, OTHER, PART, SHORT, TYPO, NameWords, edits, words_of


def naive(first, second):
    """Optimal string alignment by its recursion."""
    if not first or not second:
        return len(first) + len(second)
    best = min(naive(first[:-1], second), naive(first, second[:-1])) + 1
    best = min(best, naive(first[:-1], second[:-1]) + (first[-1] != second[-1]))
    if len(first) > 1 and len(second) > 1 and first[-1] == second[-2] and first[-2] == second[-1]:
        best = min(best, naive(first[:-2], second[:-2]) + 1)
    return best


def test_edit_distances_are_those_of_the_recursion(monkeypatch):
    monkeypatch.setattr(words, "BLOCK_PAIRS", 7)
    draw = np.random.default_rng(0)
    texts = ["".join(draw.choice(list("abc"), draw.integers(0, 6))) for _ in range(30)]
    pairs = draw.integers(0, 30, (60, 2))
    assert edits(texts, pairs).tolist() == [naive(texts[i], texts[j]) for i, j in pairs.tolist()]
    assert edits(["ca", "abc"], np.array([[0, 1]])).tolist() == [3]  # a swapped pair is not edited again


NAMES = ["Ada Lovelace", "Lovelace, Ada", "ADA  lovelace", "Ada Lovelcae", "A. Lovelace", "Ada Lovelace of London"]
NAMES += ["Lovelace", "Grace Hopper", None, "Face Book", "facebook", "Ada Ada Lovelace"]


@pytest.mark.parametrize(
    ("first", "second", "level"),
    [
        (0, 2, EQUAL),
        (0, 1, ORDER),
        (9, 10, ORDER),
        (0, 3, TYPO),
        (0, 4, SHORT),
        (0, 11, PART),
        (0, 7, OTHER),
        (0, 8, -1),
    ],
)
def test_names_differ_in_the_way_that_a_reader_sees(first, second, level):
    names = NameWords.of([*NAMES, *(f"w{k} v{k}" for k in range(40))])
    for pair in ((first, second), (second, first)):
        assert names.levels(np.array([pair]))[0].tolist() == [level]


def test_missing_words_are_few_or_many():
    names = NameWords.of([*NAMES, *(f"w{k} v{k}" for k in range(40))])
    found = names.levels(np.array([[0, 5], [6, 5], [6, 0]]))[0].tolist()
    assert found[1] == LOOSE and set(found) <= {PART, LOOSE}


def test_the_share_of_an_equal_name_is_counted():
    names = NameWords.of(["a b", "A  B", "c", None])
    level, share = names.levels(np.array([[0, 1], [0, 2], [0, 3]]))
    assert level.tolist()[0] == EQUAL and share[0] == pytest.approx(2 / 3) and np.isnan(share[1:]).all()


def test_short_words_have_no_typing_errors():
    names = NameWords.of(["cat one", "bat one", *(f"w{k} v{k}" for k in range(40))])
    assert names.levels(np.array([[0, 1]]))[0][0] > PART


def test_characters_of_chinese_and_japanese_are_words():
    assert words_of("男侦探 ab") == ["男", "侦", "探", "ab"]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Apollo 11", {11}),
        ("Apollo 11, 1969", {11, 1969}),
        ("World War II", {2}),
        ("Louis XIV", {14}),
        ("Henry VIII", {8}),
        ("I am", set()),
        ("Malcolm X", {10}),
        ("IX", set()),
        ("007", {7}),
        ("a b c", set()),
        ("Mix", set()),
        (None, set()),
    ],
)
def test_numbers_in_names(text, numbers):
    assert numbers_in(text) == numbers


def test_rows_of_numbers():
    rows = number_rows(["a 1 2", None, "b 2"]).toarray()
    assert rows.sum(axis=1).tolist() == [2, 0, 1] and rows[0] @ rows[2] == 1
    assert number_rows([None]).shape == (1, 1)


def test_plain_texts():
    assert plain_text("  Ａda-Lovelace\t(née Byron) ") == "ada lovelace née byron"
    assert plain_text("...") is None and plain_text("") is None and plain_text(None) is None


def test_roman_numerals_are_numbers_of_names():
    assert with_digits("World War II, part IV") == "World War 2, part 4"
    assert [with_digits(text) for text in ("I am", "Mix", None, "", "VI")] == ["I am", "Mix", None, "", "VI"]
    names = NameWords.of(["World War II", "World War 2", "World War I"])
    assert names.levels(np.array([[0, 1], [0, 2]]))[0].tolist()[0] == EQUAL
