"""Known links that are added to a run."""

from pathlib import Path
from typing import Any

import numpy as np

from ..data.entities import EntityTable
from ..data.formats.frames import links_of_object
from ..data.links.between import links_between
from ..data.task import LinkSplit
from ..errors import InputError
from ..matching import is_in
from ..typing import IntArray
from .embeddings import SIDES


def added_links(links: Any, entities: tuple[EntityTable, EntityTable], split: LinkSplit) -> tuple[LinkSplit, IntArray]:
    """The split of a run with more known links, and these as rows, int64 ``[L, 2]``.

    They count as validation links, which are known but not learnt from, and are no test links any more.

    Args:
        links: a file or pairs of labels; ``None`` = no links.
        entities: tables of the left and of the right graph.
        split: the links of the run.

    Raises:
        InputError: a link names an unknown entity, or contradicts another one or one that the run has learnt from.
    """
    if links is None:
        return split, np.empty((0, 2), np.int64)
    if not isinstance(links, str | Path):
        links = links_of_object(links, Path("links"))
    found = links_between(links, (entities[0].labels, entities[1].labels))
    if found.unknown:
        left, right = found.unknown[0]
        raise InputError(f"{len(found.unknown)} links name unknown entities, first {left!r} = {right!r}")
    given = found.rows
    same = is_in(given, split.train)
    for side, name in enumerate(SIDES):
        bad = np.isin(given[:, side], split.train[:, side]) & ~same
        if bad.any() or len(np.unique(given[:, side])) < len(given):
            counts = np.bincount(given[:, side])[given[:, side]] > 1
            row = int(given[np.flatnonzero(bad | counts)[0], side])
            raise InputError(
                f"the {name} entity {entities[side].labels[row]!r} has several counterparts in the links and in "
                "those that the run has learnt from; give one each, or align again"
            )
    fresh = given[~same]
    valid, test = (
        part[~(np.isin(part[:, 0], fresh[:, 0]) | np.isin(part[:, 1], fresh[:, 1]))]
        for part in (split.valid, split.test)
    )
    return LinkSplit(split.train, np.concatenate([fresh, valid]), test), given
