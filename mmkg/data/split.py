"""Seeded splits of known links into train, valid and test links."""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, TypedDict

import numpy as np
from pydantic import Field

from ..compute.seeding import numpy_generator
from ..settings import configuration
from ..typing import IntArray
from .task import Candidates, LinkSplit

TRAIN_RATIO, VALID_RATIO = 0.3, 0.1  # of published tables


@configuration
@dataclass(frozen=True)
class SplitConfig:
    """How known links are checked and split. Every reader of a pair takes these settings as keywords.

    Args:
        train_ratio: share of the links used for training and validation, in (0, 1]. Not used for links whose file
            assigns each of them to a part. ``None`` = 0.3 for benchmarks, and all links of graphs of one's own.
        valid_ratio: share of *those* held out for validation, in [0, 1). ``None`` = 0.1 for benchmarks; of links of
            one's own that are all learnt from, none here: ``align`` holds some out as the model needs it.
        seed: random seed of the split.
        one_to_one: whether each entity has at most one counterpart. With False, links that share an entity are
            moved into the same part.
        candidates: which right entities a test entity is ranked among: those of the test links (``test``) or all of
            the right graph (``all``). ``None`` = ``test`` for benchmarks, ``all`` for graphs of one's own.
        on_error: ``raise`` stops at the first malformed line or link; ``skip`` leaves them out and counts them in
            ``task.notes``.

    Raises:
        UsageError: a value out of range.
    """

    train_ratio: Annotated[float, Field(gt=0, le=1)] | None = None
    valid_ratio: Annotated[float, Field(ge=0, lt=1)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    one_to_one: bool = True
    candidates: Candidates | None = None
    on_error: Literal["raise", "skip"] = "raise"

    def ratios(self, *, own: bool) -> tuple[float, float]:
        """``train_ratio`` and ``valid_ratio``, with their defaults.

        Args:
            own: whether the links are the user's own, and not those of a benchmark.
        """
        train, valid = (1.0, 0.0) if own and self.train_ratio is None else (TRAIN_RATIO, VALID_RATIO)
        return (
            train if self.train_ratio is None else self.train_ratio,
            valid if self.valid_ratio is None else self.valid_ratio,
        )


class SplitSettings(TypedDict, total=False):
    """The fields of ``SplitConfig``, as keywords of a reader."""

    train_ratio: float | None
    valid_ratio: float | None
    seed: int
    one_to_one: bool
    candidates: Candidates | None
    on_error: Literal["raise", "skip"]


class GroupedSplit(NamedTuple):
    """A split in which links that share an entity are in one part, and the number of links moved for it."""

    links: LinkSplit
    moved: int


def split_links(links: IntArray, *, train_ratio: float = 0.3, valid_ratio: float = 0.1, seed: int = 0) -> LinkSplit:
    """Shuffle links and cut them into train, valid and test links, in this order.

    Args:
        links: int64 ``[L, 2]`` of (left row, right row), in file order.
        train_ratio: share of the links used for training and validation, in (0, 1].
        valid_ratio: share of *those* held out for validation, in [0, 1); never taken from the test part.
        seed: random seed of the shuffle. With links in file order, this is the shuffle of NumPy's legacy
            ``RandomState``, so that seed 42 gives the same 30 % seed links as the published code with ``--seed 42``.

    Returns:
        The three parts. Train and valid links together are ``int(L * train_ratio)`` links, valid links the rounded
        share of these, and test links the rest.

    Raises:
        UsageError: a ratio or the seed is out of range.
    """
    config = SplitConfig(train_ratio, valid_ratio, seed)
    order = np.arange(len(links))
    np.random.RandomState(config.seed).shuffle(order)
    shuffled = links[order]
    num_seeds = int(len(links) * train_ratio)
    num_train = num_seeds - round(num_seeds * valid_ratio)
    return LinkSplit(shuffled[:num_train], shuffled[num_train:num_seeds], shuffled[num_seeds:])


def split_groups(links: IntArray, *, train_ratio: float = 0.3, valid_ratio: float = 0.1, seed: int = 0) -> GroupedSplit:
    """Split as ``split_links`` does, then move links that share an entity into one part.

    A group of such links goes to the part of its first link in file order. One-to-one links are split exactly as by
    ``split_links``. Arguments and errors are those of ``split_links``.
    """
    positions = np.arange(len(links), dtype=np.int64)[:, None].repeat(2, axis=1)
    split = split_links(positions, train_ratio=train_ratio, valid_ratio=valid_ratio, seed=seed)
    order = split.all()[:, 0]
    part = np.empty(len(links), np.int64)
    part[order] = np.repeat(np.arange(3), [len(split.train), len(split.valid), len(split.test)])
    _, first, inverse = np.unique(link_groups(links), return_index=True, return_inverse=True)
    target = part[first][inverse]
    train, valid, test = (links[order[target[order] == number]] for number in range(3))
    return GroupedSplit(LinkSplit(train, valid, test), int((target != part).sum()))


def sample_links(links: IntArray, most: int, *, seed: int = 0, label: str = "sample") -> IntArray:
    """Draw at most ``most`` of the links without replacement and keep their order; 0 returns all of them.

    Args:
        links: ``[L, 2]``.
        most: >= 0.
        seed: random seed of the draw.
        label: purpose of the sample; samples with different labels are independent.
    """
    if most == 0 or len(links) <= most:
        return links
    chosen = numpy_generator(seed, label).choice(len(links), most, replace=False)
    return links[np.sort(chosen)]


def link_groups(links: IntArray) -> IntArray:
    """A number per link, equal for links that share an entity, directly or through other links."""
    left, right = (np.unique(links[:, side], return_inverse=True)[1] for side in (0, 1))
    size = len(links)
    if size and left.max() + 1 == right.max() + 1 == size:  # no two links share an entity
        return left
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(size, np.int8), (left, size + right)), shape=(2 * size, 2 * size))
    group: IntArray = connected_components(graph, directed=False)[1].astype(np.int64)
    return group[left]
