"""The matches of many entities at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..data.texts.labels import Labels
from ..result.embeddings import SIDES
from .served import Served


def looked_up(served: Served, side: str, keys: Sequence[str]) -> dict[str, Any]:
    """The match of each entity: ``rows`` with key, name, match, its name, confidence, score and whether it is sure.

    Args:
        served: the run.
        side: graph of the entities.
        keys: their keys; one that the run does not have gives a row with ``known`` false.
    """
    view, place = served.view, SIDES.index(side)
    own, other, matches = view.sides[place], view.sides[1 - place], view.columns
    rows = Labels.of(own.table.labels).rows(list(keys)) if keys else np.empty(0, np.int64)
    known = rows >= 0
    partner = np.where(known, matches.partner[place][np.where(known, rows, 0)], -1)
    there = np.flatnonzero(partner >= 0)
    ends = [rows[there], partner[there]]
    at = np.full(len(rows), -1, np.int64)
    at[there] = matches.places_of(np.stack(ends if place == 0 else ends[::-1], axis=1))
    verdicts = served.said().verdicts
    found = []
    for key, row, end, number in zip(keys, rows.tolist(), partner.tolist(), at.tolist(), strict=True):
        match = None if end < 0 else other.key(end)
        pair = (key, match) if place == 0 else (match, key)
        alone = (key, None) if place == 0 else (None, key)
        confidence = None if end < 0 or matches.confidence is None else round(float(matches.confidence[number]), 4)
        found.append(
            {
                "key": key,
                "known": row >= 0,
                "name": own.shown(row) if row >= 0 else None,
                "match": match,
                "match_name": None if end < 0 else other.shown(end),
                "confidence": confidence,
                "score": None if end < 0 else round(float(matches.score[number]), 2),
                "given": bool(end >= 0 and matches.known[number]),
                "sure": bool(end >= 0 and (matches.known[number] or matches.sure[number])),
                "verdict": verdicts.get(pair) or verdicts.get(alone),
            }
        )
    return {"rows": found}
