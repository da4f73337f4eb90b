"""Names as character n-grams: no vocabulary file, no weights, any script."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from ...errors import UsageError
from ...typing import BoolArray, IntArray

SPACE = ord(" ")
BLOCK_TEXTS = 1 << 16


def ngram_matrix(
    texts: Sequence[str | None],
    *,
    sizes: Sequence[int] = (1, 2, 3),
    top: int = 10_000,
    counted: BoolArray | None = None,
) -> sparse.csr_matrix:
    """TF-IDF weighted character n-grams of lower-cased words.

    Words are split at white space and padded with one space on each side, so that n-grams mark the beginning and the
    end of a word. An n-gram is kept if at least two texts contain it; of these, the ``top`` most common are kept.
    Weight: (1 + log count) * log(number of texts / number of texts that contain it); rows are scaled to unit length.

    Args:
        texts: one text per row; ``None`` and blank texts give an empty row.
        sizes: lengths of the n-grams, 1 to 3 (three code points fill one 64-bit key).
        top: largest number of columns.
        counted: texts that say which n-grams are kept and how common they are, bool ``[len(texts)]``; ``None`` = all.

    Returns:
        float32 CSR ``[len(texts), columns]``, columns sorted from the most to the least common n-gram.

    Raises:
        UsageError: a size is not 1, 2 or 3.
    """
    if not sizes or min(sizes) < 1 or max(sizes) > 3:
        raise UsageError(f"n-gram sizes must be 1, 2 or 3, got {tuple(sizes)}")
    blocks = [_count(texts[start : start + BLOCK_TEXTS], sizes) for start in range(0, len(texts), BLOCK_TEXTS)]
    vocabulary, place = np.unique(np.concatenate([keys for keys, _ in blocks]), return_inverse=True)
    positions = np.split(place, np.cumsum([len(keys) for keys, _ in blocks[:-1]]))
    holders = np.zeros(len(vocabulary), np.int64)
    counted = np.ones(len(texts), bool) if counted is None else counted
    for start, (_, counts), position in zip(range(0, len(texts), BLOCK_TEXTS), blocks, positions, strict=True):
        some = counted[start : start + BLOCK_TEXTS]
        held = counts.indices if some.all() else counts[some].indices
        holders[position] += np.bincount(held, minlength=counts.shape[1])[: len(position)]
    order = np.argsort(-holders, kind="stable")
    order = order[holders[order] >= 2][:top]
    if len(order) == 0:
        return sparse.csr_matrix((len(texts), 1), dtype=np.float32)
    column = np.full(len(vocabulary), -1)
    column[order] = np.arange(len(order))
    inverse_frequency = (
        np.log(int(counted.sum()) / holders[order]) + 1e-6
    )  # an n-gram that all texts contain keeps a small weight
    parts = [
        _weigh(counts, column[position], inverse_frequency)
        for (_, counts), position in zip(blocks, positions, strict=True)
    ]
    return sparse.csr_matrix(sparse.vstack(parts, format="csr"))


def _count(texts: Sequence[str | None], sizes: Sequence[int]) -> tuple[IntArray, sparse.csr_matrix]:
    """Keys of the n-grams of some texts, ascending, and the count of each in each text."""
    framed = [f" {' '.join((text or '').lower().split())} " for text in texts]
    lengths = np.fromiter(map(len, framed), np.int64, count=len(framed))
    points = np.frombuffer("".join(framed).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.int64)
    row = np.repeat(np.arange(len(framed)), lengths)
    windows = [_windows(points, row, size) for size in sorted(set(sizes))]
    keys, column = np.unique(np.concatenate([key for key, _ in windows]), return_inverse=True)
    rows = np.concatenate([owner for _, owner in windows])
    ones = np.ones(len(rows), np.float32)
    counts = sparse.csr_matrix((ones, (rows, column)), shape=(len(texts), max(len(keys), 1)))  # adds up repetitions
    return keys, counts


def _windows(points: IntArray, row: IntArray, size: int) -> tuple[IntArray, IntArray]:
    """64-bit key and row of every window of ``size`` code points; only its first or last may be a space."""
    count = max(len(points) - size + 1, 0)
    key = np.zeros(count, dtype=np.int64)
    spaces = np.zeros(count, dtype=np.int64)
    keep = row[:count] == row[size - 1 : size - 1 + count]
    for offset in range(size):
        part = points[offset : offset + count]
        key = (key << 21) | (part + 1)
        spaces += part == SPACE
        if 0 < offset < size - 1:
            keep &= part != SPACE
    keep &= spaces <= min(size - 1, 1)
    return key[keep], row[:count][keep]


def _weigh(counts: sparse.csr_matrix, column: IntArray, inverse_frequency: np.ndarray) -> sparse.csr_matrix:
    """TF-IDF weights in rows of unit length; ``column`` is the new position of each column, -1 = dropped."""
    columns = column[counts.indices]
    kept = columns >= 0
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))[kept]
    columns = columns[kept]
    weights = (1 + np.log(counts.data[kept].astype(np.float64))) * inverse_frequency[columns]
    norms = np.sqrt(np.bincount(rows, weights=weights * weights, minlength=counts.shape[0]))
    weights /= np.maximum(norms, 1e-12)[rows]
    return sparse.csr_matrix(
        (weights.astype(np.float32), (rows, columns)), shape=(counts.shape[0], len(inverse_frequency))
    )
