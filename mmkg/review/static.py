"""The data of a page that is a file: the whole run if it is small, a sample of a larger one, within so many bytes."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compute.seeding import numpy_generator
from ..report.page import encoded
from ..typing import IntArray
from .lists import LISTS
from .one_match import MOST_TRIPLES
from .page_rows import order_keys, row_values
from .pictures import embedded
from .rows import Matches
from .side import Side

if TYPE_CHECKING:
    from .view import RunView

MOST_BYTES = 4_500_000  # of all data, as JSON in UTF-8, unless given otherwise
SHARES = {"matches": 0.3, "alone": 0.05, "map": 0.1, "lists": 0.1}  # of the bytes, at most; details have the rest
MOST_ROWS = 3000  # matches that are listed
MOST_DETAILS = 600  # matches that can be opened
WITHOUT = 100  # entities of either side without a counterpart that are listed
OPENED = 30  # of these that can be opened
LISTED = 100  # rows of every other list
POINTS = 1500  # on the map
STEPS = 500  # points of a curve
WITH_PICTURES = 120  # matches that are shown with their pictures
MOST_TYPES = 100


def static_data(view: "RunView", most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """All sections of the page as plain values, sampled so that they stay below a number of bytes.

    Of the matches, the least sure ones, those that test links prove wrong, and a random part of the others are shown:
    two, one and one of four. The summary says how many are left out.

    Args:
        view: the run.
        most_bytes: largest size as JSON in UTF-8.

    Returns:
        ``summary``, ``matches``, ``details`` by left key, ``right_details`` (of entities without a counterpart) by
        right key, ``trust``, ``map``, ``lists``, ``training``, and ``live``, which is false.
    """
    matches, sides = view.columns, view.sides
    rooms = {name: int(share * most_bytes) for name, share in SHARES.items()}
    order = _sample(matches, MOST_ROWS, view.result.experiment.seed)
    rows = fitting(row_values(matches, sides, order), rooms["matches"])
    opened = matches.pairs[order[: min(MOST_DETAILS, len(rows))]]
    ranks = np.argsort(order_keys(matches, sides[0], "least_sure")[order[: len(rows)]], kind="stable")
    rows = [rows[place] for place in ranks.tolist()]
    free = {side: view.matches(show=side, limit=WITHOUT) for side in ("left", "right")}
    for part in free.values():
        part["rows"] = fitting(part["rows"], rooms["lists"] // 4)
    alone = [
        fitting(view.details.of(pairs, no_pictures, side=side.name), rooms["alone"] // 2)
        for side, pairs in zip(sides, _alone(free, matches, sides), strict=True)
    ]
    summary = plain(view.summary())
    summary["types"] = fitting(summary["types"][:MOST_TYPES], 10_000)
    found = {
        "summary": summary,
        "matches": {"total": len(matches), "offset": 0, "rows": rows},
        "trust": plain(view.trust()),
        "map": _map(view, rooms["map"]),
        "lists": _lists(view, free, rooms["lists"] // 4),
        "training": _training(view),
        "live": False,
    }
    details = _details(view, opened, most_bytes - sum(map(size_of, found.values())) - size_of(alone))
    summary["sampled"] = _sampled(len(rows), len(matches), len(details))
    found["details"] = {each["left"]["key"]: each for each in [*alone[0], *details]}
    found["right_details"] = {each["right"]["key"]: each for each in alone[1]}
    return found


def fitting(rows: Sequence[Any], most_bytes: int) -> list[Any]:
    """The first of some values whose JSON takes at most so many bytes together."""
    sizes = np.cumsum([size_of(row) + 2 for row in rows])
    return list(rows[: int(np.searchsorted(sizes, most_bytes, side="right"))])


def size_of(value: Any) -> int:
    """Bytes of a value in a page, see ``encoded``."""
    return len(encoded(value).encode())


def plain(value: Any) -> Any:
    """Plain values in which numbers that JSON does not have are ``None``."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def no_pictures(side: Side, row: int) -> list[str]:
    """No address of any picture."""
    return []


