"""Links on their way into a table: columns and rows, shared by TSV, CSV, JSON Lines and Parquet."""

import math
from collections.abc import Iterable, Iterator

from ...errors import InputError
from ..parsing.tables import LINKS
from .export import Export, Link

NUMBERS = ("score", "confidence")
OPTIONAL = ("confidence", "left_label", "right_label")  # columns that may be empty

Row = tuple[str | float | None, ...]


def link_table(export: Export) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Columns and rows of links.

    The columns are the fields of ``Link``, or those of known links: left, right and, with a split, part.

    Raises:
        InputError: while the rows are read, see ``checked_links``.
    """
    if export.scored:
        return Link._fields, checked_links(export.links)
    if export.parts is None:
        return LINKS[:2], (link[:2] for link in export.links)
    return LINKS, ((*link[:2], part) for link, part in zip(export.links, export.parts, strict=True))


def checked_links(links: Iterable[Link]) -> Iterator[Link]:
    """The same links.

    Raises:
        InputError: a score is not finite, or a confidence is not in [0, 1].
    """
    for link in links:
        finite = link.score is not None and math.isfinite(link.score)
        if not finite or not (link.confidence is None or 0 <= link.confidence <= 1):
            raise InputError(
                f"expected a finite score and a confidence in [0, 1], got {link.score} and {link.confidence} "
                f"for {link.left!r} = {link.right!r}"
            )
        yield link


def number_text(number: float | None) -> str:
    """A number with nine significant digits, which hold every float32; "" for ``None``."""
    return "" if number is None else f"{number:.9g}"
