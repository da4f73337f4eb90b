"""Confidence of matches, and entities without a counterpart: calibrated on held-out links."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..compute.host import isolated_class
from ..errors import InputError, UsageError
from ..records import Record
from ..search.neighbors import Neighbors
from ..typing import BoolArray, FloatArray, IntArray
from .confidence import Calibration

if TYPE_CHECKING:
    from .candidates import Means

Nearest = Callable[[IntArray, int, str], Neighbors]  # rows of a side, k, side -> the k best rows of the other side
LISTED = 10  # candidates of a held-out entity, its counterpart included
LARGEST_MARGIN = 8.0  # CSLS is in [-4, 4]; also the margin of a pair without a competitor
ENOUGH = 50  # held-out links from which on confidences are not rough
DECOY_WEIGHT = 0.2  # of held-out entities without their counterpart, which are harder than those that have none
TYPICAL = np.linspace(0.05, 0.95, 10)  # quantiles of matches at which a rough curve is held
SHARE_RANGE = (0.01, 0.99)  # range of an estimated share
SOURCES = {"validation": "validation links", "folds": "links held out in folds"}


def pair_margins(pairs: IntArray, scores: FloatArray, nearest: Nearest) -> FloatArray:
    """Margin of each pair: its score minus the best competing score of its left and of its right entity.

    The margin of mutual nearest neighbours is above 0. An entity without a counterpart has a nearest neighbour too,
    but this neighbour is usually nearer to another entity, so that the margin is below 0 even if the score is high.

    Args:
        pairs: left and right rows, int64 ``[P, 2]``.
        scores: scores of the pairs, ``[P]``, by the same measure as ``nearest``.
        nearest: returns the k best candidates of some entities of a side.

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
    """Best score of an entity with a candidate other than its partner, ``[P]``; -inf without such a candidate.

    Args:
        tops: the two best candidates of each entity, ``[Q, 2]``.
        places: row of ``tops`` for each pair, ``[P]``.
        partners: the candidate to leave out, ``[P]``.
    """
    first = tops.ids[places, 0] == partners
    scores: FloatArray = np.where(first, tops.scores[places, 1], tops.scores[places, 0])
    return scores


