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
    from ..report import counterparts_text, matches_table, matching_text, metric_table

    if sample and len(result.links.test):
        show("A dozen test entities with their best match (correct answer in brackets where it is wrong):\n")
        show(matches_table(result.sample(sample)))
    if result.metrics:
        protocol = result.protocol
        show(metric_table(result.metrics, {"protocol": protocol.describe()}, links=protocol.num_ranked))
    else:
        show("no test links, no metrics")
    if sample and (found := result.figures()):
        show(matching_text(found, result.experiment.search.matcher))
    if judged is not None:
        show(counterparts_text(judged, matcher=result.experiment.search.matcher))
    print_cost(result.record.seconds, result.record.peak_rss_mb)


def print_cost(seconds: Mapping[str, float], peak_rss_mb: float | None) -> None:
    """Print the seconds of each phase and the peak memory on one line."""
    spent = "  ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
    show(f"{spent}   peak memory {peak_rss_mb} MB")


def _values(result: "AlignmentResult", matched: bool, judged: Mapping[str, Any] | None) -> dict[str, Any]:
    from ..evaluation import counted_matching, counted_metrics

    record, figures = result.record, result.figures() if matched else {}
    training = ("epochs", "best_epoch", "rounds", "best_round")
    return {
        "protocol": result.protocol.as_dict(),
        "test": dict(result.metrics),
        "matching": figures,
        "intervals": {
            "test": counted_metrics(result.metrics, result.protocol.num_ranked),
            "matching": counted_matching(figures),
        },
        **({} if judged is None else {"counterparts": judged}),
        "seconds": {name: round(value, 3) for name, value in record.seconds.items()},
        "peak_rss_mb": record.peak_rss_mb,
        "training": {key: record.protocol[key] for key in training if key in record.protocol},
    }
