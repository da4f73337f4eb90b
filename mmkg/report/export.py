"""Links in the formats others read: one writer for each, by its name."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..data.formats.parquet import write_rows
from ..data.links.jsonl import json_lines
from ..data.links.oaei import Cell, write_oaei
from ..data.links.sssom import CLOSE_MATCH, SAME_AS, SssomMapping, sssom_lines
from ..errors import UsageError, nearest
from .links import COLUMNS, Link, to_ntriples, to_tsv, write_lines

if TYPE_CHECKING:
    from ..data.entities import EntityTable
    from ..matching.matching import Matching


@dataclass(frozen=True)
class Export:
    """Links, and who has none.

    Args:
        links: that are believed.
        same_as: least confidence of ``owl:sameAs`` in SSSOM and N-Triples, the others are ``skos:closeMatch``; a link
            without confidence is one of them. ``None`` = all are ``owl:sameAs``.
        unmatched: label and display text of the left and of the right entities without a link; SSSOM lists them.
        identifier: IRI of the mapping set in SSSOM.
    """

    links: Sequence[Link]
    same_as: float | None = None
    unmatched: tuple[Sequence[tuple[str, str]], Sequence[tuple[str, str]]] = ((), ())
    identifier: str = "urn:mmkg:alignment"

    def is_same(self, link: Link) -> bool:
        """Whether a link is ``owl:sameAs``."""
        return self.same_as is None or (link.confidence is not None and link.confidence >= self.same_as)

    def mappings(self) -> list[SssomMapping]:
        """Links, then the left, then the right entities that have none."""
        linked = [
            SssomMapping(
                link.left,
                link.right,
                SAME_AS if self.is_same(link) else CLOSE_MATCH,
                link.confidence,
                link.left_label,
                link.right_label,
            )
            for link in self.links
        ]
        left = [SssomMapping(label, None, left_label=shown) for label, shown in self.unmatched[0]]
        return linked + left + [SssomMapping(None, label, right_label=shown) for label, shown in self.unmatched[1]]


def unmatched_of(
    left: "EntityTable", right: "EntityTable", matching: "Matching"
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Label and display text of the entities of both graphs that are in no pair."""
    sides = []
    for table, rows in ((left, matching.left), (right, matching.right)):
        linked = set(rows.tolist())
        sides.append([(table.labels[k], table.display[k]) for k in range(len(table.labels)) if k not in linked])
    return sides[0], sides[1]


def _jsonl(export: Export) -> Iterator[str]:
    return iter(json_lines(link._asdict() for link in export.links))


# formats that are text: lines with their newlines
LINES: Mapping[str, Callable[[Export], Iterator[str]]] = {
    "tsv": lambda export: to_tsv(export.links),
    "nt": lambda export: to_ntriples(export.links, is_same=export.is_same),
    "sssom": lambda export: sssom_lines(export.mappings(), identifier=export.identifier),
    "jsonl": _jsonl,
}
FORMATS = (*LINES, "parquet", "oaei")


def write_links(path: str | Path, export: Export, form: str) -> int:
    """Write links, whole or not at all.

    Parquet has the columns of the TSV, score and confidence as numbers. An OAEI alignment has the confidence as
    measure, 1 where there is none.

    Args:
        path: the file.
        export: what to write.
        form: name in ``FORMATS``.

    Returns:
        Number of links.

    Raises:
        UsageError: no such format.
        InputError: a text or number that the format cannot hold.
        MissingPackageError: the format needs a package that is not installed.
    """
    if form not in FORMATS:
        raise UsageError(f"unknown format {form!r}; {nearest(form, FORMATS)}")
    if form in LINES:
        write_lines(path, LINES[form](export))
    elif form == "parquet":
        write_rows(Path(path), COLUMNS, export.links, numbers=("score", "confidence"), optional=COLUMNS[4:])
    else:
        sure = ((link, 1.0 if link.confidence is None else link.confidence) for link in export.links)
        write_oaei(path, (Cell(link.left, link.right, "=", measure) for link, measure in sure))
    return len(export.links)
