"""How sure a match is, and whether an entity has a counterpart at all: learnt from held-out links."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError, UsageError
from ..search.neighbors import Neighbors
from ..typing import BoolArray, FloatArray, IntArray
from .candidates import Means
from .confidence import Calibration

Nearest = Callable[[IntArray, int, str], Neighbors]  # rows, k, side that asks -> answers of the other side
LISTED = 10  # answers among which a held-out entity finds others than its counterpart
LARGEST_MARGIN = 8.0  # CSLS lies in [-4, 4]; also that of a pair without any rival
LARGEST_LOG = 500.0  # of odds, which then are finite
STEPS = 500  # of the estimate of the share; it is still after some ten
SHARE_RANGE = (0.01, 0.99)  # no estimate is certain


def pair_margins(pairs: IntArray, scores: FloatArray, nearest: Nearest) -> FloatArray:
    """By how much each pair beats the best other pair of its left and of its right entity.

    Above 0 for mutual nearest neighbours. An entity without counterpart still has a nearest neighbour, but this one
    is mostly nearer to another entity, so that the margin is below 0 however high the score is.

    Args:
        pairs: left and right rows, int64 ``[P, 2]``.
        scores: of the pairs, ``[P]``, by the same measure as ``nearest``.
        nearest: the k best answers of some entities of a side.

    Returns:
        Margins, float32 ``[P]``, in [-8, 8].
    """
    margins = np.full(len(pairs), LARGEST_MARGIN, np.float32)
    for column, side in enumerate(("left", "right")):
        rows, places = np.unique(pairs[:, column], return_inverse=True)
        if len(rows):
            tops = nearest(rows, 2, side)
            margins = np.minimum(margins, scores - rival_scores(tops, places, pairs[:, 1 - column]))
    clipped: FloatArray = np.clip(margins, -LARGEST_MARGIN, LARGEST_MARGIN).astype(np.float32)
    return clipped


def rival_scores(tops: Neighbors, places: IntArray, partners: IntArray) -> FloatArray:
    """Best score that an entity has with anybody but its partner, ``[P]``; -inf where there is nobody else.

    Args:
        tops: the two best answers of each entity, ``[Q, 2]``.
        places: row of ``tops`` for each pair, ``[P]``.
        partners: answer that is left out, ``[P]``.
    """
    first = tops.ids[places, 0] == partners
    scores: FloatArray = np.where(first, tops.scores[places, 1], tops.scores[places, 0])
    return scores


@dataclass(frozen=True)
class HeldOut:
    """Best answers of linked entities whose truth is known: each link asks twice.

    Once as it is, once with its counterpart taken out of the candidates; what is then the best answer must be wrong, as
    it is for an entity that has no counterpart.

    Args:
        margins: see ``pair_margins``, float32 ``[S]``.
        right: whether the answer is the counterpart, bool ``[S]``.
        present: whether the counterpart was among the candidates, bool ``[S]``.

    Raises:
        InputError: lengths or types differ, an answer is right without a counterpart, or a margin is not finite.
    """

    margins: FloatArray
    right: BoolArray
    present: BoolArray

    def __post_init__(self) -> None:
        fine = self.margins.shape == self.right.shape == self.present.shape == (len(self.margins),)
        if not fine or self.right.dtype != np.bool_ or self.present.dtype != np.bool_:
            raise InputError("expected margins [S] and as many booleans for right and present")
        if (self.right & ~self.present).any() or not np.isfinite(self.margins).all():
            raise InputError("expected finite margins, and no right answer without a counterpart")

    def weights(self, share: float) -> FloatArray:
        """Weights ``[S]`` under which the sample stands for entities of which ``share`` have a counterpart; sum 1."""
        present = max(int(self.present.sum()), 1)
        absent = max(len(self.present) - present, 1)
        weights: FloatArray = np.where(self.present, share / present, (1 - share) / absent)
        return weights


def hold_out(links: IntArray, nearest: Nearest, *, csls_k: int = 0, means: Means | None = None) -> HeldOut:
    """Ask for the counterpart of each link's left entity, with it and without it among the candidates.

    Without it the CSLS mean of the asking entity is another one, too; it is taken over the ten answers listed.

    Args:
        links: held-out links, int64 ``[L, 2]``.
        nearest: the k best answers of some entities of a side.
        csls_k: neighbourhood of CSLS, 0 = scores are cosines.
        means: CSLS means of all left and right entities, where ``csls_k`` > 0.
    """
    rows, gold = links[:, 0], links[:, 1]
    found = nearest(rows, LISTED, "left")
    ids, scores = found.ids, found.scores
    is_gold = ids == gold[:, None]
    others = np.where(is_gold | (ids < 0), -np.inf, scores).astype(np.float32)
    if csls_k and means is not None:
        cosines = np.where(ids >= 0, (scores + means[0][rows, None] + means[1][ids]) / 2, np.nan)
        gone = _top_mean(cosines, csls_k) - _top_mean(np.where(is_gold, np.nan, cosines), csls_k)
        others = (others + gone[:, None]).astype(np.float32)
    order = np.argsort(-others, axis=1, kind="stable")
    ids, others = np.take_along_axis(ids, order, axis=1), np.take_along_axis(others, order, axis=1)
    there = np.isfinite(others[:, 0])  # else the counterpart was the only candidate
    margins = [
        best_margins(rows, found, nearest),
        best_margins(rows[there], Neighbors(ids[there], others[there]), nearest),
    ]
    present = np.repeat([True, False], [len(rows), int(there.sum())])
    right = np.zeros(len(present), bool)
    right[: len(rows)] = found.ids[:, 0] == gold
    return HeldOut(np.concatenate(margins), right, present)


def best_margins(rows: IntArray, answers: Neighbors, nearest: Nearest) -> FloatArray:
    """Margins of the best answers of left entities, float32 ``[Q]``; see ``pair_margins``.

    Args:
        rows: the entities, ``[Q]``.
        answers: their two best answers or more, ``[Q, K]``.
        nearest: the k best answers of some entities of a side.
    """
    if len(rows) == 0:
        return np.empty(0, np.float32)
    asked, places = np.unique(answers.ids[:, 0], return_inverse=True)
    rivals = rival_scores(nearest(asked, 2, "right"), places, rows)
    margins = answers.scores[:, 0] - np.maximum(answers.scores[:, 1], rivals)
    clipped: FloatArray = np.clip(margins, -LARGEST_MARGIN, LARGEST_MARGIN).astype(np.float32)
    return clipped


def estimate_share(sample: HeldOut, margins: FloatArray) -> float:
    """Share of entities that have a counterpart, from the margins of their best answers alone.

    These are a mixture of the margins of held-out entities with and without their counterpart. A logistic curve between
    the two gives the likelihood ratio of each margin, expectation maximisation the share; no link of the
    entities asked about is needed. It assumes that entities without counterpart look like linked ones whose counterpart
    was taken away.

    Args:
        sample: held-out answers.
        margins: of the best answers of the entities asked about, ``[U]``.

    Returns:
        A share in [0.01, 0.99]; the share in the sample, a half, if nobody is asked about.

    Source:
        Saerens, Latinne and Decaestecker, Neural Computation 14(1), 2002.
    """
    share = 0.5
    if len(margins) == 0:
        return share
    curve = Calibration.fit(sample.margins, sample.present, sample.weights(share))
    odds = np.exp(np.clip(curve.slope * margins.astype(np.float64) + curve.intercept, -LARGEST_LOG, LARGEST_LOG))
    for _ in range(STEPS):
        share = float((share * odds / (share * odds + 1 - share)).mean())
    return float(np.clip(share, *SHARE_RANGE))


class Threshold(NamedTuple):
    """A least confidence, and what best answers from it on are worth on the held-out links.

    ``precision``, ``recall`` and ``f1`` in [0, 1] hold for the share of entities with a counterpart that was assumed.
    """

    value: float
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Counterparts:
    """What held-out links say about matches: confidences, and from which one on a match is to be believed.

    Args:
        sample: held-out answers.
        share: of the entities asked about that have a counterpart.
        estimated: whether ``share`` was estimated from their margins; else somebody said so.

    Raises:
        UsageError: a share outside [0, 1].
    """

    sample: HeldOut
    share: float
    estimated: bool

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise UsageError(f"the share of entities with a counterpart must be in 0..1, got {self.share}")

    @cached_property
    def calibration(self) -> Calibration:
        """From margins to the probability that a best answer is the counterpart."""
        return Calibration.fit(self.sample.margins, self.sample.right, self.sample.weights(self.share))

    def threshold(self, min_precision: float | None = None) -> Threshold:
        """The confidence with the best F1 on the held-out links, or the lowest with a wanted precision.

        Args:
            min_precision: in [0, 1]; of all answers from the threshold on, taken together.

        Raises:
            UsageError: ``min_precision`` is out of range, or no threshold reaches it; the message says what can be had.
        """
        if min_precision is not None and not 0 <= min_precision <= 1:
            raise UsageError(f"the least precision must be in 0..1, got {min_precision}")
        confidence, weights = self.calibration.predict(self.sample.margins), self.sample.weights(self.share)
        order = np.argsort(-confidence, kind="stable")
        ends = np.flatnonzero(np.diff(confidence[order], append=-1.0))  # equal confidences stand or fall together
        kept, right = (np.cumsum(each[order])[ends] for each in (weights, weights * self.sample.right))
        precision = np.divide(right, kept, out=np.zeros_like(right), where=kept > 0)
        recall = right / max(self.share, 1e-12)
        f1 = 2 * right / (kept + self.share)
        if min_precision is None:
            best = int(f1.argmax())
        elif (precision >= min_precision).any():
            best = int(np.flatnonzero(precision >= min_precision)[-1])
        else:
            best = int(precision.argmax())
            raise UsageError(
                f"no confidence reaches a precision of {min_precision} on the held-out links; the most is "
                f"{precision[best]:.3f}, from confidence {confidence[order][ends[best]]:.3f} on"
            )
        value = float(confidence[order][ends[best]])
        return Threshold(value, float(precision[best]), float(recall[best]), float(f1[best]))

    def as_dict(self) -> dict[str, Any]:
        """Values that JSON can hold."""
        columns = {name: getattr(self.sample, name).tolist() for name in ("margins", "right", "present")}
        return {"share": self.share, "estimated": self.estimated, **columns}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "Counterparts":
        """From what ``as_dict`` gave.

        Raises:
            InputError: a key is missing, or a value is of another kind.
        """
        try:
            sample = HeldOut(
                np.asarray(values["margins"], np.float32),
                np.asarray(values["right"], bool),
                np.asarray(values["present"], bool),
            )
            return Counterparts(sample, float(values["share"]), bool(values["estimated"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"expected held-out answers as they were saved, got {error!r}") from None


def _top_mean(values: FloatArray, k: int) -> FloatArray:
    """Mean of the k largest of each row, NaN left out; 0 where there is none."""
    largest = -np.sort(-values, axis=1)[:, :k]  # NaN comes last
    there = ~np.isnan(largest)
    means: FloatArray = np.where(there, largest, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return means
