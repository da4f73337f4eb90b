"""What the sub-commands print of a run: tables for people, one JSON object for programs."""

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..printing import json_safe, printable, show

if TYPE_CHECKING:
    from ..result.result import AlignmentResult


def print_json(values: Any) -> None:
    """Print one JSON object on one line."""
    text = json_safe(json.dumps(values, ensure_ascii=False))
    if printable(text, sys.stdout) != text:  # the terminal lacks a letter
        text = json.dumps(values)
    show(text)


def print_result(
    result: "AlignmentResult", as_json: bool, *, sample: int = 12, judged: Mapping[str, Any] | None = None
) -> None:
    """Print metrics, protocol and cost of a run.

    Args:
        result: the run.
        as_json: one JSON object instead of tables.
        sample: number of test entities shown with their best match; 0 = none, and no figures of the matching.
        judged: figures of ``judge_counterparts`` to be shown.
    """
    if as_json:
        print_json(_values(result, bool(sample), judged))
        return
    from ..report import counterparts_text, matches_table, metric_table

    if sample and len(result.links.test):
        show("A dozen test entities with their best match (correct answer in brackets where it is wrong):\n")
        show(matches_table(result.sample(sample)))
    if result.metrics:
        show(metric_table(result.metrics, {"protocol": result.protocol.describe()}))
    else:
        show("no test links, no metrics")
    if sample and (found := result.figures()):
        show(
            f"one-to-one matches among all entities: precision {found['precision']:.3f}, recall {found['recall']:.3f}, "
            f"F1 {found['f1']:.3f} on {found['links']:,} test links ({result.experiment.search.matcher})"
        )
    if judged is not None:
        show(counterparts_text(judged, matcher=result.experiment.search.matcher))
    print_cost(result.record.seconds, result.record.peak_rss_mb)


def print_cost(seconds: Mapping[str, float], peak_rss_mb: float | None) -> None:
    """Print the seconds of each phase and the peak memory on one line."""
    spent = "  ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
    show(f"{spent}   peak memory {peak_rss_mb} MB")


def _values(result: "AlignmentResult", matched: bool, judged: Mapping[str, Any] | None) -> dict[str, Any]:
    record = result.record
    training = ("epochs", "best_epoch", "rounds", "best_round")
    return {
        "protocol": result.protocol.as_dict(),
        "test": dict(result.metrics),
        "matching": result.figures() if matched else {},
        **({} if judged is None else {"counterparts": judged}),
        "seconds": {name: round(value, 3) for name, value in record.seconds.items()},
        "peak_rss_mb": record.peak_rss_mb,
        "training": {key: record.protocol[key] for key in training if key in record.protocol},
    }
