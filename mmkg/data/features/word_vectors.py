"""Word vectors from text files in the format of word2vec, GloVe and fastText."""

import math
import re
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from scipy import sparse

from ...errors import InputError
from ...progress import progress_bar
from ...typing import FloatArray
from ..parsing.columns import COMPRESSED, Faults, read_blocks

_WORD = re.compile(r"\w+")


class WordVectors:
    """The vector of a text is the mean of the vectors of those of its words that the file contains.

    Words are runs of letters and digits; they are looked up unchanged first, then in lower case.

    Args:
        path: the file, see ``read_word_vectors``.

    Source: EVA, MCLEA and MEAformer embed names in this way, with GloVe.
    """

    identity = None  # not cached: reading the file is as fast as reading a cache

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        """Means, float32 ``[n, d]``; zeros for a text without a known word.

        Raises:
            InputError: the file has a wrong format, or contains none of the words.
        """
        words = [_WORD.findall(text) for text in texts]
        distinct = dict.fromkeys(word for each in words for word in each)
        found = read_word_vectors(self.path, {*distinct, *(word.casefold() for word in distinct)})
        if not found:
            raise InputError(f"expected vectors of some of {len(distinct)} words, found none of them", self.path)
        place = {word: number for number, word in enumerate(found)}
        known = [[place.get(word, place.get(word.casefold(), -1)) for word in each] for each in words]
        columns = np.array([number for each in known for number in each if number >= 0], np.int64)
        counts = np.array([sum(number >= 0 for number in each) for each in known], np.int64)
        weights = np.repeat(1 / np.maximum(counts, 1), counts).astype(np.float32)
        offsets = np.concatenate([[0], counts.cumsum()])
        means = sparse.csr_matrix((weights, columns, offsets), shape=(len(texts), len(found)))
        return np.asarray(means @ np.stack(list(found.values())), dtype=np.float32)


def read_word_vectors(path: str | Path, wanted: Collection[str], *, progress: bool = True) -> dict[str, FloatArray]:
    """Read the vectors of some words; others are skipped, so that memory grows with the number of wanted words only.

    A line is a word and its numbers, separated by spaces or tabs. A first line of two integers, as word2vec and
    fastText write it, is the number of words and the dimension. Words that contain a space are skipped; of a repeated
    word the first line counts.

    Args:
        path: text file, plain or compressed with gzip or bzip2.
        wanted: the words.
        progress: show a progress bar, if stderr is a terminal.

    Returns:
        float32 ``[d]`` by word, in the order of the file.

    Raises:
        InputError: a line with too few or too many numbers, or with text in place of a number (with file and line);
            fewer or more words than the first line states; a binary or an empty file.
    """
    path = Path(path)
    names = {word.encode(): word for word in wanted}
    found: dict[str, FloatArray] = {}
    header: tuple[int, int] | None = None
    dim, count, line = 0, 0, 0
    shown = progress and path.suffix.lower() not in COMPRESSED
    with progress_bar("word vectors", path.stat().st_size if shown else 0, enabled=shown) as advance:
        for first, block in read_blocks(path, Faults()):
            if b"\0" in block:
                raise InputError("expected word vectors as text, got a binary file; write it as text", path)
            if b"\t" in block:
                block = block.replace(b"\t", b" ")
            for line, text in enumerate(block.split(b"\n")[:-1], start=first):
                text = text.rstrip(b" ")
                spaces = text.count(b" ")
                if line == 1:
                    fields = text.split(b" ")
                    if len(fields) == 2 and fields[0].isdigit() and fields[1].isdigit():
                        header = int(fields[0]), int(fields[1])
                        dim = header[1]
                        continue
                    dim = spaces
                if spaces < dim or dim == 0:
                    more = f"{dim} numbers" if dim else "numbers"
                    raise InputError(f"expected a word and {more}, got {_short(text)}", path, line)
                count += 1
                if spaces > dim:
                    if _number(text.rsplit(b" ", dim)[0].rsplit(b" ", 1)[-1]) is not None:
                        raise InputError(f"expected a word and {dim} numbers, got {spaces} numbers", path, line)
                    continue
                word = names.get(text[: text.index(b" ")])
                if word is not None and word not in found:
                    numbers = [_number(field) for field in text.split(b" ")[1:]]
                    if None in numbers:
                        field = text.split(b" ")[1 + numbers.index(None)]
                        raise InputError(f"expected a finite number for {word!r}, got {_short(field)}", path, line)
                    found[word] = np.array(numbers, np.float32)
            advance(len(block))
    if not count:
        raise InputError("expected words and their vectors, got none", path)
    if header is not None and count != header[0]:
        raise InputError(
            f"expected {header[0]} words, as the first line states, got {count}; is the file complete?", path
        )
    return found


def _number(field: bytes) -> float | None:
    """The number, or ``None`` if the field is no finite float32 number."""
    try:
        value = float(field)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < 3.4e38 else None


def _short(text: bytes) -> str:
    shown = text.decode("utf-8", "replace")
    return repr(shown if len(shown) <= 60 else shown[:57] + "...")
