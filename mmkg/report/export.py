"""Matches on their way out of the library: links with labels and confidences, and entities without a link."""

from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

from ..data.links.delimited import to_tsv
from ..data.links.export import Link
from ..data.links.ntriples import to_ntriples
from ..data.texts.labels import Labels
from ..files import write_lines

if TYPE_CHECKING:
    from ..data.entities import EntityTable
    from ..matching.matching import Matching
    from ..typing import IntArray


def links_of(left: "EntityTable", right: "EntityTable", matching: "Matching") -> Iterator[Link]:
    """The pairs of a matching with the labels of their entities, in its order."""
    confidences = repeat(None) if matching.confidence is None else matching.confidence.tolist()
    sides = ((left, matching.left), (right, matching.right))
    labels = (Labels.of(table.labels).take(rows) for table, rows in sides)
    display = (Labels.of(table.display).take(rows) for table, rows in sides)
    yield from map(Link, *labels, matching.score.tolist(), confidences, *display)


def rejected_of(left: "EntityTable", right: "EntityTable", never: "IntArray") -> list[Link]:
    """Pairs that are known to be wrong, int64 ``[W, 2]``, with the labels of their entities."""
    ends = never.tolist()
    return [Link(left.labels[i], right.labels[j], None, None, left.display[i], right.display[j]) for i, j in ends]


def unmatched_of(
    left: "EntityTable", right: "EntityTable", matching: "Matching"
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Label and display text of the entities of both graphs that are in no pair, without context."""
    sides = []
    for table, rows in ((left, matching.left), (right, matching.right)):
        alone = ~table.context
        alone[rows] = False
        sides.append(list(zip(Labels.of(table.labels).take(alone), Labels.of(table.display).take(alone), strict=True)))
    return sides[0], sides[1]


def write_tsv(path: str | Path, links: Iterable[Link]) -> int:
    """Write links as TSV, whole or not at all; returns their number. Raises as `to_tsv` does."""
    return write_lines(path, to_tsv(links)) - 1


def write_ntriples(path: str | Path, links: Iterable[Link]) -> int:
    """Write links as N-Triples, whole or not at all; returns their number."""
    return write_lines(path, to_ntriples(links))
