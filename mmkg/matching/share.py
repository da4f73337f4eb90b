"""The share of entities with a counterpart, from answers of entities whose counterpart is known."""

from typing import NamedTuple

import numpy as np

from ..compute.seeding import numpy_generator
from ..typing import FloatArray
from .confidence import Calibration
from .held_out import HeldOut

BINS = 10  # of margins, with equal numbers of answers
SUPPOSED = 5.0  # entities of either kind for which the rough curve counts
SHARE_RANGE = (0.01, 0.99)  # range of an estimated share
SHARES = np.linspace(*SHARE_RANGE, 197)
DRAWS = 200  # bootstrap samples
LEVEL = 0.95


class Share(NamedTuple):
    """An estimated share of entities with a counterpart, and its 95 % interval, in [0.01, 0.99].

    The interval is that of chance: of which links are known and which entities are in question.
    """

    value: float
    low: float
    high: float


def estimate_share(answers: FloatArray, sample: HeldOut, curve: Calibration, *, seed: int = 0) -> Share:
    """Share of entities in question that have a counterpart, by maximum likelihood, mean over bootstrap samples.

    The margins of the answers are a mixture of two distributions. Held-out links tell both: with its counterpart among
    the candidates their entity answers like one that has a counterpart, without it like one that has none. Each is a
    histogram over ten bins to which the rough curve adds five supposed entities, so that few links are not taken at
    their word. Without links the share is about the mean rough confidence. Where links do not separate the two kinds,
    the most likely share is at either end by chance; the mean over samples is not.

    Args:
        answers: margins of the best candidates of entities in question, ``[U]``, U >= 1.
        sample: held-out entities, or none, by the same embeddings.
        curve: rough probability that an answer is right, from its margin.
        seed: random seed of the samples.

    Source:
        Mixtures with known components: Titterington, Smith and Makov, 1985, Sec. 4.3; the bootstrap of all three
        samples: Efron and Tibshirani, 1993, Sec. 13.3; its mean: Breiman, Machine Learning 24, 1996.
    """
    edges = np.quantile(answers, np.linspace(0, 1, BINS + 1)[1:-1])
    likely = curve.predict(answers).astype(np.float64)
    counted = _counts(answers, edges)
    known = [_counts(sample.margins[kind], edges) for kind in (sample.present, ~sample.present)]
    supposed = [_counts(answers, edges, weights) for weights in (likely, 1 - likely)]
    supposed = [SUPPOSED * each / max(float(each.sum()), 1e-12) for each in supposed]
    rng = numpy_generator(seed, "interval of the share with a counterpart")
    counts = (counted, *known)
    drawn = [rng.multinomial(int(n.sum()), n / max(n.sum(), 1), size=DRAWS).astype(np.float64) for n in counts]
    tail = (1 - LEVEL) / 2
    found = _most_likely(*drawn, *supposed)
    low, high = np.quantile(found, [tail, 1 - tail])
    return Share(float(np.clip(found.mean(), *SHARE_RANGE)), float(low), float(high))


def _most_likely(counted: np.ndarray, present: np.ndarray, absent: np.ndarray, *supposed: np.ndarray) -> np.ndarray:
    """The most likely share of each row of counts, ``[D, BINS]``; ``supposed`` are counts added to either kind."""
    densities = [
        (known + more) / np.maximum((known + more).sum(axis=1, keepdims=True), 1e-12)
        for known, more in zip((present, absent), supposed, strict=True)
    ]
    mixed = SHARES[None, :, None] * densities[0][:, None] + (1 - SHARES)[None, :, None] * densities[1][:, None]
    likelihood = np.einsum("db,dsb->ds", counted.astype(np.float64), np.log(np.maximum(mixed, 1e-12)))
    best = likelihood >= likelihood.max(axis=1, keepdims=True) - 1e-9  # all of them where margins say nothing
    found: np.ndarray = (best @ SHARES) / best.sum(axis=1)
    return found


def _counts(margins: FloatArray, edges: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Weight of the margins in each bin, float64 ``[BINS]``."""
    counts: np.ndarray = np.bincount(np.searchsorted(edges, margins), weights, BINS).astype(np.float64)
    return counts