@dataclass(frozen=True, eq=False, repr=False)
class HeldOut(Record):
    """Best candidates of entities whose counterpart is known; each held-out link gives two of them.

    One is the best of all candidates, one the best after the counterpart was removed. The latter is wrong, as the best
    candidate of an entity without a counterpart is.

    Args:
        margins: see ``pair_margins``, float32 ``[S]``.
        right: whether the best candidate is the counterpart, bool ``[S]``.
        present: whether the counterpart was among the candidates, bool ``[S]``.

    Raises:
        InputError: lengths or types differ, an entry is right without a counterpart, or a margin is not finite.
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
        """Weights ``[S]``, sum 1, with which the sample represents entities of which ``share`` have a counterpart."""
        present = max(int(self.present.sum()), 1)
        absent = max(len(self.present) - present, 1)
        weights: FloatArray = np.where(self.present, share / present, (1 - share) / absent)
        return weights


def hold_out(links: IntArray, nearest: Nearest, *, csls_k: int = 0, means: "Means | None" = None) -> HeldOut:
    """Best candidates of the left entity of each link, with its counterpart among the candidates and without it.

    Removing the counterpart changes the CSLS mean of the left entity too; the new mean is taken over its ten best
    candidates.

    Args:
        links: held-out links, int64 ``[L, 2]``. A left entity in several of them is queried once; each of its
            counterparts is right, and all are removed.
        nearest: returns the k best candidates of some entities of a side.
        csls_k: neighbourhood size of CSLS, 0 = scores are cosines.
        means: CSLS means of all left and right entities, if ``csls_k`` > 0.

    Raises:
        InputError: no links.
    """
    if len(links) == 0:
        raise InputError("confidences are learnt from held-out links, got none")
    rows = links[np.sort(np.unique(links[:, 0], return_index=True)[1]), 0]
    most = int(np.bincount(links[:, 0]).max(initial=1))
    found = nearest(rows, LISTED + most - 1, "left")
    ids, scores = found.ids, found.scores
    is_gold = _are_links(rows, ids, links)
    others = np.where(is_gold | ~found.present, -np.inf, scores).astype(np.float32)
    if csls_k and means is not None:
        cosines = np.where(found.present, (scores + means[0][rows, None] + means[1][ids]) / 2, np.nan)
        change = _top_mean(cosines, csls_k) - _top_mean(np.where(is_gold, np.nan, cosines), csls_k)
        others = (others + change[:, None]).astype(np.float32)
    order = np.argsort(-others, axis=1, kind="stable")
    ids, others = np.take_along_axis(ids, order, axis=1), np.take_along_axis(others, order, axis=1)
    ids = np.where(np.isfinite(others), ids, -1)
    others_exist = ids[:, 0] >= 0  # else the counterpart was the only candidate
    margins = [
        best_margins(rows, found, nearest),
        best_margins(rows[others_exist], Neighbors(ids[others_exist], others[others_exist]), nearest),
    ]
    present = np.repeat([True, False], [len(rows), int(others_exist.sum())])
    right = np.zeros(len(present), bool)
    right[: len(rows)] = is_gold[:, 0]
    return HeldOut(np.concatenate(margins), right, present)


def _are_links(rows: IntArray, ids: IntArray, links: IntArray) -> BoolArray:
    """Whether (row, id) is a link, bool ``[Q, K]``."""
    size = int(max(ids.max(initial=0), links[:, 1].max(initial=0))) + 1
    found: BoolArray = np.isin(rows[:, None] * size + ids, links[:, 0] * size + links[:, 1]) & (ids >= 0)
    return found


def best_margins(rows: IntArray, answers: Neighbors, nearest: Nearest) -> FloatArray:
    """Margins of the best candidates of left entities, float32 ``[Q]``; see ``pair_margins``.

    An entity without a candidate, which an approximate index can give, has the margin -8.

    Args:
        rows: the entities, ``[Q]``.
        answers: their best candidates, at least two, ``[Q, K]``.
        nearest: returns the k best candidates of some entities of a side.
    """
    if len(rows) == 0:
        return np.empty(0, np.float32)
    found = np.full(len(rows), -LARGEST_MARGIN, np.float32)
    there = answers.present[:, 0]
    if there.any():
        best, places = np.unique(answers.ids[there, 0], return_inverse=True)
        rivals = rival_scores(nearest(best, 2, "right"), places, rows[there])
        margins = answers.scores[there, 0] - np.maximum(answers.scores[there, 1], rivals)
        found[there] = np.clip(margins, -LARGEST_MARGIN, LARGEST_MARGIN)
    return found


class Threshold(NamedTuple):
    """A confidence threshold, and the expected figures of the best candidates above it.

    ``precision``, ``recall`` and ``f1`` in [0, 1] hold for the assumed share of entities with a counterpart.
    """

    value: float
    precision: float
    recall: float
    f1: float


@isolated_class
@dataclass(frozen=True, eq=False, repr=False)
class Counterparts(Record):
    """Confidences of matches, and the confidence threshold for accepting them, learnt from held-out links or without.

    Args:
        sample: held-out entities; may be empty if there is a ``prior``.
        share: share of entities that have a counterpart.
        estimated: whether ``share`` was estimated from margins; else it was given.
        prior: rough curve from the matches of the run, which held-out links correct, see ``rough_curve``; ``None`` in
            runs of older versions, in which held-out links alone calibrate.
        answers: margins of the best candidates of some entities in question, float32 ``[U]``; with a ``prior`` only.
        source: where the held-out links come from, a key of ``SOURCES``.

    Raises:
        UsageError: a share outside [0, 1].
        InputError: neither held-out entities nor a rough curve, or an unknown source.
    """

    sample: HeldOut
    share: float
    estimated: bool
    prior: Calibration | None = None
    answers: FloatArray = field(default_factory=lambda: np.empty(0, np.float32))
    source: str = "validation"

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise UsageError(f"the share of entities with a counterpart must be in 0..1, got {self.share}")
        if (len(self.sample.margins) if self.prior is None else len(self.answers)) == 0:
            raise InputError("expected held-out entities, or a rough curve and the margins of some answers")
        if self.source not in SOURCES or not np.isfinite(self.answers).all():
            raise InputError(f"expected finite margins, and {' or '.join(SOURCES)} as source, got {self.source!r}")

    @staticmethod
    def of(
        sample: HeldOut, prior: Calibration, answers: FloatArray, *, share: float | None = None, source: str
    ) -> "Counterparts":
        """From held-out entities and a rough curve.

        Args:
            sample: held-out entities, or none.
            prior: the rough curve.
            answers: margins of the best candidates of some entities in question, ``[U]``, U >= 1.
            share: share of these entities that have a counterpart; ``None`` = estimated as their mean confidence by
                the rough curve.
            source: where the held-out links come from.
        """
        likely = float(np.clip(prior.predict(answers).mean(), *SHARE_RANGE))
        return Counterparts(sample, likely if share is None else share, share is None, prior, answers, source)

    @property
    def num_links(self) -> int:
        """Number of held-out links (more precisely, of their left entities)."""
        return int(self.sample.present.sum())

    @property
    def rough(self) -> bool:
        """Whether fewer than 50 held-out links calibrate."""
        return self.num_links < ENOUGH

    def text(self) -> str:
        """Where the confidences come from, in one line."""
        number, what = self.num_links, SOURCES[self.source]
        more = f"about {ENOUGH - number} known links more would calibrate it"
        if self.rough and number == 0:
            return f"confidence: rough, from the run's own matches without known links; {more}"
        if self.rough:
            own = "" if self.prior is None else "the run's own matches and "
            return f"confidence: rough, from {own}{number} {what}; {more}"
        return f"confidence: calibrated on {number:,} {what}"

    @cached_property
    def calibration(self) -> Calibration:
        """The probability that a best candidate is the counterpart, from its margin.

        Without a ``prior``, held-out entities are weighted so that they represent the ``share``. With it, those without
        their counterpart count a fifth of that: such an entity has its place taken by a similar one (a capital by its
        country) more often than an entity that never had a counterpart.
        """
        sample = self.sample
        if self.prior is None:
            return Calibration.fit(sample.margins, sample.right, sample.weights(self.share))
        matches = self.answers[self.answers > 0]
        typical = np.quantile(matches if len(matches) else self.answers, TYPICAL)
        absent = DECOY_WEIGHT * (1 - self.share) / max(self.share, SHARE_RANGE[0])
        weights = np.where(sample.present, 1.0, absent)
        return Calibration.combined(self.prior, typical, sample.margins, sample.right, weights)

    def threshold(self, min_precision: float | None = None) -> Threshold:
        """The threshold with the best F1, or the lowest one with a given precision.

        Precision and recall are expected values: confidences of the ``answers`` count as their share of right ones.
        Without a ``prior`` they are those of the held-out links.

        Args:
            min_precision: precision in [0, 1] over all candidates at or above the threshold.

        Raises:
            UsageError: ``min_precision`` is out of range, or no threshold reaches it; the message contains the highest
                precision.
        """
        if min_precision is not None and not 0 <= min_precision <= 1:
            raise UsageError(f"the least precision must be in 0..1, got {min_precision}")
        if self.prior is None:
            confidence, weights = self.calibration.predict(self.sample.margins), self.sample.weights(self.share)
            expected, share = weights * self.sample.right, self.share
        else:
            confidence = self.calibration.predict(self.answers)
            weights = np.full(len(confidence), 1 / len(confidence))
            expected = weights * confidence
            share = max(self.share, float(expected.sum()))
        order = np.argsort(-confidence, kind="stable")
        ends = np.flatnonzero(np.diff(confidence[order], append=-1.0))  # equal confidences are accepted together
        kept, right = (np.cumsum(each[order])[ends] for each in (weights, expected))
        precision = np.divide(right, kept, out=np.zeros_like(right), where=kept > 0)
        recall = right / max(share, 1e-12)
        f1 = 2 * right / (kept + share)
        if min_precision is None:
            best = int(f1.argmax())
        elif (precision >= min_precision).any():
            best = int(np.flatnonzero(precision >= min_precision)[-1])
        else:
            best = int(precision.argmax())
            raise UsageError(
                f"no confidence reaches a precision of {min_precision}; the highest is {precision[best]:.3f}, from "
                f"confidence {confidence[order][ends[best]]:.3f} ({self.text()})"
            )
        value = float(confidence[order][ends[best]])
        return Threshold(value, float(precision[best]), float(recall[best]), float(f1[best]))

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        columns = {name: getattr(self.sample, name).tolist() for name in ("margins", "right", "present")}
        values = {"share": self.share, "estimated": self.estimated, **columns, "curve": self.calibration.as_dict()}
        if self.prior is None:
            return values
        return values | {"prior": self.prior.as_dict(), "answers": self.answers.tolist(), "source": self.source}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "Counterparts":
        """From the values of ``as_dict``.

        Raises:
            InputError: a key is missing, or a value has another type.
        """
        try:
            sample = HeldOut(
                np.asarray(values["margins"], np.float32),
                np.asarray(values["right"], bool),
                np.asarray(values["present"], bool),
            )
            more: dict[str, Any] = {}
            if values.get("prior") is not None:
                more = {"prior": Calibration.from_dict(values["prior"]), "source": str(values["source"])}
                more["answers"] = np.asarray(values["answers"], np.float32)
            found = Counterparts(sample, float(values["share"]), bool(values["estimated"]), **more)
            if values.get("curve") is not None:  # else it is fitted when it is used
                vars(found)["calibration"] = Calibration.from_dict(values["curve"])
            return found
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"expected the saved held-out entities, got {error!r}") from None


def _top_mean(values: FloatArray, k: int) -> FloatArray:
    """Mean of the k largest values of each row, without NaN; 0 for a row of NaN."""
    largest = -np.sort(-values, axis=1)[:, :k]  # NaN comes last
    known = ~np.isnan(largest)
    means: FloatArray = np.where(known, largest, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return means
