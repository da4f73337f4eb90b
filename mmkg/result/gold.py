"""Links that a finished run is judged by: those of a file or of pairs of labels that it has not learnt from."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data.entities import EntityTable
from ..data.formats.frames import links_of_object
from ..data.links.between import links_between
from ..errors import InputError
from ..typing import IntArray


class Gold(NamedTuple):
    """Links to judge a run by.

    Args:
        links: rows of both graphs, int64 ``[L, 2]``, L >= 1.
        learnt: number of links that were left out because the run has learnt from them.
        unknown: links that were left out because a label is no entity of its graph.
        repeated: number of links that occur again, left out.
    """

    links: IntArray
    learnt: int
    unknown: list[tuple[str, str]]
    repeated: int

    def text(self) -> str:
        """What was left out, in one line."""
        parts = [f"{len(self.links):,} links to judge by"]
        if self.learnt:
            parts.append(f"{self.learnt:,} left out because the run has learnt from them")
        if self.unknown:
            left, right = self.unknown[0]
            parts.append(f"{len(self.unknown):,} left out because they name unknown entities, first {left} = {right}")
        if self.repeated:
            parts.append(f"{self.repeated:,} repeated")
        return "; ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """Counts for JSON."""
        left_out = {"learnt": self.learnt, "unknown": len(self.unknown), "repeated": self.repeated}
        return {"links": len(self.links)} | left_out


def gold_links(links: Any, entities: tuple[EntityTable, EntityTable], learnt: IntArray) -> Gold:
    """Links to judge a run by.

    Args:
        links: a file, see ``read_links``; labels, see ``links_of_object``; or rows, int ``[L, 2]``.
        entities: tables of the left and of the right graph.
        learnt: links that the run has learnt from, int64 ``[K, 2]``.

    Raises:
        InputError: the file is missing or breaks its format, or there is no link to judge by.
        UsageError: something else than links.
    """
    if not isinstance(links, str | Path) and not (isinstance(links, np.ndarray) and links.dtype.kind in "iu"):
        links = links_of_object(links, Path("links"))
    found = links_between(links, (entities[0].labels, entities[1].labels))
    width = len(entities[1].labels)
    seen = np.isin(found.rows @ [width, 1], learnt @ [width, 1])
    if seen.all():
        raise InputError(f"no link to judge by: the run has learnt from all of the {len(seen):,} links given")
    return Gold(found.rows[~seen], int(seen.sum()), found.unknown, found.repeated)
