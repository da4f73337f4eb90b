import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmkg.data.features.ngrams import ngram_matrix
from mmkg.errors import UsageError

TEXTS = ["New York", "new  york city", None, "York", "  ", "\tYorkshire pudding\n", "Ny a b", "a"]


def naive_rows(texts, sizes):
    """One {n-gram: weight} per text, of unit length, off the description."""
    bags = []
    for text in texts:
        bag = Counter()
        for word in (text or "").lower().split():
            framed = f" {word} "
            for size in sizes:
                grams = (framed[i : i + size] for i in range(len(framed) - size + 1))
                bag.update(gram for gram in grams if gram.count(" ") <= min(size - 1, 1))
        bags.append(bag)
    holders = Counter(gram for bag in bags for gram in bag)
    rows = []
    for bag in bags:
        row = {
            gram: (1 + math.log(count)) * (math.log(len(texts) / holders[gram]) + 1e-6)
            for gram, count in bag.items()
            if holders[gram] >= 2
        }
        length = math.sqrt(sum(weight**2 for weight in row.values()))
        rows.append({gram: weight / length for gram, weight in row.items()})
    return rows


def check_against_naive(texts, sizes):
    matrix = ngram_matrix(texts, sizes=sizes)
    rows = naive_rows(texts, sizes)
    columns = {gram for row in rows for gram in row}
    assert matrix.shape == (len(texts), max(len(columns), 1))
    assert matrix.dtype == np.float32
    for i, row in enumerate(rows):  # columns have no names: compare each row as a set of numbers, then the products
        assert np.allclose(np.sort(matrix[i].data), np.sort(list(row.values())), atol=1e-6)
    naive = np.array([[sum(w * b.get(g, 0) for g, w in a.items()) for b in rows] for a in rows])
    assert np.allclose((matrix @ matrix.T).toarray(), naive, atol=1e-6)


@pytest.mark.parametrize("sizes", [(1,), (2,), (3,), (1, 2), (3, 1, 2)])
def test_matrix_is_that_of_the_description(sizes):
    check_against_naive(TEXTS, sizes)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.text(alphabet="abÄ \u3000東😀𝒜", max_size=8), min_size=1, max_size=6))
def test_any_script_is_cut_by_code_points(texts):
    check_against_naive(texts, (1, 2, 3))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.none() | st.text(max_size=6), min_size=1, max_size=4))
def test_arbitrary_unicode_gives_unit_or_empty_rows(texts):
    matrix = ngram_matrix([*texts, *texts])
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    expected = [float(bool((text or "").split())) for text in [*texts, *texts]]
    assert np.allclose(lengths, expected, atol=1e-5)


def test_astral_code_points_differ_from_those_they_share_low_bits_with():
    # U+1F600 and U+F600 agree in their lower 16 bits
    matrix = ngram_matrix(["\U0001f600", "\U0001f600", "\uf600", "\uf600"]).toarray()
    assert np.allclose(matrix @ matrix.T, np.kron(np.eye(2), np.ones((2, 2))), atol=1e-6)


def test_missing_and_blank_texts_give_empty_rows():
    matrix = ngram_matrix([None, "abc", "", "abd", " \t\n"])
    assert np.diff(matrix.indptr).tolist()[::2] == [0, 0, 0]
    assert (np.diff(matrix.indptr)[1::2] > 0).all()


def test_nothing_shared_leaves_an_empty_matrix_of_one_column():
    matrix = ngram_matrix(["ab", "cd"], sizes=(2,))
    assert matrix.shape == (2, 1) and matrix.nnz == 0


def test_an_ngram_of_one_text_alone_is_left_out_even_if_it_repeats():
    matrix = ngram_matrix(["aaaa b", "c b"], sizes=(1,))
    assert matrix.shape == (2, 1)  # only "b"
    assert matrix.toarray().ravel().tolist() == [1.0, 1.0]


def test_the_most_common_ngrams_come_first_and_stay_under_a_limit():
    texts = ["x y z", "x y", "x z", "x"]  # x in four texts, y and z in two
    held = [int(column.sum()) for column in (ngram_matrix(texts, sizes=(1,)).toarray() > 0).T]
    assert held == [4, 2, 2]
    only = ngram_matrix(texts, sizes=(1,), top=1).toarray()
    assert only.tolist() == [[1.0]] * 4


def test_case_and_spacing_do_not_matter():
    matrix = ngram_matrix(["Grand  Hotel", " grand hotel ", "other", "other"]).toarray()
    assert np.array_equal(matrix[0], matrix[1])


def test_rows_move_with_their_texts():
    texts = ["berlin", "bern", "rome", "bergen", None]
    order = [3, 0, 4, 2, 1]
    assert np.allclose(
        ngram_matrix([texts[i] for i in order]).toarray(), ngram_matrix(texts).toarray()[order], atol=1e-6
    )


@pytest.mark.parametrize("sizes", [(), (0,), (1, 4)])
def test_other_sizes_are_refused(sizes):
    with pytest.raises(UsageError, match="1, 2 or 3"):
        ngram_matrix(["ab"], sizes=sizes)


def test_the_matrix_does_not_depend_on_the_size_of_the_blocks(monkeypatch):
    texts = ["anna banana", None, "ananas", "", "nana", "ban an", "x", "banana banana"]
    whole = ngram_matrix(texts).toarray()
    for size in (1, 3):
        monkeypatch.setattr("mmkg.data.features.ngrams.BLOCK_TEXTS", size)
        assert np.array_equal(ngram_matrix(texts).toarray(), whole)
