"""Names as character n-grams: no vocabulary file, no weights, any script."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from ..errors import UsageError
from ..typing import IntArray

SPACE = ord(" ")


def ngram_matrix(
    texts: Sequence[str | None], *, sizes: Sequence[int] = (1, 2, 3), top: int = 10_000
) -> sparse.csr_matrix:
    """TF-IDF weighted character n-grams of lower-cased words.

    Words are cut at white space and framed by one space on each side, so that an n-gram knows where a
    word begins and ends. An n-gram stays if two texts hold it; of those the ``top`` most common stay.
    Weight: (1 + log count) * log(number of texts / texts that hold it), rows scaled to unit length.

    Args:
        texts: one text per row; ``None`` and blank texts give an empty row.
        sizes: lengths of the n-grams, 1 to 3 (three code points fill one 64-bit key).
        top: largest number of columns.

    Returns:
        float32 CSR ``[len(texts), columns]``, columns from the most common n-gram down.

    Raises:
        UsageError: a size is not 1, 2 or 3.
    """
    if not sizes or min(sizes) < 1 or max(sizes) > 3:
        raise UsageError(f"n-gram sizes must be 1, 2 or 3, got {tuple(sizes)}")
    framed = [f" {' '.join((text or '').lower().split())} " for text in texts]
    lengths = np.fromiter(map(len, framed), np.int64, count=len(framed))
    points = np.frombuffer("".join(framed).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.int64)
    row = np.repeat(np.arange(len(framed)), lengths)
    windows = [_windows(points, row, size) for size in sorted(set(sizes))]
    keys = np.concatenate([key for key, _ in windows])
    return _weigh(keys, np.concatenate([owner for _, owner in windows]), len(texts), top)


def _windows(points: IntArray, row: IntArray, size: int) -> tuple[IntArray, IntArray]:
    """64-bit key and row of every window of ``size`` code points; a space may only be its first or last."""
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


def _weigh(keys: IntArray, rows: IntArray, num_texts: int, top: int) -> sparse.csr_matrix:
    vocabulary, column = np.unique(keys, return_inverse=True)
    counts = sparse.coo_matrix((np.ones(len(rows)), (rows, column)), shape=(num_texts, max(len(vocabulary), 1))).tocsr()
    counts.sum_duplicates()
    holders = np.bincount(counts.indices, minlength=counts.shape[1])
    order = np.argsort(-holders, kind="stable")
    order = order[holders[order] >= 2][:top]
    if len(order) == 0:
        return sparse.csr_matrix((num_texts, 1), dtype=np.float32)
    matrix = counts[:, order]
    matrix.data = 1 + np.log(matrix.data)
    inverse_frequency = np.log(num_texts / holders[order]) + 1e-6  # an n-gram that all texts hold keeps a trace
    matrix = matrix @ sparse.diags_array(inverse_frequency)
    norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags_array(1 / np.maximum(norms, 1e-12)) @ matrix, dtype=np.float32)
