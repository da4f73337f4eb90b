"""Filtered ranking: the other right answers of a query are no competitors of the one that is ranked."""

import numpy as np

from ..errors import InputError
from ..typing import IntArray


def known_pairs(*links: IntArray | None, sizes: tuple[int, int] | None = None) -> IntArray:
    """The distinct pairs of several arrays of links, int64 ``[K, 2]``, by left row, then by right row.

    Args:
        links: int64 ``[L, 2]`` each; ``None`` = no links.
        sizes: number of left and of right rows, which no link may exceed; ``None`` = any.

    Raises:
        InputError: an array of another shape, not of whole numbers, or with a row that does not exist.
    """
    given = [np.asarray(each) for each in links if each is not None]
    for each in given:
        if each.ndim != 2 or each.shape[1] != 2 or each.dtype.kind not in "iu":
            raise InputError(f"expected known links, whole numbers [K, 2], got {each.dtype} {list(each.shape)}")
    pairs = np.concatenate([np.empty((0, 2), np.int64), *given]).astype(np.int64)
    if len(pairs) == 0:
        return pairs
    for side, name in enumerate(("left", "right")):
        low, high = int(pairs[:, side].min()), int(pairs[:, side].max())
        if low < 0 or (sizes is not None and high >= sizes[side]):
            expected = ">= 0" if sizes is None else f"in 0..{sizes[side] - 1}"
            raise InputError(f"{name} rows of known links must be {expected}, got {low}..{high}")
    size = int(pairs[:, 1].max()) + 1
    keys = np.unique(pairs[:, 0] * size + pairs[:, 1])
    return np.stack([keys // size, keys % size], axis=1)


def several_answers(pairs: IntArray) -> bool:
    """Whether an entity of either side is in several of the distinct pairs ``[K, 2]``."""
    return any(len(np.unique(pairs[:, side])) < len(pairs) for side in (0, 1))


def other_answers(
    queries: IntArray, golds: IntArray, pairs: IntArray, *, pool: IntArray | None = None
) -> tuple[IntArray, IntArray]:
    """Right answers to each query besides the one that is ranked.

    Args:
        queries: query of each ranked link, ``[L]``.
        golds: the answer that is ranked, ``[L]``.
        pairs: all known (query, answer), distinct, ``[K, 2]``.
        pool: the candidates, ascending; ``None`` = every row.

    Returns:
        Positions in ``queries``, ascending, and positions among the candidates, int64 ``[X]`` each.
    """
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    first, last = (np.searchsorted(pairs[:, 0], queries, side=side) for side in ("left", "right"))
    counts = last - first
    rows = np.repeat(np.arange(len(queries)), counts)
    answers = pairs[np.arange(len(rows)) + np.repeat(first - (np.cumsum(counts) - counts), counts), 1]
    kept = answers != golds[rows]
    if pool is not None:
        places = np.searchsorted(pool, answers)
        kept &= pool[np.minimum(places, len(pool) - 1)] == answers
        answers = places
    return rows[kept].astype(np.int64), answers[kept].astype(np.int64)
