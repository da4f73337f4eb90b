"""What the sub-commands print of a run: tables for people, one JSON object for programs."""

import json
import math
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ..printing import json_safe, printable, show

if TYPE_CHECKING:
    from ..result.answers import Answers
    from ..result.gold import Gold
    from ..result.result import AlignmentResult


def print_json(values: Any) -> None:
    """Print one JSON object on one line."""
    text = json_safe(json.dumps(values, ensure_ascii=False))
    if printable(text, sys.stdout) != text:  # the terminal lacks a letter
        text = json.dumps(values)
    show(text)


def print_result(
    result: "AlignmentResult",
    as_json: bool,
    *,
    sample: int = 12,
    judged: Mapping[str, Any] | None = None,
    gold: "Gold | None" = None,
) -> None:
    """Print metrics, protocol and cost of a run.

    Args:
        result: the run.
        as_json: one JSON object instead of tables.
        sample: number of test entities shown with their best match; 0 = none, and no figures of the matching.
        judged: figures of ``judge_counterparts`` to be shown.
        gold: the links that the run is judged by, if they are not its own; then the links it found are judged, too.
    """
    if as_json:
        print_json(_values(result, bool(sample), judged, gold))
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
    if gold is not None:
        show(matching_text(result.figures(result.linked()), f"confidence {result.threshold():.3f} or more"))
    if judged is not None:
        show(counterparts_text(judged, matcher=result.experiment.search.matcher))
    print_cost(result.record.seconds, result.record.peak_rss_mb)


def print_cost(seconds: Mapping[str, float], peak_rss_mb: float | None) -> None:
    """Print the seconds of each phase and the peak memory on one line."""
    spent = "  ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
    show(f"{spent}   peak memory {peak_rss_mb} MB")


def show_confidence(
    result: "Answers", *, all_links: bool = False, unsure: str = "", file: TextIO | None = None
) -> None:
    """Print where confidences come from, and how to get better ones, on one line.

    Args:
        result: the run.
        all_links: whether links of any confidence are wanted.
        unsure: what happens to links if there are no confidences and not all links are wanted.
        file: ``None`` = stdout.
    """
    learnt = result.counterparts
    if learnt is not None:
        show(f"{learnt.text()}{' (--links FILE)' if learnt.rough else ''}", file=file)
        return
    effect = "" if all_links or not unsure else f"; {unsure}, --threshold 0 takes all"
    show(f"{result.calibration.text()} (--links FILE){effect}", file=file)


def promise_of(result: "Answers", min_precision: float | None, kept: int) -> dict[str, Any] | None:
    """What is promised of the links above a least precision, as plain values, with a ``text`` of one line.

    Args:
        result: the run.
        min_precision: the precision that is wanted; ``None`` = none.
        kept: number of links that are kept.
    """
    if min_precision is None or result.counterparts is None:
        return None
    return result.counterparts.promise(min_precision, kept)._asdict()


def print_found(result: "AlignmentResult", out: Path | None) -> None:
    """Print how many links a run has found, how sure they are, where they are, and what can be done with them.

    Args:
        result: the run.
        out: its folder, if it has one.
    """
    summary = result.summary()
    where = "(--out FOLDER keeps them)" if out is None else f"-> {out / 'alignment.tsv'}"
    show(f"\n{summary.text()} {where}")
    show_confidence(result)
    if out is None:
        return
    folder = shlex.quote(str(out))
    sure = f" --threshold {math.floor(1000 * summary.same_as) / 1000:g}" if summary.sure else ""  # keeps all sure links
    show(
        f"next: mmkg match {folder}{sure} --format sssom, mmkg search {folder} "
        f"--entity NAME, mmkg review {folder}, or open {out / 'report.html'}"
    )


def _values(
    result: "AlignmentResult", matched: bool, judged: Mapping[str, Any] | None, gold: "Gold | None"
) -> dict[str, Any]:
    from ..evaluation import counted_matching, counted_metrics

    record, figures = result.record, result.figures() if matched else {}
    figures = figures if gold is None else result.figures(result.linked())
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
        **({} if gold is None else {"judged_by": gold.as_dict()}),
        **({"summary": result.summary().as_dict(), "confidence": result.calibration.text()} if matched else {}),
        "seconds": {name: round(value, 3) for name, value in record.seconds.items()},
        "peak_rss_mb": record.peak_rss_mb,
        **({"choice": choice} if (choice := record.protocol.get("choice")) else {}),
        "training": {key: record.protocol[key] for key in training if key in record.protocol},
    }
