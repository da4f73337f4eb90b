import random

import numpy as np
import pytest

from mmkg.data.parsing import words as words_module
from mmkg.data.parsing.cells import cells_of
from mmkg.data.parsing.coded import Coded, Numbers
from mmkg.data.parsing.words import PADDING, Words
from mmkg.data.texts.labels import Labels

LETTERS = "ab/:é漢🙂"


def block_of(texts):
    """Bytes of one text per line, and where each begins and ends."""
    lines = [text.encode() for text in texts]
    ends = np.cumsum([len(line) + 1 for line in lines]) - 1
    starts = ends - np.array([len(line) for line in lines])
    return np.frombuffer(b"\n".join([*lines, bytes(PADDING)]), np.uint8), starts, ends


def by_dict(texts, known):
    """The number of each text, new ones numbered as they come up."""
    return [known.setdefault(text, len(known)) for text in texts]


def texts_at_random(seed, size, longest=40):
    draw = random.Random(seed)
    return ["".join(draw.choices(LETTERS, k=draw.randrange(longest))) for _ in range(size)]


@pytest.mark.parametrize("longest", [2, 4, 12, 60])
def test_numbers_are_those_of_a_dict_over_several_blocks(longest):
    words, known = Words(), {}
    for seed in range(4):
        texts = texts_at_random(seed, 3000, longest)
        assert words.numbers(*block_of(texts)).tolist() == by_dict(texts, known)
    assert list(words) == list(known)


def test_texts_that_differ_by_zero_bytes_or_by_their_end_are_different():
    texts = ["a", "a\0", "a\0\0", "12345678", "123456789", "12345678\0", "", "\0"]
    assert Words().numbers(*block_of(texts)).tolist() == list(range(8))


@pytest.mark.parametrize("bits", [0, 1, 4])
def test_equal_hashes_of_different_texts_do_no_harm(monkeypatch, bits):
    plain = words_module.hashes_of
    some = np.uint64((1 << bits) - 1)
    monkeypatch.setattr(words_module, "hashes_of", lambda pieces, lengths: plain(pieces, lengths) & some)
    words, known = Words(), {}
    for seed in range(3):
        texts = texts_at_random(seed, 1500, 8)
        found = words.numbers(*block_of(texts))
        assert [words[number] for number in found.tolist()] == texts
        by_dict(texts, known)
    assert sorted(words) == sorted(known)


def test_texts_are_cut_out_of_a_block_in_any_order():
    text, starts, ends = block_of(["one", "", "drei", "quatre"])
    assert Labels.cut(text, starts[[3, 1, 0]], ends[[3, 1, 0]]) == ["quatre", "", "one"]
    assert Labels.cut(text, starts[:0], ends[:0]) == []


def test_columns_of_words_are_numbered_as_their_texts_are():
    texts, words = texts_at_random(0, 500, 4), Words()
    codes = words.numbers(*block_of(texts))
    for order in (np.arange(500), np.arange(500)[::-1], np.arange(100, 200)):
        plain, coded = Numbers(), Numbers()
        column = Coded(words, codes[order])
        assert coded.of(column).tolist() == plain.of([texts[k] for k in order]).tolist()
        assert list(coded) == list(plain)
        assert coded.known(column).tolist() == plain.known(list(column)).tolist()


def test_unknown_words_stay_unknown_until_they_get_a_number():
    words, numbers = Words(), Numbers()
    assert numbers["b"] == 0
    column = Coded(words, words.numbers(*block_of(["a", "b"])))
    assert numbers.known(column).tolist() == [-1, 0]
    assert numbers.of(column).tolist() == [1, 0]


def test_interleaved_columns_of_words_alternate():
    words = Words()
    first, second = (Coded(words, words.numbers(*block_of(texts))) for texts in (["a", "b"], ["c", "a"]))
    assert list(Coded.interleaved(first, second)) == ["a", "c", "b", "a"]


GOOD = ["a\tb\tc\n", "é\t漢\t🙂\n", "a\tb\tc\nd\te\tf\n", "a b\tc \t d\n"]
BAD = [
    "a\tb\n",
    "a\tb\tc\td\n",
    "\n",
    "a\t\tc\n",
    "\tb\tc\n",
    "a\tb\t\n",
    "a\tb\tc\n\n",
    "a\tb\nc\td\te\n",
    "a\nb\nc\n",
]
BAD += ["a\tb\tc\0\n", "a\tb\tc\rd\n", "a\tb\nc\td\te\tf\ng\n"]


@pytest.mark.parametrize("text", GOOD)
def test_cells_are_the_fields_of_the_lines(text):
    cells = cells_of(text.encode(), 3, "\t")
    rows = [line.split("\t") for line in text.splitlines()]
    assert [list(row) for row in zip(*(cells.texts(column) for column in range(3)), strict=True)] == rows


@pytest.mark.parametrize("text", [*BAD, b"a\tb\t\xff\n"])
def test_lines_that_break_the_format_have_no_cells(text):
    assert cells_of(text if isinstance(text, bytes) else text.encode(), 3, "\t") is None


def test_only_where_they_are_allowed_are_fields_empty():
    assert cells_of(b"a\t\tc\n", 3, "\t") is None
    assert cells_of(b"a\t\tc\n", 3, "\t", empty=True).texts(1) == [""]


def test_codes_of_cells_are_refused_for_empty_and_for_very_long_fields():
    long = b"x" * 513 + b"\tb\tc\n"
    assert cells_of(long, 3, "\t").codes([0, 2], Words()) is None
    assert cells_of(b"a\t\tc\n", 3, "\t", empty=True).codes([0, 1], Words()) is None
    words = Words()
    assert cells_of(b"a\t\tc\nc\t\ta\n", 3, "\t", empty=True).codes([0, 2], words).tolist() == [[0, 1], [1, 0]]
