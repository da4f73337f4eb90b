"""The rank of the right answer of each query."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..records import Record
from ..typing import IntArray

RankArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Ranks(Record):
    """Rank of the right answer of each query.

    Args:
        better: number of candidates with a higher score than the right answer, int64 ``[Q]``.
        equal: number of *other* candidates with the same score, int64 ``[Q]``.
    """

    better: IntArray
    equal: IntArray

    def __post_init__(self) -> None:
        if self.better.ndim != 1 or self.better.shape != self.equal.shape:
            raise ValueError(f"expected two arrays of one length, got {self.better.shape} and {self.equal.shape}")

    def __len__(self) -> int:
        return len(self.better)

    @property
    def mean(self) -> RankArray:
        """Realistic rank, ``1 + better + equal / 2``, float64 ``[Q]``: the mean over all orders of the ties.

        Constant scores over n candidates give (n + 1) / 2.
        """
        rank: RankArray = 1 + self.better + self.equal / 2
        return rank
