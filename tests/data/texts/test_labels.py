"""Texts that are held as bytes behave as a tuple of strings."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmkg.data.texts import packed
from mmkg.data.texts.labels import Labels
from mmkg.data.texts.packed import Texts
from mmkg.data.texts.pieces import hash_of

LONG = "http://example.org/" + "x" * 600  # longer than the part of a text that its hash reads
SOME = ("a", "", "b\x1fc", "\x1f", "Zürich", "東京", "half \ud800", LONG + "1", LONG + "2", "line\nline\0", "12345678")


@pytest.fixture(params=["hashes", "one hash for all"])
def hashes(request, monkeypatch):
    if request.param != "hashes":
        monkeypatch.setattr(packed, "hashes_of", lambda pieces, lengths: np.zeros(len(lengths), np.uint64))
        monkeypatch.setattr("mmkg.data.texts.labels.hash_of", lambda text: 0)


@pytest.fixture(params=[1 << 14, 2])
def blocks(request, monkeypatch):
    monkeypatch.setattr(packed, "_BLOCK", request.param)


@pytest.mark.parametrize("texts", [SOME, (), ("",), ("one",), ("a", "b", "c")])
def test_labels_are_the_texts_they_were_made_of(texts, blocks):
    labels = Labels.of(list(texts))
    assert tuple(labels) == texts
    assert labels.to_list() == list(texts)
    assert [labels[row] for row in range(-len(texts), len(texts))] == [*texts, *texts]
    assert len(labels) == len(texts)
    assert all(type(text) is str for text in labels)


@pytest.mark.parametrize("some", [slice(2, 5), slice(None, None, -1), slice(4, 2), slice(-3, None), slice(0, 99, 3)])
def test_slices_are_those_of_a_tuple(some, blocks):
    found = Labels.of(SOME)[some]
    assert isinstance(found, Labels)
    assert tuple(found) == SOME[some]
    assert tuple(found[1:]) == SOME[some][1:]


@given(st.lists(st.text(max_size=30), max_size=6), st.integers(0, 1200))
def test_the_hash_of_one_text_is_that_of_many(texts, long):
    texts = [*texts, "x" * long, "é" * long]
    alone = [hash_of(text.encode(errors="surrogatepass")) for text in texts]
    assert Labels.of(texts).hashes().tolist() == alone


def test_rows_and_masks_pick_texts(blocks):
    labels, rows = Labels.of(SOME), np.array([3, -1, 3, 0])
    assert tuple(labels[rows]) == tuple(SOME[row] for row in rows.tolist())
    assert tuple(labels.take(np.array([len(text) > 7 for text in SOME]))) == tuple(t for t in SOME if len(t) > 7)
    assert not len(labels.take(rows[:0]))


def test_a_position_out_of_range_is_refused():
    with pytest.raises(IndexError, match=r"expected a position in -2\.\.1, got 2"):
        Labels.of(("a", "b"))[2]


def test_labels_are_equal_to_a_tuple_or_list_of_their_texts():
    labels = Labels.of(SOME)
    assert labels == SOME
    assert SOME == labels
    assert labels == list(SOME)
    assert labels == Labels.of((*SOME, "more"))[:-1]
    assert hash(labels) == hash(SOME)
    assert labels != SOME[1:]
    assert labels != Labels.of(("b", *SOME[1:]))
    assert Labels.of(("a", "b\x1fc")) != Labels.of(("a\x1fb", "c"))  # the same bytes, cut elsewhere
    assert labels != 7


def test_a_part_is_copied_with_its_own_bytes_only():
    part = Labels.of(SOME)[3:6]
    for other in (pickle.loads(pickle.dumps(part)), copy.deepcopy(part)):
        assert other == SOME[3:6]
        assert other.store.nbytes < 40


def test_a_label_takes_nine_bytes_besides_its_text():
    labels = Labels.of([f"entity {row:05d}" for row in range(10_000)])
    assert labels.nbytes <= 10_000 * (12 + 9) + 8


def test_the_rows_of_labels_are_found(hashes, blocks):
    labels = Labels.of(SOME)
    asked = ["東京", "nothing", LONG + "2", "", LONG, "b\x1fc", "a"]
    assert labels.rows(asked).tolist() == [SOME.index(text) if text in SOME else -1 for text in asked]
    assert labels.rows([]).tolist() == Labels.of(()).rows(()).tolist() == []
    assert Labels.of(()).rows(["a"]).tolist() == [-1]
    assert labels.index("Zürich") == 4
    assert "\x1f" in labels
    assert 7 not in labels
    with pytest.raises(ValueError, match="'zürich' is not among 11 labels"):
        labels.index("zürich")


def test_all_rows_of_a_label_are_found_in_their_order(hashes):
    labels = Labels.of(("b", "a", LONG, "a", "", LONG + "1", "a"))
    assert labels.rows_of("a") == [1, 3, 6]
    assert labels.rows_of(LONG) == [2]
    assert labels.rows_of("c") == []
    assert labels.rows(["a", LONG]).tolist() == [1, 2]


def test_the_first_label_that_comes_again_is_named(hashes):
    assert Labels.of(SOME).repeated() is None
    assert Labels.of(("c", "b", "a", "a", "b", LONG, LONG)).repeated() == "b"
    assert Labels.of((LONG + "1", LONG + "2", LONG + "1")).repeated() == LONG + "1"


def test_different_texts_are_numbered_as_they_come_up(hashes, blocks):
    texts = ["b", None, "", "a", "b", LONG + "2", None, LONG + "1", "", LONG + "2"]
    numbers = {}
    expected = [numbers.setdefault(text, len(numbers)) for text in texts]
    distinct, codes = Texts.of(texts).distinct()
    assert list(distinct) == list(numbers)
    assert codes.tolist() == expected


def test_many_random_labels_are_found():
    generator = np.random.default_rng(0)
    texts = ["".join(map(chr, generator.integers(1, 900, size))) for size in generator.integers(0, 40, 3000)]
    labels, asked = Labels.of(texts), [*texts[::-7], *(text + "?" for text in texts[:50])]
    first = {}
    for row, text in enumerate(texts):
        first.setdefault(text, row)
    assert labels.rows(asked).tolist() == [first.get(text, -1) for text in asked]
    assert labels == texts


def test_prefixes_are_found():
    prefixes = ("http://", "_:", "Z", "")
    for some in (prefixes[:3], prefixes[1:2], prefixes, ("http://example.org/xxxxx",)):
        assert Labels.of(SOME).beginning_with(*some).tolist() == [text.startswith(some) for text in SOME]


def test_a_missing_text_is_not_an_empty_one(blocks):
    texts = ("a", None, "", "b")
    held = Texts.of(texts)
    assert tuple(held) == texts
    assert held == texts
    assert held != ("a", "", "", "b")
    assert held != Texts.of(("a", "", "", "b"))
    assert (held[1], held[2]) == (None, "")
    assert tuple(held[1:3]) == (None, "")
    assert held.count(None) == held.count("") == 1
    assert held.given.tolist() == [True, False, False, True]
    assert tuple(Texts.nothing(3)) == (None,) * 3
    assert Texts.nothing(3) == Texts.of((None,) * 3)
    assert pickle.loads(pickle.dumps(held)) == held


def test_one_text_stands_in_for_another():
    held = Texts.of(("a", None, "", "b"))
    assert held.or_else(Labels.of(("1", "2", "3", "4"))) == ("a", "2", "3", "b")
    assert held.or_else(Texts.of(("1", "2", None, "4"))) == ("a", "2", None, "b")
    assert held.take_or_none(np.array([-1, 0, 1, 3, -1])) == (None, "a", None, "b", None)
    assert Texts.chained([held[:2], Texts.nothing(1), Texts.of(("c",))]) == ("a", None, None, "c")
    assert Texts.chained([]) == ()


@pytest.mark.parametrize("bad", [("a", 7), ("a", None)])
def test_what_is_no_text_is_refused(bad):
    with pytest.raises(TypeError):
        Labels.of(bad)