def _sample(matches: Matches, most: int, seed: int) -> IntArray:
    """Positions of at most so many matches: of four, two least sure, one proved wrong, and one other at random."""
    sure = matches.raw if matches.confidence is None else matches.confidence
    found = np.flatnonzero(~matches.known)
    least = found[np.lexsort((matches.raw[found], sure[found]))]
    generator = numpy_generator(seed, "matches of the report")
    wrong = generator.permutation(np.flatnonzero(matches.judged < 0))
    others = generator.permutation(len(matches))
    turn = np.full(len(matches), np.iinfo(np.int64).max)
    for column, turns in ((least, (0, 1)), (wrong, (2,)), (others, (3,))):
        ranks = np.arange(len(column))
        own = 4 * (ranks // len(turns)) + np.array(turns)[ranks % len(turns)]
        turn[column] = np.minimum(turn[column], own)
    chosen: IntArray = np.argsort(turn, kind="stable")[:most]
    return chosen


def _alone(free: Mapping[str, Any], matches: Matches, sides: tuple[Side, Side]) -> tuple[IntArray, IntArray]:
    """The first entities without a counterpart of the left and of the right graph, each with its unsure match or -1."""
    found = []
    for place, side in enumerate(sides):
        rows = np.array([side.row_of(row[side.name]) for row in free[side.name]["rows"][:OPENED]], np.int64)
        ends = (rows, matches.partner[place][rows])
        found.append(np.stack(ends if place == 0 else ends[::-1], axis=1))
    return found[0], found[1]


def _details(view: "RunView", pairs: IntArray, most_bytes: int) -> list[dict[str, Any]]:
    """Details that fit, with their keys; the first have pictures, for which a third of the bytes is kept."""
    pictured = view.summary()["pictures"]
    room = most_bytes // 3 if pictured else 0
    details = view.details.of(pairs, no_pictures)
    keys = sum(size_of(detail["left"]["key"]) + 2 for detail in details)
    found = fitting(details, most_bytes - room - keys)
    if not pictured:
        return found
    number = 0
    for detail, ends in zip(found, pairs.tolist(), strict=False):
        pictures = [embedded(side, row) for side, row in zip(view.sides, ends, strict=True)]
        room -= size_of(pictures)
        number += any(pictures)
        if room < 0 or number > WITH_PICTURES:
            break
        for side, some in zip(view.sides, pictures, strict=True):
            detail[side.name]["pictures"] = some
    return found


def _sampled(shown: int, total: int, opened: int) -> dict[str, Any] | None:
    """What is shown of how many matches; ``None`` where all can be opened."""
    if opened == total:
        return None
    which = "the least sure ones, those that test links prove wrong, and some at random"
    listed = f"all {total:,} matches are listed" if shown == total else f"{shown:,} of {total:,} matches are listed"
    text = f"This file is a sample: {listed}, {opened:,} can be opened ({which}). mmkg serve shows the whole run."
    return {"shown": shown, "total": total, "details": opened, "text": text}


def _map(view: "RunView", most_bytes: int) -> dict[str, Any]:
    """The map, if it fits, else without names; positions of links stay valid."""
    found = view.map(most=POINTS, quick=True)
    if size_of(found["points"]) > most_bytes:
        found["points"] = [point | {"name": point["name"][:20], "key": point["key"][:100]} for point in found["points"]]
    if size_of(found["points"]) > most_bytes:
        return found | {"points": [], "links": [], "method": f"{found['method']}; left out, as its names are too long"}
    return found


def _lists(view: "RunView", free: Mapping[str, Any], most_bytes: int) -> dict[str, Any]:
    """The first rows of every list; conflicts only of graphs with at most two million attribute facts."""
    found: dict[str, Any] = {f"unmatched_{side}": part for side, part in free.items()}
    facts = [len(side.graph.attributes) for side in view.sides if side.graph is not None]
    for name in LISTS:
        if name in found:
            continue
        if name == "conflicts" and max(facts, default=0) > MOST_TRIPLES:
            found[name] = {
                "total": 0,
                "offset": 0,
                "rows": [],
                "left_out": "mmkg serve lists the conflicts of a large run",
            }
            continue
        part = plain(view.lists(name, limit=LISTED))
        found[name] = part | {"rows": fitting(part["rows"], most_bytes)}
    return found


def _training(view: "RunView") -> dict[str, Any]:
    """The curves, each with at most 500 points."""
    curves = []
    for curve in view.training()["curves"]:
        step = -(-len(curve["x"]) // STEPS)
        kept = [place for place, x in enumerate(curve["x"]) if place % step == 0 or x == curve["chosen"]]
        curves.append(curve | {name: [curve[name][place] for place in kept] for name in ("x", "y")})
    return {"curves": plain(curves)}
