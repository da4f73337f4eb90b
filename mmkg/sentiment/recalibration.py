"""Scores of samples that lack modalities, set right by those of the same split that have more: no label is read."""

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
    """Scores, a line of its own laid on those of each set of missing modalities.

    Samples that have more than a set P are scored once more with P alone. The least-squares line from that score to the
    one with all they have, itself recalibrated, is laid on the scores of the samples that have just P. Evidence of P
    that the other modalities do not bear out on these inputs is thereby shrunk, even if it held in training. Sets with
    the most modalities go first; samples that have all keep their scores.

    Transductive: the answer to a sample depends on the inputs of the others that are predicted with it.

    Args:
        scores: of N samples, ``[N]``, by what each has.
        present: bool ``[N, M]``.
        mask: scores ``[n]`` of some samples, by their rows, with no more in sight than some modalities, bool ``[M]``.
        minimum: samples that have more than P; with fewer the scores of P stay as they are.

    Returns:
        float32 ``[N]``. ``scores`` is left as it was.
    """
    found = scores.astype(np.float32)
    sets = np.unique(present, axis=0)
    for kept in sets[np.argsort(-sets.sum(axis=1), kind="stable")]:
        here = (present == kept).all(axis=1)
        more = np.flatnonzero((present | ~kept).all(axis=1) & ~here)
        if len(more) < minimum:
            continue
        less = mask(more, kept)
        spread = less - less.mean()
        moves = np.ptp(less) > 1e-6  # else the rounding of a constant
        slope = float(spread @ found[more]) / float(spread @ spread) if moves else 0.0
        found[here] = found[more].mean() + slope * (scores[here] - less.mean())
    return found
