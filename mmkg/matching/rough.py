"""A rough calibration from the matches of a run alone, for runs without held-out links."""

import math

import numpy as np

from ..errors import InputError
from ..typing import FloatArray
from .confidence import Calibration

LEAST_MATCHES = 5  # of fewer matches nothing can be said
STEEPNESS = (0.5, 2.0)  # slope times the mean decoy, if the parts of the matches contradict or confirm each other
LEAST_ODDS = -2.0  # log-odds at margin 0 if they contradict each other; 0 if they confirm each other
AGREEMENT = (0.25, 0.5)  # agreement of parts that contradict each other, or from which on they confirm each other
SUPPOSED_DECOYS = 5  # decoys that are added, so that the mean exists without any
CLEAR = 4  # ratio of the median match to a supposed decoy


def rough_curve(matches: FloatArray, decoys: FloatArray, agreement: float | None = None) -> Calibration:
    """The probability that a match is right, from its margin, without any link.

    Decoys are wrong by construction: the best candidates of matched entities after their match was removed. As in a
    target-decoy search, the margins of decoys that look like matches (above 0) are the scale of chance. At margin 0 two
    candidates are equal, so that at most one of two is right. Decoys do not show errors that confirm each other:
    a model that learnt from wrong seeds puts wrong pairs close together. There the parts of the embeddings contradict
    each other, and the curve is lower and flatter.

    Args:
        matches: margins of mutual nearest neighbours, see ``pair_margins``, ``[M]``, all > 0, M >= 5.
        decoys: margins after the matches were removed, ``[D]``.
        agreement: share in [0, 1] of the matches that a part of the modalities finds by itself, mean of two parts;
            ``None`` = there is one part only.

    Raises:
        InputError: fewer than five matches, or a margin that is not finite or not above 0.

    Source:
        Elias and Gygi, Nature Methods 4, 2007, for decoys; Efron, JASA 99, 2004, for an empirical null. The constants
        are measured, see ``tools/studies/confidence.py``.
    """
    values, below = np.asarray(matches, np.float64), np.asarray(decoys, np.float64)
    if len(values) < LEAST_MATCHES or not (np.isfinite(values).all() and np.isfinite(below).all() and values.min() > 0):
        raise InputError(f"expected at least {LEAST_MATCHES} finite margins above 0, and finite decoys")
    above = below[below > 0]
    supposed = float(np.median(values)) / CLEAR
    chance = (float(above.sum()) + SUPPOSED_DECOYS * supposed) / (len(above) + SUPPOSED_DECOYS)
    low, high = AGREEMENT
    sound = 1.0 if agreement is None else min(1.0, max(0.0, (agreement - low) / (high - low)))
    steepness = STEEPNESS[0] + (STEEPNESS[1] - STEEPNESS[0]) * sound
    return Calibration(min(steepness / chance, 1e6), LEAST_ODDS * (1 - sound) if not math.isclose(sound, 1) else 0.0)
