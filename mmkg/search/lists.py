"""How many lists an IVF index has, and how many a query reads."""

import logging
import math

import numpy as np

from ..typing import IntArray
from .config import IndexConfig

logger = logging.getLogger(__name__)
TRAIN_POINTS = 64  # rows per list that k-means sees
TUNE_QUERIES = 2000
TUNE_LOSS = 0.001
LEAST_LISTS = 64  # fewer lists than these may all be read
LARGEST_SHARE = 32  # nprobe is at most this part of the lists, unless told


def list_count(size: int, config: IndexConfig) -> int:
    """Lists of an index of so many rows."""
    return min(config.nlist or max(1, min(round(2 * math.sqrt(size)), size // 39)), size)


def learning_rows(size: int, nlist: int, *, seed: int) -> IntArray:
    """Rows that learn the lists, ascending."""
    return np.sort(np.random.default_rng(seed).choice(size, min(size, TRAIN_POINTS * nlist), replace=False))


def most_probes(nlist: int, parts: int = 1) -> int:
    """Lists of each part that tuning may choose at most: in all parts together 64, or a 32nd of the lists of one."""
    return max(1, min(nlist, max(LEAST_LISTS, nlist // LARGEST_SHARE) // parts))


def sample_rows(size: int, count: int, *, seed: int) -> IntArray:
    """``count`` of ``size`` rows, ascending, in a draw of its own.

    The rows that learn the lists are drawn with the same seed: were these the same, the lists would fit them better
    than others, and tuning would be too sure.
    """
    return np.sort(np.random.default_rng([seed, 1]).choice(size, count, replace=False))


def tuning_rows(size: int, config: IndexConfig) -> IntArray:
    """Which of ``size`` queries ``nprobe`` is chosen on, ascending; none if it is chosen already."""
    if config.nprobe is not None:
        return np.empty(0, np.int64)
    return sample_rows(size, min(TUNE_QUERIES, size), seed=config.seed)


def choose_probes(place: IntArray, most: int, nlist: int) -> int:
    """Smallest power of two at which at most one sampled query in a thousand misses its list, at most ``most``.

    Args:
        place: how many lists each sampled query reads before that of its exact nearest neighbour, ``[S]``.
        most: the limit; a warning says what is lost where it is reached first.
        nlist: lists there are.
    """
    nprobe = 1
    while nprobe < min(most, nlist) and (place >= nprobe).sum() > TUNE_LOSS * len(place):
        nprobe *= 2
    nprobe = min(nprobe, most, nlist)
    lost = float((place >= nprobe).mean())
    if lost > TUNE_LOSS:
        logger.warning(
            "of %d sampled queries %.1f %% lose their nearest neighbour when %d of %d lists are read; "
            "set nprobe to read more, or use kind='flat'",
            len(place),
            100 * lost,
            nprobe,
            nlist,
        )
    return nprobe
