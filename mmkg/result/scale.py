"""The score that people see: 0 to 100, the sum of a part for each modality."""

from collections.abc import Mapping

import numpy as np

from ..typing import BoolArray, FloatArray

FULL = 100
EQUAL = "equal value"  # the only part of two equal literal nodes


def scaled(
    shares: Mapping[str, FloatArray], exact: BoolArray | None = None
) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Scores of pairs and their parts: 100 times the cosine and the share of each modality in it.

    A modality that speaks against a pair has a negative part. Where the cosine is negative, the score is 0, and the
    negative parts are scaled so that all parts still add up to it.

    Args:
        shares: share of each modality in the cosine of P pairs, ``[P]`` each; the shares sum to the cosine.
        exact: which pairs are equal literal nodes, ``[P]``: their score is 100, and it has one part, ``equal value``.

    Returns:
        Scores in [0, 100], float64 ``[P]``, and the parts of each, by modality.
    """
    points = FULL * np.stack([np.asarray(share, np.float64) for share in shares.values()])
    above, below = points.clip(min=0), points.clip(max=0)
    gain, loss = above.sum(axis=0), -below.sum(axis=0)
    below = below * np.where(loss > gain, gain / np.where(loss > 0, loss, 1), 1)
    points = above + below
    total = points.sum(axis=0)
    points = points * np.where(total > FULL, FULL / np.where(total > FULL, total, 1), 1)  # rounding of unit rows
    parts = dict(zip(shares, points, strict=True))
    if exact is not None and exact.any():
        parts = {name: np.where(exact, 0.0, part) for name, part in parts.items()}
        parts[EQUAL] = np.where(exact, float(FULL), 0.0)
    score = np.stack(list(parts.values())).sum(axis=0).clip(0, FULL)
    return score, parts
