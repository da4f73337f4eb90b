"""Seeded splits of links into train, valid and test."""

import numpy as np

from ..compute.seeding import numpy_generator
from ..errors import UsageError
from ..typing import IntArray
from .task import LinkSplit


def split_links(links: IntArray, *, train_ratio: float = 0.3, valid_ratio: float = 0.1, seed: int = 0) -> LinkSplit:
    """Shuffle links and cut them: the first ``train_ratio`` are seeds, of which the last part validates.

    Args:
        links: int64 ``[L, 2]`` of (left row, right row), in file order.
        train_ratio: share of all links that may be used for learning, in (0, 1].
        valid_ratio: share of *those* held out for selection, in [0, 1); never taken from the test part.
        seed: of the shuffle. With the order of the file, this is NumPy's legacy ``RandomState`` shuffle,
            so that seed 42 gives the same 30 % seed links as the published code with ``--seed 42``.

    Returns:
        The three parts; their sizes are ``int(L * train_ratio)`` less the validation part, that part
        (rounded), and the rest.

    Raises:
        UsageError: a ratio is out of range.
    """
    if not 0 < train_ratio <= 1:
        raise UsageError(f"train_ratio must be in (0, 1], got {train_ratio}")
    if not 0 <= valid_ratio < 1:
        raise UsageError(f"valid_ratio must be in [0, 1), got {valid_ratio}")
    order = np.arange(len(links))
    np.random.RandomState(seed).shuffle(order)
    shuffled = links[order]
    num_seeds = int(len(links) * train_ratio)
    num_train = num_seeds - round(num_seeds * valid_ratio)
    return LinkSplit(shuffled[:num_train], shuffled[num_train:num_seeds], shuffled[num_seeds:])


def sample_links(links: IntArray, most: int, *, seed: int = 0, label: str = "sample") -> IntArray:
    """At most ``most`` of the links, drawn without replacement, in their order; all of them if ``most`` is 0.

    Args:
        links: ``[L, 2]``.
        most: >= 0.
        seed: of the draw.
        label: what the sample is for; samples of different labels are independent.
    """
    if most == 0 or len(links) <= most:
        return links
    chosen = numpy_generator(seed, label).choice(len(links), most, replace=False)
    return links[np.sort(chosen)]
