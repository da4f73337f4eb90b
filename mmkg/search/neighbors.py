"""The result of a search."""

from dataclasses import dataclass

import numpy as np

from ..compute.host import isolated
from ..errors import InputError, UsageError
from ..records import Record
from ..typing import BoolArray, FloatArray, IntArray

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
    missing = (ids < 0) | (scores == -np.inf)
    ids = np.where(missing, -1, ids).astype(np.int64)
    scores = np.where(missing, -np.inf, scores).astype(np.float32)
    order = np.lexsort((ids, -scores, missing), axis=-1)
    return Neighbors(np.take_along_axis(ids, order, axis=1), np.take_along_axis(scores, order, axis=1))


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
