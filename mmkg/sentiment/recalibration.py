"""Recalibrate scores of samples that lack modalities, from samples of the same split that have more; without labels."""

from collections.abc import Callable

import numpy as np

from ..typing import BoolArray, FloatArray, IntArray

MINIMUM = 20


def recalibrated(
    scores: FloatArray,
    present: BoolArray,
    mask: Callable[[IntArray, BoolArray], FloatArray],
    *,
    minimum: int = MINIMUM,
) -> FloatArray:
    """Recalibrate the scores of each set of present modalities with a line of its own.

    For a set P of modalities, samples with more modalities than P are scored again with P alone. A least-squares line
    is fitted from these scores to their (recalibrated) scores with all their modalities, and applied to the scores of
    the samples that have exactly P. It shrinks evidence of P that the other modalities do not confirm on these inputs,
    even if it held in training. Sets with more modalities are handled first; samples with all modalities keep their
    scores.

    Transductive: the score of a sample depends on the inputs of the samples that are predicted with it.

    Args:
        scores: scores of N samples, each with all the modalities it has, ``[N]``.
        present: modalities that each sample has, bool ``[N, M]``.
        mask: function that returns the scores ``[n]`` of some samples, given by row, with no other modalities than
            those of a mask, bool ``[M]``.
        minimum: least number of samples with more modalities than P; with fewer, the scores of P are not changed.

    Returns:
        float32 ``[N]``; ``scores`` is not modified.
    """
    new = scores.astype(np.float32)
    sets = np.unique(present, axis=0)
    for kept in sets[np.argsort(-sets.sum(axis=1), kind="stable")]:
        exact = (present == kept).all(axis=1)
        more = np.flatnonzero((present | ~kept).all(axis=1) & ~exact)
        if len(more) < minimum:
            continue
        less = mask(more, kept)
        spread = less - less.mean()
        varies = np.ptp(less) > 1e-6  # smaller differences are rounding of a constant
        slope = float(spread @ new[more]) / float(spread @ spread) if varies else 0.0
        new[exact] = new[more].mean() + slope * (scores[exact] - less.mean())
    return new
