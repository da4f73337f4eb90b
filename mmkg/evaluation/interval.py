"""Exact intervals of shares; figures of few links as counts with an interval."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import InputError

FEW = 50  # figures of fewer links are shown as counts with an interval
LEVEL = 0.95


class Interval(NamedTuple):
    """Ends of an interval of a share, in [0, 1]."""

    low: float
    high: float

    def text(self) -> str:
        """The interval with two decimals, rounded outwards to 0 and 1 only if it reaches them: ``.40 to 1``."""
        return f"{_end(self.low)} to {_end(self.high)}"


def clopper_pearson(right: int, number: int, level: float = LEVEL) -> Interval:
    """Exact interval of the share of right answers, from the number of right ones.

    Whatever the true share is, at least ``level`` of such intervals contain it.

    Args:
        right: number of right answers, in 0..``number``.
        number: number of answers; the interval of none is 0 to 1.
        level: in (0, 1).

    Raises:
        InputError: more right answers than answers, a negative number, or a level out of range.

    Source:
        Clopper and Pearson, Biometrika 26(4), 1934.
    """
    if not 0 <= right <= number:
        raise InputError(f"expected 0 to {number} right answers, got {right}")
    if not 0 < level < 1:
        raise InputError(f"the level of an interval must be in (0, 1), got {level}")
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(right, number - right + 1, tail)) if right > 0 else 0.0
    high = float(betaincinv(right + 1, number - right, 1 - tail)) if right < number else 1.0
    return Interval(low, high)


def counted(share: float, number: int) -> dict[str, Any]:
    """A share of answers as plain values for JSON: how many are ``right`` ``of`` how many, and the ``interval``."""
    right = round(share * number)
    return {"right": right, "of": number, "interval": list(clopper_pearson(right, number))}


def counted_metrics(metrics: Mapping[str, Mapping[str, float]], number: int) -> dict[str, dict[str, Any]]:
    """``counted`` of each Hits@k, by direction; a mean has no count.

    Args:
        metrics: figures by direction and name.
        number: number of links that were ranked.
    """
    return {
        direction: {name: counted(share, number) for name, share in figures.items() if name.startswith("hits@")}
        for direction, figures in metrics.items()
    }


def counted_matching(figures: Mapping[str, float]) -> dict[str, Any]:
    """``counted`` precision and recall of ``matching_figures``; empty without figures."""
    sizes = {"precision": "found", "recall": "links"}
    return {name: counted(figures[name], int(figures[size])) for name, size in sizes.items() if name in figures}


def count_text(right: int, number: int) -> str:
    """``4 of 4 (.40 to 1)``: right answers, answers, and the 95 % interval of their share."""
    return f"{right:,} of {number:,} ({clopper_pearson(right, number).text()})"


def _end(share: float) -> str:
    text = f"{share:.2f}"
    if text == "1.00":
        return "1" if share == 1 else ".99"
    return ("0" if share == 0 else ".01") if text == "0.00" else text.removeprefix("0")
