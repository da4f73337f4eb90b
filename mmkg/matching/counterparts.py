"""Confidence of matches, and entities without a counterpart: calibrated on held-out links."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..compute.host import isolated_class
from ..errors import InputError, UsageError
from ..records import Record
from ..typing import FloatArray
from .confidence import Calibration
from .held_out import HeldOut
from .promise import CERTAINTY, bounds, links_for
from .share import SHARE_RANGE, estimate_share

ENOUGH = 50  # held-out links from which on confidences are not rough
NEAR_MOST = 0.03  # below the largest bound of all thresholds, where a bound counts as about as large
TYPICAL = np.linspace(0.05, 0.95, 10)  # quantiles of matches at which a rough curve is held
SOURCES = {"validation": "validation links", "folds": "links held out in folds"}


class Threshold(NamedTuple):
    """A confidence threshold, and the expected figures of the best candidates above it.

    ``precision``, ``recall`` and ``f1`` in [0, 1] hold for the assumed share of entities with a counterpart. ``bound``
    is the precision that held-out links promise with 95 % certainty, see ``bounds``; 0 without links.
    """

    value: float
    precision: float
    recall: float
    f1: float
    bound: float = 0.0


class Promise(NamedTuple):
    """What held-out links say of the links above the threshold of a least precision.

    Args:
        wanted: that precision.
        promised: whether the lower bound reaches it.
        lower_bound: the precision that held-out links promise with 95 % certainty.
        expected: the expected precision.
        text: all of this in one line.
    """

    wanted: float
    promised: bool
    lower_bound: float
    expected: float
    text: str


class _Thresholds(NamedTuple):
    """Thresholds in descending order, and the fields of ``Threshold`` of each, all ``[T]``."""

    value: FloatArray
    precision: FloatArray
    recall: FloatArray
    f1: FloatArray
    bound: FloatArray

    def at(self, place: int) -> Threshold:
        """One of them."""
        return Threshold(*(float(column[place]) for column in self))


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
        interval: 95 % interval of an estimated share; ``None`` = not known.
        judged: best candidates that people decided about. They correct the curve, and promise no precision, because
            they are no random sample.

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
    interval: tuple[float, float] | None = None
    judged: HeldOut | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise UsageError(f"the share of entities with a counterpart must be in 0..1, got {self.share}")
        if (len(self.sample.margins) if self.prior is None else len(self.answers)) == 0:
            raise InputError("expected held-out entities, or a rough curve and the margins of some answers")
        if self.source not in SOURCES or not np.isfinite(self.answers).all():
            raise InputError(f"expected finite margins, and {' or '.join(SOURCES)} as source, got {self.source!r}")

    @staticmethod
    def of(
        sample: HeldOut,
        prior: Calibration,
        answers: FloatArray,
        *,
        share: float | None = None,
        source: str,
        seed: int = 0,
        judged: HeldOut | None = None,
    ) -> "Counterparts":
        """From held-out entities and a rough curve.

        Args:
            sample: held-out entities, or none.
            prior: the rough curve.
            answers: margins of the best candidates of some entities in question, ``[U]``, U >= 1.
            share: share of these entities that have a counterpart; ``None`` = estimated, see ``estimate_share``.
            source: where the held-out links come from.
            seed: random seed of the interval of an estimated share.
            judged: best candidates that people decided about.
        """
        if share is not None:
            return Counterparts(sample, share, False, prior, answers, source, judged=judged)
        found = estimate_share(sample.others if len(sample.others) else answers, sample, prior, seed=seed)
        return Counterparts(sample, found.value, True, prior, answers, source, (found.low, found.high), judged)

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
        by = "" if self.judged is None else f"; corrected by {len(self.judged.margins):,} decisions"
        return self._source_text() + by

    def _source_text(self) -> str:
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

        Held-out entities are weighted so that they represent the ``share``: those without their counterpart stand for
        entities that have none.
        """
        sample = self.sample
        if self.prior is None and self.judged is None:
            return Calibration.fit(sample.margins, sample.right, sample.weights(self.share))
        weights = sample.weights(self.share) * self.num_links / max(self.share, SHARE_RANGE[0])
        margins, right = sample.margins, sample.right
        if self.judged is not None:  # each counts as one entity in question
            margins, right = np.concatenate([margins, self.judged.margins]), np.concatenate([right, self.judged.right])
            weights = np.concatenate([weights, np.ones(len(self.judged.margins))])
        if self.prior is None:
            return Calibration.fit(margins, right, weights)
        matches = self.answers[self.answers > 0]
        typical = np.quantile(matches if len(matches) else self.answers, TYPICAL)
        return Calibration.combined(self.prior, typical, margins, right, weights)

    def threshold(self, min_precision: float | None = None) -> Threshold:
        """The threshold with the best F1, or the lowest one at which held-out links promise a given precision.

        Precision and recall are expected values: confidences of the ``answers`` count as their share of right ones.
        Without a ``prior`` they are those of the held-out links. A precision that the held-out links cannot promise is
        expected only: the threshold is then the lowest one that is expected to reach it, and not below those at which
        the links promise about the most they can. ``promise`` says so.

        Args:
            min_precision: precision in [0, 1] over all candidates at or above the threshold.

        Raises:
            UsageError: ``min_precision`` is out of range, or no threshold reaches it; the message contains the highest
                precision.
        """
        if min_precision is not None and not 0 <= min_precision <= 1:
            raise UsageError(f"the least precision must be in 0..1, got {min_precision}")
        found = self._thresholds
        if min_precision is None:
            return found.at(int(found.f1.argmax()))
        if (found.bound >= min_precision).any():
            return found.at(int(np.flatnonzero(found.bound >= min_precision)[-1]))
        reached = np.flatnonzero(found.precision >= min_precision)
        if len(reached) == 0:
            best = found.at(int(found.precision.argmax()))
            raise UsageError(
                f"no confidence reaches a precision of {min_precision}; the highest is {best.precision:.3f}, from "
                f"confidence {best.value:.3f} ({self.text()})"
            )
        most = np.flatnonzero(found.bound >= found.bound.max() - NEAR_MOST)  # without links all of them
        return found.at(int(min(reached[-1], most[-1])))

    @property
    def _least_share(self) -> float:
        return self.share if self.interval is None else self.interval[0]

    @cached_property
    def _thresholds(self) -> "_Thresholds":
        """All thresholds, and the figures of the answers at or above each."""
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
        values = confidence[order][ends]
        return _Thresholds(
            values,
            precision=np.divide(right, kept, out=np.zeros_like(right), where=kept > 0),
            recall=right / max(share, 1e-12),
            f1=2 * right / (kept + share),
            bound=bounds(self.sample, self._least_share, self.calibration.predict(self.sample.margins), values),
        )

    def promise(self, min_precision: float, kept: int) -> Promise:
        """What is promised of the links above the threshold of a least precision.

        Args:
            min_precision: the precision, in [0, 1].
            kept: number of links that are kept.
        """
        chosen = self.threshold(min_precision)
        promised, text = chosen.bound >= min_precision, self._promise_text(chosen, min_precision, kept)
        return Promise(min_precision, promised, chosen.bound, chosen.precision, text)

    def _promise_text(self, chosen: Threshold, min_precision: float, kept: int) -> str:
        expected = f"expected precision {chosen.precision:.3f}"
        certainty = f"with {CERTAINTY:.0%} certainty"
        held = f"{self.num_links:,} {SOURCES[self.source]}"
        least = f"lower bound {chosen.bound:.3f}"
        if chosen.bound >= min_precision:
            return f"precision {min_precision:g} is promised {certainty} by {held}: {least}, {expected}"
        if self.num_links == 0:
            return f"precision {min_precision:g} is expected and not promised, no known link judges it: {expected}"
        needed = f"; it needs {links_for(min_precision, self._least_share):,} or more" if 0 < min_precision < 1 else ""
        most = f"{held} promise at most {self._thresholds.bound.max():.3f}{needed}"
        kept_links = f"keeping the {kept:,} surest links, {expected}, {least}"
        return f"precision {min_precision:g} cannot be promised {certainty}: {most}; {kept_links}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        columns = {name: getattr(self.sample, name).tolist() for name in ("margins", "right", "present")}
        values = {"share": self.share, "estimated": self.estimated, **columns, "curve": self.calibration.as_dict()}
        if len(self.sample.others):
            values["others"] = self.sample.others.tolist()
        if self.interval is not None:
            values["interval"] = list(self.interval)
        if self.judged is not None:
            values["judged"] = {"margins": self.judged.margins.tolist(), "right": self.judged.right.tolist()}
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
                np.asarray(values.get("others", ()), np.float32),
            )
            more: dict[str, Any] = {}
            if values.get("interval") is not None:
                low, high = map(float, values["interval"])
                more["interval"] = (low, high)
            if values.get("judged") is not None:
                right = np.asarray(values["judged"]["right"], bool)
                more["judged"] = HeldOut(np.asarray(values["judged"]["margins"], np.float32), right, right)
            if values.get("prior") is not None:
                more |= {"prior": Calibration.from_dict(values["prior"]), "source": str(values["source"])}
                more["answers"] = np.asarray(values["answers"], np.float32)
            found = Counterparts(sample, float(values["share"]), bool(values["estimated"]), **more)
            if values.get("curve") is not None:  # else it is fitted when it is used
                vars(found)["calibration"] = Calibration.from_dict(values["curve"])
            return found
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"expected the saved held-out entities, got {error!r}") from None
