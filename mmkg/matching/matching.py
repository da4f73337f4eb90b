"""The result of a matcher."""

from dataclasses import dataclass, replace

import numpy as np

from ..records import Record
from ..typing import FloatArray, IntArray


@dataclass(frozen=True, eq=False, repr=False)
class Matching(Record):
    """One-to-one pairs of rows, sorted by the left row; it does not contain unmatched rows.

    Args:
        left: left rows, int64 ``[M]``, ascending and unique.
        right: their right rows, int64 ``[M]``, unique.
        score: larger is better, float32 ``[M]``; cosine, or CSLS if the matcher used it.
        confidence: probability that the pair is right, float32 ``[M]`` in [0, 1]; ``None`` = not calibrated.

    Raises:
        ValueError: lengths or types differ, or a row is repeated.
    """

    left: IntArray
    right: IntArray
    score: FloatArray
    confidence: FloatArray | None = None

    def __post_init__(self) -> None:
        columns: list[tuple[np.ndarray, type]] = [
            (self.left, np.int64),
            (self.right, np.int64),
            (self.score, np.float32),
        ]
        if self.confidence is not None:
            columns.append((self.confidence, np.float32))
        if any(column.shape != (len(self.left),) for column, _ in columns):
            raise ValueError(f"expected columns of one length, got {[column.shape for column, _ in columns]}")
        if any(column.dtype != dtype for column, dtype in columns):
            raise ValueError(
                f"expected int64 rows and float32 scores, got {[str(column.dtype) for column, _ in columns]}"
            )
        if (np.diff(self.left) <= 0).any() or len(np.unique(self.right)) != len(self.right):
            raise ValueError("expected ascending unique left rows and unique right rows")

    def __len__(self) -> int:
        return len(self.left)

    def _facts(self) -> dict[str, object]:
        return {"pairs": len(self), "confidences": 0 if self.confidence is None else len(self.confidence)}

    @property
    def pairs(self) -> IntArray:
        """(left row, right row), int64 ``[M, 2]``."""
        return np.stack([self.left, self.right], axis=1)

    def with_confidence(self, confidence: FloatArray) -> "Matching":
        """The same pairs, each with a probability."""
        return replace(self, confidence=confidence.astype(np.float32))

    def named(self, left: IntArray, right: IntArray) -> "Matching":
        """The same pairs with other rows: those at the positions ``left`` and ``right``, which ascend."""
        return replace(self, left=left[self.left], right=right[self.right])

    def joined(self, pairs: IntArray, score: float) -> "Matching":
        """These pairs, without confidences, and others of one score, int64 ``[E, 2]``, that share no row with them."""
        return self.with_pairs(pairs, np.full(len(pairs), score, np.float32))

    def with_pairs(self, pairs: IntArray, score: FloatArray) -> "Matching":
        """As ``joined``, with a score for each pair, ``[E]``."""
        scores = np.concatenate([self.score, score])
        return matching_of(np.concatenate([self.left, pairs[:, 0]]), np.concatenate([self.right, pairs[:, 1]]), scores)

    def keep(self, chosen: np.ndarray) -> "Matching":
        """The pairs for which ``chosen``, bool ``[M]``, is true."""
        confidence = None if self.confidence is None else self.confidence[chosen]
        return Matching(self.left[chosen], self.right[chosen], self.score[chosen], confidence)


def matching_of(left: IntArray, right: IntArray, score: FloatArray) -> Matching:
    """A matching from pairs in any order."""
    order = np.argsort(left, kind="stable")
    return Matching(left[order].astype(np.int64), right[order].astype(np.int64), score[order].astype(np.float32))
