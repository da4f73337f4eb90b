"""Everything about single pairs: cards, score, rules, runner-up, candidates, attributes and neighbours side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..matching.held_out import LARGEST_MARGIN, pair_margins
from ..result.answers import Answers
from ..result.embeddings import SIDES
from ..result.linked import pair_scores
from ..result.rules import RunRules
from ..result.scale import FULL
from ..typing import FloatArray, IntArray
from .attributes import MOST, SameAttributes, compared
from .rows import Matches, parts_of
from .side import Neighbor, Side

CANDIDATES = 5
MOST_TRIPLES = 2_000_000  # of a graph with rules; sorting more of them takes longer than all the rest
MOST_NEIGHBORS = 60  # of either entity that are shown

Pictures = Callable[[Side, int], list[str]]  # addresses of the pictures of an entity


@dataclass(frozen=True, eq=False)
class PairDetails:
    """Details of pairs of a run.

    Args:
        matches: the matches of the run.
        sides: both graphs.
    """

    matches: Matches
    sides: tuple[Side, Side]

    @property
    def result(self) -> Answers:
        """The run."""
        return self.matches.result

    def of(self, pairs: IntArray, pictures: Pictures, *, side: str = "left") -> list[dict[str, Any]]:
        """Details of pairs of rows.

        Args:
            pairs: left and right rows, of which one may be -1, int64 ``[P, 2]``.
            pictures: addresses of the pictures of an entity.
            side: whose candidates and runner-up are listed; of a pair without that entity those of the other one.
        """
        column = SIDES.index(side)
        lists = [
            self._candidates(np.where((place == column) | (pairs[:, column] < 0), pairs[:, place], -1), name)
            for place, name in enumerate(SIDES)
        ]
        whole = np.flatnonzero((pairs >= 0).all(axis=1))
        scores = dict(zip(whole.tolist(), self._scores(pairs[whole]), strict=True))
        found = []
        for number, (left, right) in enumerate(pairs.tolist()):
            of_side = column if pairs[number, column] >= 0 else 1 - column
            candidates, other = lists[of_side][number], (right, left)[of_side]
            about = scores.get(number, _NOTHING)
            left_card, right_card = (
                None if row < 0 else _card(each, row, pictures)
                for each, row in zip(self.sides, (left, right), strict=True)
            )
            found.append(
                {
                    "left": left_card,
                    "right": right_card,
                    **about,
                    "kind": self._kind(left, right),
                    "runner_up": self._runner_up(other, candidates, about) if number in scores else None,
                    "candidates_of": SIDES[of_side],
                    "candidates": [
                        _without_row(each) | ({"confidence": about["confidence"]} if each["row"] == other else {})
                        for each in candidates[:CANDIDATES]
                    ],
                    **self._attributes(left, right),
                    **self._neighbors(left, right),
                    "decision": None,
                }
            )
        return found

    def _kind(self, left: int, right: int) -> str:
        """``match`` or ``known`` for a pair of the run, ``pair`` for another one, else the side of the entity."""
        if left < 0 or right < 0:
            return self.sides[0 if right < 0 else 1].name
        place = int(self.matches.places_of(np.array([[left, right]]))[0])
        return "pair" if place < 0 else "known" if self.matches.known[place] else "match"

    def candidates(self, row: int, side: str, k: int) -> list[dict[str, Any]]:
        """The k best candidates of an entity, with scores and confidences."""
        return [_without_row(each) for each in self._candidates(np.array([row]), side, k)[0]]

    # --- scores

    def _scores(self, pairs: IntArray) -> list[dict[str, Any]]:
        """What the run says of each pair."""
        result, confidences = self.result, self.result.calibration
        if not len(pairs):
            return []
        places = self.matches.places_of(pairs)
        raw = np.where(places < 0, pair_scores(pairs, result.searcher), self.matches.raw[places])
        margins = pair_margins(pairs, raw, result.searcher.nearest)
        exact = result.embeddings.is_exact(pairs)
        learnt = confidences.counterparts
        confidence = None if learnt is None else np.where(exact, 1.0, learnt.calibration.predict(margins))
        if confidence is not None and self.matches.confidence is not None:
            confidence = np.where(places < 0, confidence, self.matches.confidence[places])
        points, parts = parts_of(result, pairs)
        hubness = self._hubness(pairs, exact)
        rules = self.rules.of_pairs(pairs) if self.rules is not None else None
        found = []
        for place in range(len(pairs)):
            waterfall = [{"name": name, "points": part, "kind": "modality"} for name, part in parts[place].items()]
            if hubness is not None:
                waterfall.append({"name": "hubness", "points": round(float(hubness[place]), 2), "kind": "hubness"})
            own = rules[place] if rules is not None else None
            found.append(
                {
                    "score": points[place],
                    "confidence": None if confidence is None else round(float(confidence[place]), 4),
                    "margin": None if margins[place] >= LARGEST_MARGIN else round(float(margins[place]), 4),
                    "waterfall": waterfall,
                    "rules": [] if own is None else [piece.text() for piece in own.pieces[:10]],
                    "rules_together": None if own is None or not own.pieces else round(own.probability, 4),
                }
            )
        return found

    def _hubness(self, pairs: IntArray, exact: np.ndarray) -> FloatArray | None:
        """Points that CSLS takes from each score: the mean of what both entities have with their nearest ones."""
        searcher = self.result.searcher
        if not searcher.csls_k:
            return None
        left, right = searcher.means()
        found: FloatArray = np.where(exact, 0, -FULL * (left[pairs[:, 0]] + right[pairs[:, 1]]) / 2)
        return found

    @cached_property
    def rules(self) -> RunRules | None:
        """The rules of the run; ``None`` without the graphs, and for graphs of more than two million triples."""
        graphs = self.result.run_graphs
        if graphs is None or max(len(graph.triples) for graph in graphs.now) > MOST_TRIPLES:
            return None
        return self.result.rules(graphs.now)

    # --- candidates

    def _candidates(self, rows: IntArray, side: str, k: int = CANDIDATES + 1) -> list[list[dict[str, Any]]]:
        """The k best candidates of each of some entities, -1 for none."""
        result, answering = self.result, self.sides[1] if side == "left" else self.sides[0]
        given = np.flatnonzero(rows >= 0)
        lists: list[list[dict[str, Any]]] = [[] for _ in range(len(rows))]
        if not len(given):
            return lists
        found = result.nearest(rows[given], min(k, len(answering)), side)
        confidence = result.calibration.of_lists(rows[given], found, side)
        queries, places = np.nonzero(found.present)
        ends = [rows[given][queries], found.ids[queries, places]]
        points, parts = parts_of(result, np.stack(ends if side == "left" else ends[::-1], axis=1))
        for number, (query, place) in enumerate(zip(queries.tolist(), places.tolist(), strict=True)):
            row = int(found.ids[query, place])
            lists[int(given[query])].append(
                {
                    "row": row,
                    "key": answering.key(row),
                    "name": answering.shown(row),
                    "score": points[number],
                    "confidence": None if confidence is None else round(float(confidence[query, place]), 4),
                    "parts": parts[number],
                }
            )
        return lists

    def _runner_up(
        self, match: int, candidates: Sequence[dict[str, Any]], about: dict[str, Any]
    ) -> dict[str, Any] | None:
        """The best candidate besides the match, and by how many points each modality is behind, the largest first."""
        other = next((each for each in candidates if each["row"] != match), None)
        if other is None:
            return None
        own = {each["name"]: each["points"] for each in about["waterfall"] if each["kind"] == "modality"}
        lacks = {name: round(part - other["parts"].get(name, 0.0), 2) for name, part in own.items()}
        ordered = sorted(lacks.items(), key=lambda item: -item[1])
        return {
            "key": other["key"],
            "name": other["name"],
            "score": other["score"],
            "lacks": [{"name": name, "points": points} for name, points in ordered],
        }

    # --- side by side

    def _attributes(self, left: int, right: int) -> dict[str, Any]:
        facts = [side.facts(row) if row >= 0 else [] for side, row in zip(self.sides, (left, right), strict=True)]
        more = sum(max(0, len(own) - MOST) for own in facts)
        rows = compared(facts[0][:MOST], facts[1][:MOST], self.same)
        return {"attributes": rows, "attributes_left_out": more}

    @cached_property
    def same(self) -> SameAttributes:
        """Which attributes of the two graphs are compared."""
        return SameAttributes.of(*self.sides, self.result.aligned_relations or ())

    def _neighbors(self, left: int, right: int) -> dict[str, Any]:
        """Neighbours that are matched to each other, then those of one side, those with few triples first."""
        partner = self.matches.partner[0]
        around = [
            {each.row: each for each in side.neighbors(row)} if row >= 0 else {}
            for side, row in zip(self.sides, (left, right), strict=True)
        ]
        pairs = [(mine, int(partner[mine])) for mine in around[0] if int(partner[mine]) in around[1]]
        degrees = [side.degree for side in self.sides]
        pairs.sort(key=lambda pair: int(degrees[0][pair[0]]))
        taken = [{pair[side] for pair in pairs} for side in (0, 1)]
        alone = [
            [row for _, row in sorted((int(degrees[side][row]), row) for row in set(around[side]) - taken[side])]
            for side in (0, 1)
        ]
        total = len(pairs) + len(alone[0]) + len(alone[1])
        rows: list[tuple[int | None, int | None]] = [*pairs[:MOST_NEIGHBORS]]
        room = MOST_NEIGHBORS - len(rows)
        rows += [(row, None) for row in alone[0][: max(room - min(len(alone[1]), room // 2), 0)]]
        room = MOST_NEIGHBORS - len(rows)
        rows += [(None, row) for row in alone[1][:room]]
        shown = [
            {
                "left": None if mine is None else _neighbor(self.sides[0], around[0][mine]),
                "right": None if other is None else _neighbor(self.sides[1], around[1][other]),
                "matched": mine is not None and other is not None,
            }
            for mine, other in rows
        ]
        return {"neighbours": shown, "neighbours_left_out": total - len(shown)}


_NOTHING: dict[str, Any] = {
    "score": None,
    "confidence": None,
    "margin": None,
    "waterfall": [],
    "rules": [],
    "rules_together": None,
}


def _card(side: Side, row: int, pictures: Pictures) -> dict[str, Any]:
    return {
        "key": side.key(row),
        "name": side.shown(row),
        "names": side.names(row),
        "types": side.types(row),
        "pictures": pictures(side, row),
        "degree": int(side.degree[row]),
    }


def _neighbor(side: Side, neighbor: Neighbor) -> dict[str, Any]:
    return {
        "relation": neighbor.relation,
        "key": side.key(neighbor.row),
        "name": side.shown(neighbor.row),
        "inverse": neighbor.inverse,
    }


def _without_row(candidate: dict[str, Any]) -> dict[str, Any]:
    return {name: candidate[name] for name in ("key", "name", "score", "confidence")}
