"""Files that can be downloaded: the matches after all decisions, and the decisions."""

from collections.abc import Iterator

from ..data.links.export import Export
from ..data.links.formats import link_format
from ..decisions.sssom import decision_lines
from ..report.export import rejected_of, unmatched_of
from .served import Served

TEXT = "text/tab-separated-values"
MEDIA = {
    "matches.tsv": TEXT,
    "matches.sssom.tsv": TEXT,
    "matches.nt": "application/n-triples",
    "decisions.sssom.tsv": TEXT,
}
_FORMATS = {"matches.tsv": "tsv", "matches.sssom.tsv": "sssom", "matches.nt": "nt"}
BLOCK = 500  # lines that are sent at a time


def download(served: Served, name: str) -> Iterator[bytes]:
    """A file in blocks of lines."""
    if name == "decisions.sssom.tsv":
        sides = served.view.sides
        shown = (
            [dict(zip(side.table.labels, side.table.display, strict=True)) for side in sides] if _few(served) else []
        )
        names = (lambda side, label: shown[side].get(label, "")) if shown else None
        return _blocks(decision_lines(served.store.all(), names))
    lines = link_format(_FORMATS[name]).lines
    assert lines is not None
    return _blocks(lines(_export(served)))


def _few(served: Served) -> bool:
    """Whether the names of all entities may be looked up."""
    return sum(map(len, served.view.sides)) <= 1_000_000


def _export(served: Served) -> Export:
    """The links of the run with decisions, as ``mmkg match --decisions`` writes them."""
    result = served.decided()

    def compute() -> Export:
        threshold = result.threshold()
        matching = result.linked(threshold=threshold)
        return Export(
            list(result.export(matching)),
            result.same_as_threshold(threshold),
            unmatched_of(*result.entities, matching),
            rejected=rejected_of(*result.entities, result.never),
        )

    return served.once("the file of matches", compute, served.said().number)


def _blocks(lines: Iterator[str]) -> Iterator[bytes]:
    block: list[str] = []
    for line in lines:
        block.append(line)
        if len(block) == BLOCK:
            yield "".join(block).encode(errors="backslashreplace")
            block = []
    yield "".join(block).encode(errors="backslashreplace")
