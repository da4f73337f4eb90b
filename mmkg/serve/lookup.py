"""The matches of many entities at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..data.texts.labels import Labels
from ..result.embeddings import SIDES
from ..review.page_rows import VERDICTS, row_values
from ..review.rows import verdict_codes
from .served import Served


def looked_up(served: Served, side: str, keys: Sequence[str]) -> dict[str, Any]:
    """The match of each entity.

    Args:
        served: the run.
        side: graph of the entities.
        keys: their keys.

    Returns:
        ``rows``: for each key the row of its match, as in the list of matches, ``None`` for an entity without one;
        ``unknown``: the keys that the graph does not have.
    """
    view, place = served.view, SIDES.index(side)
    matches = view.columns
    rows = Labels.of(view.sides[place].table.labels).rows(list(keys)) if keys else np.empty(0, np.int64)
    partner = np.where(rows >= 0, matches.partner[place][np.maximum(rows, 0)], -1)
    there = np.flatnonzero(partner >= 0)
    ends = [rows[there], partner[there]]
    places = matches.places_of(np.stack(ends if place == 0 else ends[::-1], axis=1))
    codes = verdict_codes(matches, served.said().verdicts, VERDICTS)
    found = dict(zip(there.tolist(), row_values(matches, view.sides, places, codes), strict=True))
    unknown = [key for key, row in zip(keys, rows.tolist(), strict=True) if row < 0]
    return {"rows": [found.get(number) for number in range(len(keys))], "unknown": unknown}
