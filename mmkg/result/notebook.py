"""What a notebook shows of a run."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..report.notebook import matches_html
from .scale import scaled

if TYPE_CHECKING:
    from .answers import Answers

SHOWN = 10  # links


def run_html(result: "Answers") -> str:
    """What a run has found, and its least sure links; without these where they would have to be searched first."""
    title = f"{result.description.get('name', 'alignment')} \u00b7 {result.experiment.model}"
    facts = ", ".join(f"{name} {value}" for name, value in result._facts().items() if name.startswith("Hits@1"))
    lines = [f"{len(result.left):,} left and {len(result.right):,} right entities; {', '.join(result.widths)}"]
    lines += [f"{facts} on links that were not learnt from"] if facts else []
    if not result.searcher.has_lists():
        return matches_html(title, lines, [])
    lines += [result.summary().text(), result.calibration.text()]
    found = list(_least_sure(result))
    lines += ["The least sure links:" if result.counterparts is not None else "Some links:"] if found else []
    return matches_html(title, lines, found)


def _least_sure(result: "Answers") -> Iterator[dict[str, Any]]:
    """Links that the run has found and was not given, the least sure first, for ``matches_html``."""
    linked = result.linked()
    found = linked.keep(~np.isin(linked.left, result.known[:, 0]))
    order = np.arange(len(found)) if found.confidence is None else np.argsort(found.confidence, kind="stable")
    pairs = found.pairs[order[:SHOWN]]
    if not len(pairs):
        return
    points, parts = scaled(result.shares(pairs), result.embeddings.is_exact(pairs))
    for place, (left, right) in enumerate(pairs.tolist()):
        yield {
            "left": result.entities[0].display[left],
            "right": result.entities[1].display[right],
            "score": float(points[place]),
            "confidence": None if found.confidence is None else float(found.confidence[order[place]]),
            "parts": {name: float(part[place]) for name, part in parts.items()},
        }
