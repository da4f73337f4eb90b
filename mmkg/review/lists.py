"""Lists to look through: entities without a counterpart, rivals, conflicts, aligned relations."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..data.parsing.id_names import names_of_ids
from ..errors import UsageError, brief, nearest
from ..result.embeddings import SIDES
from ..typing import IntArray
from .conflicts import Conflicts
from .page_rows import MOST_ROWS, Query, answered
from .rows import Matches, parts_of, without_link
from .side import Side

Part = Callable[[Matches, tuple[Side, Side], Conflicts, int, int], dict[str, Any]]


def listed(
    name: str, matches: Matches, sides: tuple[Side, Side], conflicts: Conflicts, *, offset: int = 0, limit: int = 100
) -> dict[str, Any]:
    """A part of a list: ``total``, ``offset`` and ``rows``.

    Args:
        name: key of ``LISTS``.
        matches: the matches of the run.
        sides: both graphs.
        conflicts: of the matches.
        offset, limit: the part; at most 500 rows.

    Raises:
        UsageError: no such list, or a part out of range.
    """
    if name not in LISTS:
        raise UsageError(f"no list is called {brief(name)}; {nearest(name, LISTS)}")
    if offset < 0 or not 1 <= limit <= MOST_ROWS:
        raise UsageError(f"offset must be 0 or more and limit in 1..{MOST_ROWS}, got {offset}, {limit}")
    return {"offset": offset, **LISTS[name](matches, sides, conflicts, offset, limit)}


def _unmatched(side: str) -> Part:
    def part(matches: Matches, sides: tuple[Side, Side], _: Conflicts, offset: int, limit: int) -> dict[str, Any]:
        return answered(matches, sides, Query(show=side, offset=offset, limit=limit))

    return part


def _rivals(matches: Matches, sides: tuple[Side, Side], _: Conflicts, offset: int, limit: int) -> dict[str, Any]:
    """Entities in no link whose best candidate is linked to another entity, those with the surest candidate first."""
    result = matches.result
    threshold = result.threshold()
    linked = matches.belief >= np.float32(threshold)
    columns = []
    for place, name in enumerate(SIDES):
        rows = without_link(matches, name, threshold)
        best = result.nearest(rows, 1, name)
        ids = np.where(best.present[:, 0], best.ids[:, 0], -1) if len(rows) else rows
        holder = np.full(len(sides[1 - place]), -1, np.int64)
        ends = (matches.left[linked], matches.right[linked])
        holder[ends[1 - place]] = ends[place]
        taken = (ids >= 0) & (holder[ids] >= 0)
        rows, ids = rows[taken], ids[taken]
        sure = best.scores[taken, 0] if len(rows) else np.empty(0, np.float32)
        if result.counterparts is not None and len(rows):
            sure = result.calibration.best_confidences(rows, name)
        columns.append(np.stack([np.full(len(rows), place), rows, ids, holder[ids], sure.astype(np.float64)], axis=1))
    whole = np.concatenate(columns)
    part = whole[np.argsort(-whole[:, 4], kind="stable")][offset : offset + limit]
    return {"total": len(whole), "rows": [row for row in _rival_rows(matches, sides, part)]}


def _rival_rows(matches: Matches, sides: tuple[Side, Side], part: np.ndarray) -> list[dict[str, Any]]:
    numbers: IntArray = part[:, :4].astype(np.int64)

    def scores(column: int) -> list[float]:
        ends = (numbers[:, column], numbers[:, 2])
        flipped = numbers[:, 0] == 1
        return parts_of(matches.result, np.where(flipped[:, None], np.stack(ends[::-1], 1), np.stack(ends, 1)))[0]

    own, theirs = scores(1), scores(3)
    calibrated = matches.result.counterparts is not None
    found = []
    for number, (place, row, best, holder) in enumerate(numbers.tolist()):
        side, other = sides[place], sides[1 - place]
        found.append(
            {
                "side": side.name,
                "key": side.key(row),
                "name": side.shown(row),
                "score": own[number],
                "confidence": round(float(part[number, 4]), 4) if calibrated else None,
                "best": {"key": other.key(best), "name": other.shown(best)},
                "taken_by": {"key": side.key(holder), "name": side.shown(holder), "score": theirs[number]},
            }
        )
    return found


def _conflicts(
    matches: Matches, sides: tuple[Side, Side], conflicts: Conflicts, offset: int, limit: int
) -> dict[str, Any]:
    return conflicts.part(offset, limit)


def _relations(matches: Matches, sides: tuple[Side, Side], _: Conflicts, offset: int, limit: int) -> dict[str, Any]:
    """Aligned relations and attributes, the best first."""
    pairs = matches.result.aligned_relations or ()
    rows = [
        pair.as_dict()
        | {f"{side}_name": names_of_ids([getattr(pair, side)])[0] or getattr(pair, side) for side in SIDES}
        for pair in pairs[offset : offset + limit]
    ]
    return {"total": len(pairs), "rows": rows}


LISTS: dict[str, Part] = {
    "unmatched_left": _unmatched("left"),
    "unmatched_right": _unmatched("right"),
    "rivals": _rivals,
    "conflicts": _conflicts,
    "relations": _relations,
}
