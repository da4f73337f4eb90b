"""Curves of a training: loss and MRR on validation links, with the epoch or round that was chosen."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..result.answers import Answers

ROUND, EPOCH = "step", "epoch"


def training(result: Answers) -> dict[str, Any]:
    """The curves of a run.

    Returns:
        ``curves``, each with ``name``, ``axis`` (what x counts), ``x``, ``y``, ``chosen`` (the x that was kept, or
        ``None``) and ``unit``: ``loss``, or ``mrr``, which is in [0, 1]. Epochs count from 1, over all rounds.
    """
    history, course = list(result.history), result.record.protocol
    epochs = [row for row in history if ROUND not in row]
    rounds = [row for row in history if ROUND in row]
    several = len({row.get("round", 0) for row in epochs}) > 1
    best = None if several else course.get("best_epoch")
    found = [
        *_curves([(place + 1, row) for place, row in enumerate(epochs)], "epoch", best),
        *_curves([(row[ROUND], row) for row in rounds], "round of pseudo-links", course.get("best_round")),
    ]
    refined = course.get("refined_by") or {}
    if refined.get("valid"):
        values = [{"valid": value} for value in refined["valid"]]
        found += _curves(list(enumerate(values)), "round of refinement", refined.get("round"))
    return {"curves": found}


def _curves(points: Sequence[tuple[int, Mapping[str, Any]]], axis: str, chosen: Any) -> list[dict[str, Any]]:
    """Curves of the loss and of each MRR in some rows."""
    keys = dict.fromkeys(key for _, row in points for key in row if key in ("loss", "valid") or key.endswith("mrr"))
    found = []
    for key in sorted(keys, key=lambda key: key != "loss"):
        there = [(x, float(row[key])) for x, row in points if row.get(key) is not None]
        if not there:
            continue
        name = {"loss": "loss", "valid": "MRR on validation links"}.get(key, key.replace("_", " "))
        xs = [x for x, _ in there]
        found.append(
            {
                "name": name,
                "axis": axis,
                "x": xs,
                "y": [round(y, 5) for _, y in there],
                "chosen": chosen if isinstance(chosen, int) and xs[0] <= chosen <= xs[-1] else None,
                "unit": "loss" if key == "loss" else "mrr",
            }
        )
    return found
