"""A part of the list of matches: filtered, ordered, and cut out of the columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ..errors import UsageError, brief, nearest
from ..result.embeddings import SIDES
from ..typing import BoolArray, IntArray
from .rows import Matches, parts_of, verdict_codes, without_link
from .side import Side

ORDERS = ("least_sure", "score", "label")
STATES = ("open", "decided", "accepted", "rejected")
SHOWS = ("matched", "left", "right")
GROUPS = ("sure", "to_check")
VERDICTS = ("accept", "reject", "no_counterpart")
MOST_ROWS = 500

Decisions = Mapping[tuple[str | None, str | None], str]


@dataclass(frozen=True)
class Query:
    """Which rows are shown, and in which order.

    Args:
        query: words that the names or keys of the two entities hold.
        order: ``least_sure`` first, by ``score`` from the largest, or by ``label`` of the left entity.
        state: ``open``, ``decided``, ``accepted`` or ``rejected``; ``None`` = all.
        show: ``matched`` pairs, or the ``left`` or ``right`` entities without a counterpart.
        min_confidence, max_confidence, min_margin, max_margin: bounds, both included.
        type: type of one of the two entities.
        disagrees: modality that finds the pair less alike than nearly all sure links.
        known: whether known links are shown.
        group: of the found matches, those that are ``sure`` links or links ``to_check``; ``None`` = all.
        threshold: least confidence of a link, for groups and for entities without a counterpart; ``None`` = that of
            the run.
        offset, limit: the part to be shown; at most 500 rows.

    Raises:
        UsageError: a value out of range, or an unknown one.
    """

    query: str = ""
    order: str = "least_sure"
    state: str | None = None
    show: str = "matched"
    min_confidence: float | None = None
    max_confidence: float | None = None
    min_margin: float | None = None
    max_margin: float | None = None
    type: str | None = None
    disagrees: str | None = None
    known: bool = True
    group: str | None = None
    threshold: float | None = None
    offset: int = 0
    limit: int = 100

    def __post_init__(self) -> None:
        for name, values in (
            ("order", ORDERS),
            ("state", (None, *STATES)),
            ("show", SHOWS),
            ("group", (None, *GROUPS)),
        ):
            value = getattr(self, name)
            if value not in values:
                raise UsageError(f"unknown {name} {brief(value)}; {nearest(str(value), [v for v in values if v])}")
        if self.offset < 0 or not 1 <= self.limit <= MOST_ROWS:
            raise UsageError(f"offset must be 0 or more and limit in 1..{MOST_ROWS}, got {self.offset}, {self.limit}")

    @staticmethod
    def of(values: Mapping[str, Any]) -> "Query":
        """From values by name; those that are ``None`` or empty have no effect.

        Raises:
            UsageError: an unknown name.
        """
        known = [field.name for field in fields(Query)]
        for name in values:
            if name not in known:
                raise UsageError(f"unknown filter {brief(name)}; {nearest(name, known)}")
        return Query(**{name: value for name, value in values.items() if value not in (None, "")})


def answered(
    matches: Matches, sides: tuple[Side, Side], query: Query, decisions: Decisions | None = None
) -> dict[str, Any]:
    """Rows of the list of matches.

    Args:
        matches: the matches of the run.
        sides: both graphs.
        query: which rows.
        decisions: verdicts by left and right label, of which one may be ``None``.

    Returns:
        ``total`` number of rows, ``offset``, and ``rows``, see ``row_values``.
    """
    decisions = decisions or {}
    if query.show != "matched":
        return _unmatched(matches, sides, query, decisions)
    verdicts = verdict_codes(matches, decisions, VERDICTS)
    places = np.flatnonzero(_chosen(matches, sides, query, verdicts))
    places = places[np.argsort(order_keys(matches, sides[0], query.order)[places], kind="stable")]
    part = places[query.offset : query.offset + query.limit]
    return {"total": len(places), "offset": query.offset, "rows": row_values(matches, sides, part, verdicts)}


def row_values(
    matches: Matches, sides: tuple[Side, Side], places: IntArray, verdicts: IntArray | None = None
) -> list[dict[str, Any]]:
    """The rows of some matches as plain values.

    Args:
        matches: the matches of the run.
        sides: both graphs.
        places: positions of the matches.
        verdicts: position of each match's verdict in ``VERDICTS``, -1 for none; ``None`` = none.
    """
    pairs = matches.pairs[places]
    scores, parts = parts_of(matches.result, pairs)
    margins = matches.margins_at(places)
    found = []
    for number, (place, (left, right)) in enumerate(zip(places.tolist(), pairs.tolist(), strict=True)):
        confidence = None if matches.confidence is None else round(float(matches.confidence[place]), 4)
        verdict = -1 if verdicts is None else int(verdicts[place])
        margin = float(margins[number])
        found.append(
            {
                **_named(sides, left, right),
                "confidence": confidence,
                "margin": round(margin, 4) if np.isfinite(margin) else None,
                "score": scores[number],
                "shares": parts[number],
                "kind": "known" if matches.known[place] else "match",
                "sure": bool(matches.sure[place]),
                "kept": bool(matches.kept[place]),
                "verdict": None if verdict < 0 else VERDICTS[verdict],
                "judged": (None, "right", "wrong")[int(matches.judged[place])],
            }
        )
    return found


def _chosen(matches: Matches, sides: tuple[Side, Side], query: Query, verdicts: IntArray) -> BoolArray:
    """Which matches are shown, bool ``[M]``."""
    chosen = np.ones(len(matches), bool) if query.known else ~matches.known
    if query.query.strip():
        chosen &= _holding(query.query, sides, matches.left, matches.right)
    bounds = [
        ("confidence", query.min_confidence, query.max_confidence),
        ("margin", query.min_margin, query.max_margin),
    ]
    for name, least, most in bounds:
        column = getattr(matches, name) if least is not None or most is not None else None
        if column is not None:
            chosen &= column >= np.float32(-np.inf if least is None else least)
            chosen &= column <= np.float32(np.inf if most is None else most)
    if query.group is not None:
        threshold = matches.result.threshold() if query.threshold is None else query.threshold
        chosen &= matches.at_threshold(threshold)[GROUPS.index(query.group)]
    if query.type is not None:
        chosen &= sides[0].of_type(query.type)[matches.left] | sides[1].of_type(query.type)[matches.right]
    if query.disagrees is not None:
        chosen &= matches.disagreeing(query.disagrees)
    return chosen & _in_state(verdicts, query.state)


def _holding(text: str, sides: tuple[Side, Side], left: IntArray, right: IntArray) -> BoolArray:
    """Which pairs have each word of a text in the texts of one of the two entities, bool ``[M]``."""
    found = np.ones(len(left), bool)
    for word in text.split():
        found &= sides[0].texts.holding(word)[left] | sides[1].texts.holding(word)[right]
    return found


def _in_state(verdicts: IntArray, state: str | None) -> BoolArray:
    if state is None:
        return np.ones(len(verdicts), bool)
    if state == "open":
        return verdicts < 0
    if state == "decided":
        return verdicts >= 0
    accepted: BoolArray = verdicts == VERDICTS.index("accept")
    return accepted if state == "accepted" else (verdicts >= 0) & ~accepted


def order_keys(matches: Matches, left: Side, order: str) -> np.ndarray:
    """A number by which each match is ordered, ``[M]``."""
    if order == "label":
        return left.alphabetical[matches.left]
    if order == "score":
        return -matches.score
    by = matches.margin if matches.confidence is None else matches.confidence
    rank = np.empty(len(matches), np.int64)
    rank[np.lexsort((matches.raw, by, matches.known))] = np.arange(len(matches))
    return rank


# --- entities without a counterpart


def _unmatched(matches: Matches, sides: tuple[Side, Side], query: Query, decisions: Decisions) -> dict[str, Any]:
    """Rows of entities without a counterpart, those with the surest candidate first."""
    place = SIDES.index(query.show)
    side, other, result = sides[place], sides[1 - place], matches.result
    threshold = result.threshold() if query.threshold is None else query.threshold
    rows = without_link(matches, query.show, threshold)
    alone = {key[place]: verdict for key, verdict in decisions.items() if key[1 - place] is None and key[place]}
    found = np.array([_number(alone.get(key)) for key in side.table.labels], np.int64) if alone else None
    verdicts = np.full(len(rows), -1, np.int64) if found is None else found[rows]
    chosen = _in_state(verdicts, query.state)
    for word in query.query.split():
        chosen &= side.texts.holding(word)[rows]
    if query.type is not None:
        chosen &= side.of_type(query.type)[rows]
    rows, verdicts = rows[chosen], verdicts[chosen]
    best = result.nearest(rows, 1, query.show)
    ids = np.where(best.present[:, 0], best.ids[:, 0], -1) if len(rows) else rows
    sure = np.where(ids >= 0, best.scores[:, 0], -np.inf) if len(rows) else np.empty(0)
    if result.counterparts is not None:
        sure = result.calibration.best_confidences(rows, query.show)
        least, most = query.min_confidence, query.max_confidence
        kept = (sure >= (0 if least is None else least)) & (sure <= (1 if most is None else most))
        rows, verdicts, ids, sure = rows[kept], verdicts[kept], ids[kept], sure[kept]
    order = np.argsort(side.alphabetical[rows] if query.order == "label" else -sure, kind="stable")
    total = len(rows)
    part = order[query.offset : query.offset + query.limit]
    rows, verdicts, ids, sure = rows[part], verdicts[part], ids[part], sure[part]
    there = ids >= 0
    pairs = np.stack([rows, ids] if place == 0 else [ids, rows], axis=1)
    scores, parts = parts_of(result, pairs[there])
    of_pair = dict(zip(np.flatnonzero(there).tolist(), zip(scores, parts, strict=True), strict=True))
    found_rows = []
    for number, row in enumerate(rows.tolist()):
        score, shares = of_pair.get(number, (None, {}))
        answer = int(ids[number])
        candidate = None if answer < 0 else {"key": other.key(answer), "name": other.shown(answer), "score": score}
        found_rows.append(
            {
                **_named(sides, *((row, -1) if place == 0 else (-1, row))),
                "confidence": None if result.counterparts is None else round(float(sure[number]), 4),
                "margin": None,
                "score": score,
                "shares": shares,
                "kind": query.show,
                "sure": False,
                "verdict": None if verdicts[number] < 0 else VERDICTS[int(verdicts[number])],
                "judged": None,
                "nearest": candidate,
            }
        )
    return {"total": total, "offset": query.offset, "rows": found_rows}


def _number(verdict: str | None) -> int:
    return -1 if verdict is None else VERDICTS.index(verdict)


def _named(sides: Sequence[Side], left: int, right: int) -> dict[str, Any]:
    """Keys, names and the type of a pair, in which -1 is no entity."""
    found: dict[str, Any] = {}
    for side, row in zip(sides, (left, right), strict=True):
        found[side.name] = None if row < 0 else side.key(row)
        found[f"{side.name}_name"] = None if row < 0 else side.shown(row)
    kinds = [side.first_type[row] if row >= 0 else -1 for side, row in zip(sides, (left, right), strict=True)]
    named = [side.type_names[kind] for side, kind in zip(sides, kinds, strict=True) if kind >= 0]
    return found | {"type": named[0] if named else None}
