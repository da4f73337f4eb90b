"""The number of lists of an IVF index, and the number that a query reads."""

import logging
import math

import numpy as np

from ..typing import IntArray
from .config import IndexConfig

logger = logging.getLogger(__name__)
TRAIN_POINTS = 64  # rows per list for k-means
STEPS = 10  # of k-means; FAISS takes 25, which finds no more at the recall that tuning keeps
TUNE_QUERIES = 2000
TUNE_LOSS = 0.001
LEAST_LISTS = 64  # tuning may choose to read up to this many lists, whatever their number
LARGEST_SHARE = 32  # tuning reads at most 1/32 of the lists


def list_count(size: int, config: IndexConfig, *, roots: int = 2) -> int:
    """Number of lists of an index with ``size`` rows; unless it is set, ``roots`` times the square root of ``size``."""
    return min(config.nlist or max(1, min(round(roots * math.sqrt(size)), size // 39)), size)


def learning_rows(size: int, nlist: int, *, seed: int) -> IntArray:
    """Rows on which the lists are learnt, ascending."""
    return np.sort(np.random.default_rng(seed).choice(size, min(size, TRAIN_POINTS * nlist), replace=False))


def most_probes(nlist: int, parts: int = 1) -> int:
    """Most lists of each part that tuning may choose: over all parts 64, or a 32nd of the lists of one part."""
    return max(1, min(nlist, max(LEAST_LISTS, nlist // LARGEST_SHARE) // parts))


def sample_rows(size: int, count: int, *, seed: int) -> IntArray:
    """``count`` of ``size`` rows, ascending, drawn independently of ``learning_rows`` with the same seed.

    The lists fit the rows on which they were learnt better than others; tuned on these, ``nprobe`` would be too small.
    """
    return np.sort(np.random.default_rng([seed, 1]).choice(size, count, replace=False))


def tuning_rows(size: int, config: IndexConfig) -> IntArray:
    """Which of ``size`` queries ``nprobe`` is chosen on, ascending; none if it is chosen already."""
    if config.nprobe is not None:
        return np.empty(0, np.int64)
    return sample_rows(size, min(TUNE_QUERIES, size), seed=config.seed)


def choose_probes(place: IntArray, most: int, nlist: int, *, loss: float = TUNE_LOSS) -> int:
    """Smallest power of two at which at most a share ``loss`` of the sampled queries misses its list, at most ``most``.

    Args:
        place: number of lists that each sampled query reads before the one with its exact nearest neighbour, ``[S]``.
        most: limit of the choice; if it is reached, a warning reports how many queries lose their nearest neighbour.
        nlist: number of lists.
        loss: share of sampled queries that may miss their list.
    """
    nprobe = 1
    while nprobe < min(most, nlist) and (place >= nprobe).sum() > loss * len(place):
        nprobe *= 2
    nprobe = min(nprobe, most, nlist)
    lost = float((place >= nprobe).mean())
    if lost > loss:
        logger.warning(
            "of %d sampled queries %.1f %% lose their nearest neighbour when %d of %d lists are read; "
            "raise nprobe to read more, or use the index kind flat",
            len(place),
            100 * lost,
            nprobe,
            nlist,
        )
    return nprobe
