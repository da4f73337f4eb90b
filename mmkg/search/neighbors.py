"""The result of a search."""

from dataclasses import dataclass

import numpy as np

from ..compute.host import isolated
from ..errors import InputError, UsageError
from ..records import Record
from ..typing import BoolArray, FloatArray, IntArray

SORTED_ROWS = 1 << 14  # rows of neighbours that are sorted at a time
LARGEST_PADDING = 1 << 27  # missing neighbours that a result may hold besides those found


@dataclass(frozen=True, eq=False, repr=False)
class Neighbors(Record):
    """The nearest base rows of each query, best first, in the order (-score, id).

    Args:
        ids: base rows, int64 ``[Q, K]``; -1 = none.
        scores: larger is better, float32 ``[Q, K]``; -inf where there is no neighbour.

    Raises:
        ValueError: shapes or types of the two do not fit.
    """

    ids: IntArray
    scores: FloatArray

    def __post_init__(self) -> None:
        if self.ids.ndim != 2 or self.ids.shape != self.scores.shape:
            raise ValueError(f"expected ids and scores of one shape [Q, K], got {self.ids.shape}, {self.scores.shape}")
        if self.ids.dtype != np.int64 or self.scores.dtype != np.float32:
            raise ValueError(f"expected int64 ids and float32 scores, got {self.ids.dtype}, {self.scores.dtype}")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def present(self) -> BoolArray:
        """Whether there is a neighbour, bool ``[Q, K]``; one with score -inf counts as none, whatever its id."""
        found: BoolArray = (self.ids >= 0) & (self.scores > -np.inf)
        return found

    def _facts(self) -> dict[str, int]:
        return {"queries": self.ids.shape[0], "neighbors_each": self.ids.shape[1]}


def sort_neighbors(ids: IntArray, scores: FloatArray) -> Neighbors:
    """Sort each row by (-score, id); missing neighbours (id < 0 or score -inf) come last, with id -1 and score -inf.

    Args:
        ids: ``[Q, K]``, any order; negative = none.
        scores: ``[Q, K]``, larger is better. Neither argument is written to.
    """
    found = Neighbors(np.empty(ids.shape, np.int64), np.empty(scores.shape, np.float32))
    for start in range(0, len(ids), SORTED_ROWS):
        rows = slice(start, start + SORTED_ROWS)
        missing = (ids[rows] < 0) | (scores[rows] == -np.inf)
        names = np.where(missing, -1, ids[rows]).astype(np.int64, copy=False)
        values = np.where(missing, -np.inf, scores[rows]).astype(np.float32, copy=False)
        order = np.lexsort((names, -values, missing), axis=-1)
        found.ids[rows] = np.take_along_axis(names, order, axis=1)
        found.scores[rows] = np.take_along_axis(values, order, axis=1)
    return found


def pad_neighbors(found: Neighbors, k: int) -> Neighbors:
    """Widen to k columns with id -1 and score -inf.

    Raises:
        UsageError: the padding would be larger than 2^27 places.
    """
    missing = k - found.ids.shape[1]
    if missing <= 0:
        return found
    if missing * len(found) > LARGEST_PADDING:
        raise UsageError(
            f"k = {k} for {len(found)} queries is more than memory holds, and only {found.ids.shape[1]} neighbours "
            "exist; use a k of at most the size of the index"
        )
    width = ((0, 0), (0, missing))
    return Neighbors(np.pad(found.ids, width, constant_values=-1), np.pad(found.scores, width, constant_values=-np.inf))


@isolated
def csls_neighbors(found: Neighbors, row_mean: FloatArray) -> Neighbors:
    """CSLS scores from a search with ``csls_augment``: subtracts the row mean of each query, ``[Q]``.

    Raises:
        InputError: ``row_mean`` does not have one value per query.
    """
    if row_mean.shape != found.ids.shape[:1]:
        raise InputError(f"expected one row mean for each of {len(found)} queries, got shape {row_mean.shape}")
    return Neighbors(found.ids, (found.scores - row_mean[:, None]).astype(np.float32))
