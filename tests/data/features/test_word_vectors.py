import bz2
import gzip

import numpy as np
import pytest

from mmkg.data.features.word_vectors import WordVectors, read_word_vectors
from mmkg.errors import InputError

GLOVE = "the 0.1 0.2 0.3\nRome 1 0 -1e-1\nparis 0 1 0\n. . . 9 9 9\nrome 5 5 5\n"


def write(folder, text, name="words.txt"):
    path = folder / name
    data = text if isinstance(text, bytes) else text.encode()
    opened = {".gz": gzip.compress, ".bz2": bz2.compress}.get(path.suffix, bytes)
    path.write_bytes(opened(data))
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("glove.txt", GLOVE),
        ("word2vec.txt", f"5 3\n{GLOVE}"),
        ("fasttext.vec", "5 3\n" + GLOVE.replace("\n", " \n")),  # fastText ends its lines with a space
        ("tabs.vec", GLOVE.replace(" 0.1", "\t0.1").replace("Rome ", "Rome\t")),
        ("windows.txt", GLOVE.replace("\n", "\r\n")),
        ("open.txt", GLOVE[:-1]),
        ("glove.txt.gz", GLOVE),
        ("cc.fr.3.vec.bz2", f"5 3\n{GLOVE}"),
    ],
)
def test_the_words_wanted_are_read_from_every_dialect(tmp_path, name, text):
    found = read_word_vectors(write(tmp_path, text, name), ["Rome", "paris", "absent"])
    assert list(found) == ["Rome", "paris"]
    assert found["Rome"].dtype == np.float32 and np.allclose(found["Rome"], [1, 0, -0.1])
    assert found["paris"].tolist() == [0, 1, 0]


def test_of_a_repeated_word_the_first_counts_and_other_lines_may_be_in_any_encoding(tmp_path):
    path = write(tmp_path, b"caf\xe9 1 2\nparis 3 4\nparis 5 6\nstra\xc3\x9fe 7 8\n")
    found = read_word_vectors(path, ["paris", "straße"])
    assert {word: vector.tolist() for word, vector in found.items()} == {"paris": [3, 4], "straße": [7, 8]}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", None, "expected words and their vectors, got none"),
        ("2 3\n", None, "expected words and their vectors, got none"),
        ("word\n", 1, "expected a word and numbers, got 'word'"),
        ("\na 1 2\n", 1, "expected a word and numbers, got ''"),
        ("a 1 2\n\nb 1 2\n", 2, "expected a word and 2 numbers, got ''"),
        ("a 1 2\nb 1\n", 2, "expected a word and 2 numbers, got 'b 1'"),
        ("a 1 2\nb 1 2 3\n", 2, "expected a word and 2 numbers, got 3 numbers"),
        ("3 2\na 1 2\nb 1 2\n", None, "expected 3 words, as the first line states, got 2; is the file complete?"),
        ("1 2\na 1 2\nb 1 2\n", None, "expected 1 words, as the first line states, got 2"),
        ("2 3\na 1 2\nb 1 2\n", 2, "expected a word and 3 numbers, got 'a 1 2'"),
        ("1 0\na\n", 2, "expected a word and numbers, got 'a'"),
        ("a 1 2\nrome 1 x\n", 2, "expected a finite number for 'rome', got 'x'"),
        ("a 1 2\nrome 1 nan\n", 2, "expected a finite number for 'rome', got 'nan'"),
        ("a 1 2\nrome 1 1e39\n", 2, "expected a finite number for 'rome', got '1e39'"),
        ("a 1 2\nrome 1  2\n", 2, "expected a word and 2 numbers, got 3 numbers"),
        (b"a 1 2\nb\x00\x01\x02 1 2\n", None, "expected word vectors as text, got a binary file"),
    ],
)  # fmt: skip
def test_what_is_no_word_vector_is_named_with_its_line(tmp_path, text, line, message):
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_word_vectors(path, ["rome"])
    assert caught.value.line == line and caught.value.path == path and message in str(caught.value)


def test_a_cut_archive_is_an_error(tmp_path):
    path = write(tmp_path, GLOVE * 50, "words.txt.gz")
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(InputError, match="cannot be decompressed"):
        read_word_vectors(path, ["rome"])


def test_a_text_is_the_mean_of_its_known_words(tmp_path):
    path = write(tmp_path, "the 1 2\nRome 4 0\nrome 0 4\nparis 6 6\n")
    found = WordVectors(path)(["Rome, PARIS and more", "rome", "unknown", "", "paris paris Rome"])
    assert found.dtype == np.float32
    # as it stands before lower case: Rome is not rome, PARIS is paris; a repeated word counts twice
    assert np.allclose(found, [[5, 3], [0, 4], [0, 0], [0, 0], [16 / 3, 4]])


def test_a_file_without_any_of_the_words_is_refused(tmp_path):
    with pytest.raises(InputError, match="vectors of some of 2 words, found none"):
        WordVectors(write(tmp_path, "a 1 2\n"))(["foo bar"])
