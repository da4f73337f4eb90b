"""Calibration: the probability that a match is right, from its score."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..compute.host import isolated_class
from ..errors import InputError
from ..typing import BoolArray, FloatArray

LEAST_SPREAD = 1e-12  # standard deviation below which scores count as equal


@isolated_class
@dataclass(frozen=True)
class Calibration:
    """``P(right | score) = 1 / (1 + exp(-(slope score + intercept)))``; it does not decrease with the score.

    Args:
        slope: >= 0.
        intercept: the log-odds at score 0.

    Raises:
        InputError: a negative slope or a value that is not finite.

    Source:
        Platt, 1999, with his smoothed targets (N+ + 1) / (N+ + 2) and 1 / (N- + 2).
    """

    slope: float
    intercept: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.slope) and math.isfinite(self.intercept) and self.slope >= 0):
            raise InputError(f"expected a finite slope >= 0 and a finite intercept, got {self.slope}, {self.intercept}")

    @staticmethod
    def fit(scores: FloatArray, correct: BoolArray, weights: FloatArray | None = None) -> "Calibration":
        """Fit by maximum likelihood on validation pairs.

        If all pairs are right, or all are wrong, or all scores are equal, the probability is constant.

        Args:
            scores: scores of the predicted pairs, ``[V]``, V >= 1, finite.
            correct: whether each pair is right, bool ``[V]``.
            weights: weight of each pair, ``[V]``, >= 0 and not all 0; ``None`` = equal weights.

        Raises:
            InputError: no pairs, lengths that differ, a score that is not finite, weights out of range.
        """
        values = np.asarray(scores, dtype=np.float64)
        right = np.asarray(correct)
        if values.ndim != 1 or len(values) == 0 or right.shape != values.shape or right.dtype != np.bool_:
            raise InputError(
                f"expected scores [V] and as many booleans, V >= 1, got {values.shape} and {right.dtype} {right.shape}"
            )
        if not np.isfinite(values).all():
            raise InputError("scores to calibrate on must be finite")
        shares = np.full(len(values), 1 / len(values)) if weights is None else np.asarray(weights, np.float64)
        if shares.shape != values.shape or not (np.isfinite(shares).all() and (shares >= 0).all() and shares.sum() > 0):
            raise InputError(f"expected a finite weight >= 0 for each of {len(values)} pairs, not all of them 0")
        shares = shares / shares.sum()
        num_right = int(right.sum())
        num_wrong = len(right) - num_right
        targets = np.where(right, (num_right + 1) / (num_right + 2), 1 / (num_wrong + 2))
        if num_right == 0 or num_wrong == 0 or float(values.std()) < LEAST_SPREAD:
            share = float(shares @ targets)
            return Calibration(0.0, math.log(share / (1 - share)))
        return _most_likely(values, targets, shares)

    @staticmethod
    def combined(
        prior: "Calibration",
        typical: FloatArray,
        scores: FloatArray,
        correct: BoolArray,
        weights: FloatArray,
        *,
        strength: float = 10.0,
    ) -> "Calibration":
        """A curve between a prior and held-out pairs: the prior counts like some further pairs.

        Args:
            prior: the curve without pairs.
            typical: scores at which the prior is held, ``[T]``, T >= 1, finite.
            scores: scores of the held-out pairs, ``[V]``, finite; without any the result is the prior.
            correct: whether each pair is right, bool ``[V]``.
            weights: weight of each pair, ``[V]``, >= 0.
            strength: weight of the prior, in pairs, > 0.
        """
        if len(scores) == 0:
            return prior
        values = np.concatenate([scores, typical]).astype(np.float64)
        targets = np.concatenate([correct.astype(np.float64), prior.predict(typical)])
        shares = np.concatenate([weights, np.full(len(typical), strength / len(typical))])
        if float(values.std()) < LEAST_SPREAD:
            return prior
        return _most_likely(values, targets, shares / shares.sum())

    def predict(self, scores: FloatArray) -> FloatArray:
        """Probability in [0, 1] that a pair with each score is right, float32, in the shape of ``scores``."""
        logits = self.slope * np.asarray(scores, dtype=np.float64) + self.intercept
        return np.exp(-np.logaddexp(0, -logits)).astype(np.float32)

    def as_dict(self) -> dict[str, float]:
        """Plain values for JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "Calibration":
        """From the values of ``as_dict``.

        Raises:
            InputError: other keys, or values that are not numbers.
        """
        if set(values) != {"slope", "intercept"}:
            raise InputError(f"expected slope and intercept, got {', '.join(sorted(values)) or 'nothing'}")
        try:
            return Calibration(float(values["slope"]), float(values["intercept"]))
        except (TypeError, ValueError) as error:
            raise InputError(f"slope and intercept must be numbers: {error}") from None


def _most_likely(values: np.ndarray, targets: np.ndarray, shares: np.ndarray) -> Calibration:
    """The curve that makes targets in [0, 1] at some values most likely; weights ``shares`` sum to 1."""
    from scipy.optimize import minimize

    centre, spread = float(values.mean()), float(values.std())
    scaled = (values - centre) / spread

    def loss(params: np.ndarray) -> tuple[float, np.ndarray]:
        logits = params[0] * scaled + params[1]
        residual = shares * (np.exp(-np.logaddexp(0, -logits)) - targets)  # sigmoid - target
        value = shares @ (np.logaddexp(0, logits) - targets * logits)
        return float(value), np.array([residual @ scaled, residual.sum()])

    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)])
    slope = float(found.x[0]) / spread
    return Calibration(slope, float(found.x[1]) - slope * centre)
