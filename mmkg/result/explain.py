"""Why two entities are, or are not, the same: parts of the modalities, rivals, matched neighbours, rules."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..data.entities import EntityTable
from ..data.kg import KnowledgeGraph
from ..data.parsing.id_names import names_of_ids
from ..matching import Matching
from ..matching.held_out import LARGEST_MARGIN, pair_margins
from ..records import Record
from ..report import whole_parts
from ..report.notebook import waterfall_html
from ..typing import IntArray
from .calibrate import Confidences
from .linked import pair_scores
from .rules import PairRules, RunRules
from .scale import scaled

SHOWN = 3  # neighbours in the sentence


class NeighborPair(NamedTuple):
    """A neighbour of the left entity that is matched to a neighbour of the right one.

    Args:
        left, right: names of the neighbours.
        left_relation, right_relation: relation to the left and to the right entity.
        known: whether this is a training or validation link, and not a match.
    """

    left: str
    right: str
    left_relation: str
    right_relation: str
    known: bool


@dataclass(frozen=True, eq=False, repr=False)
class Explanation(Record):
    """What speaks for a pair of entities, and against it.

    Args:
        left, right: labels of the entities.
        left_name, right_name: texts to show.
        score: 0 to 100: the cosine of their embeddings in percent.
        parts: part of each modality in the score; the parts sum to the score, see ``scaled``.
        raw: what the run ranks by: CSLS if it uses it, else the cosine; larger is better.
        confidence: probability that the pair is right; ``None`` without a calibration.
        matched: whether the run matches these two.
        margin: ``raw`` minus that of the best rival of either entity, see ``pair_margins``; ``None`` without any rival.
        runner_up: name of the best other right entity, ``None`` if there is none.
        runner_up_score: its score with the left entity.
        neighbors: neighbours that are matched to each other; ``None`` without the graphs.
        rules: what the facts that agree say of the pair; ``None`` without the graphs.
    """

    left: str
    right: str
    left_name: str
    right_name: str
    score: float
    parts: Mapping[str, float]
    raw: float
    confidence: float | None
    matched: bool
    margin: float | None
    runner_up: str | None
    runner_up_score: float | None
    neighbors: tuple[NeighborPair, ...] | None
    rules: PairRules | None = None

    def __str__(self) -> str:
        """The explanation in sentences."""
        return "\n".join(self._sentences())

    def _repr_html_(self) -> str:
        """A waterfall of the score, the largest part first, and the sentences."""
        first, *others = self._sentences()
        return waterfall_html(first, dict(sorted(self.parts.items(), key=lambda item: -item[1])), others)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values["parts"] = dict(self.parts)
        if self.neighbors is not None:
            values["neighbors"] = [each._asdict() for each in self.neighbors]
        if self.rules is not None:
            pieces = [each._asdict() | {"text": each.text()} for each in self.rules.pieces]
            values["rules"] = {"probability": self.rules.probability, "pieces": pieces}
        return values

    def _facts(self) -> dict[str, Any]:
        named = {f"part of {name}": round(part, 1) for name, part in self.parts.items()}
        facts: dict[str, Any] = {"left": self.left_name, "right": self.right_name, "score": round(self.score, 1)}
        facts |= {} if self.confidence is None else {"confidence": round(self.confidence, 3)}
        facts |= {"matched": "yes" if self.matched else "no", **named}
        facts |= {} if self.margin is None else {"margin": round(self.margin, 3)}
        facts |= {} if self.runner_up is None else {"runner-up": self.runner_up}
        return facts | ({} if self.neighbors is None else {"matched neighbors": len(self.neighbors)})

    def _sentences(self) -> Iterable[str]:
        sure = "" if self.confidence is None else f", confidence {self.confidence:.2f}"
        verb = "is matched to" if self.matched else "is not matched to"
        score, parts = whole_parts(self.parts)
        yield f"{self.left_name} {verb} {self.right_name}: score {score} of 100{sure}."
        if score:
            sizes = sorted(parts.items(), key=lambda item: -item[1])
            sums = [f"{'-' if part < 0 else '+'} {name} {abs(part)}" for name, part in sizes if part]
            yield f"{score} = {' '.join(sums).removeprefix('+ ')}."
        if self.runner_up is not None and self.runner_up_score is not None:
            yield f"Next best for {self.left_name}: {self.runner_up}, score {self.runner_up_score:.0f}."
        if self.margin is not None:
            what = "ahead of the best rival" if self.margin > 0 else "behind a rival of one of the two"
            yield f"In what the run ranks by, the pair is {abs(self.margin):.3f} {what}."
        if self.neighbors is None:
            yield "Neighbours are not known to a run that was read from its folder: give the task."
        elif not self.neighbors:
            yield "No neighbours of the two are matched to each other."
        else:
            shown = "; ".join(
                f"{each.left} = {each.right} ({each.left_relation}, {each.right_relation})"
                for each in self.neighbors[:SHOWN]
            )
            more = f"; {len(self.neighbors) - SHOWN} more" if len(self.neighbors) > SHOWN else ""
            yield f"Neighbours matched to each other: {shown}{more}."
        if self.rules is not None and self.rules.pieces:
            yield f"Rules: {self.rules.text()}. Together {self.rules.probability:.2f}."


def explain_pair(
    pair: IntArray,
    confidences: Confidences,
    entities: tuple[EntityTable, EntityTable],
    matching: Matching,
    graphs: tuple[KnowledgeGraph, KnowledgeGraph] | None,
    rules: RunRules | None,
) -> Explanation:
    """The explanation of a pair of rows, int64 ``[2]``; neighbours need the graphs, and so do the rules of the run."""
    searcher = confidences.searcher
    left, right = pair.tolist()
    pairs = pair[None]
    scores = pair_scores(pairs, searcher)
    others = searcher.nearest(pair[:1], min(2, len(searcher.embeddings.rows("right"))), "left")
    rivals = [place for place in np.flatnonzero(others.present[0]).tolist() if others.ids[0, place] != right]
    margin = float(pair_margins(pairs, scores, searcher.nearest)[0])
    best = int(others.ids[0, rivals[0]]) if rivals else None
    both = pairs if best is None else np.array([pair, (left, best)])
    points, parts = scaled(searcher.embeddings.shares(both), searcher.embeddings.is_exact(both))
    return Explanation(
        left=entities[0].labels[left],
        right=entities[1].labels[right],
        left_name=entities[0].display[left],
        right_name=entities[1].display[right],
        score=float(points[0]),
        parts={name: float(part[0]) for name, part in parts.items()},
        raw=float(scores[0]),
        confidence=None if confidences.counterparts is None else float(confidences.of_pairs(pairs, scores)[0]),
        matched=bool(((matching.left == left) & (matching.right == right)).any()),
        margin=None if margin >= LARGEST_MARGIN else margin,
        runner_up=None if best is None else entities[1].display[best],
        runner_up_score=None if best is None else float(points[1]),
        neighbors=None if graphs is None else tuple(_neighbors(pair, graphs, confidences, matching)),
        rules=None if rules is None else rules.of_pairs(pairs)[0],
    )


def _neighbors(
    pair: IntArray, graphs: Sequence[KnowledgeGraph], confidences: Confidences, matching: Matching
) -> Iterable[NeighborPair]:
    """Neighbours of both entities that are linked or matched to each other, known links first."""
    around = [_around(graph, int(row)) for graph, row in zip(graphs, pair, strict=True)]
    known = np.concatenate([confidences.links.train, confidences.links.valid])
    seen: set[tuple[int, int]] = set()
    for given, pairs in ((True, known), (False, matching.pairs)):
        near = pairs[np.isin(pairs[:, 0], list(around[0])) & np.isin(pairs[:, 1], list(around[1]))]
        for left, right in sorted(near.tolist()):
            if (left, right) in seen:
                continue
            seen.add((left, right))
            names = [graph.label(row) for graph, row in zip(graphs, (left, right), strict=True)]
            relations = [side[row] for side, row in zip(around, (left, right), strict=True)]
            yield NeighborPair(names[0], names[1], relations[0], relations[1], given)


def _around(graph: KnowledgeGraph, row: int) -> dict[int, str]:
    """Neighbours of an entity, each with the relations to it; a relation that leads to the entity has a ``<-``."""
    heads, kinds, tails = graph.triples.T
    found: dict[int, list[str]] = {}
    for place in np.flatnonzero((heads == row) | (tails == row)).tolist():
        forward = heads[place] == row
        other = int(tails[place] if forward else heads[place])
        if other != row:
            label = graph.relations[int(kinds[place])]
            relation = names_of_ids([label])[0] or label
            found.setdefault(other, []).append(relation if forward else f"<- {relation}")
    return {other: ", ".join(dict.fromkeys(relations)) for other, relations in found.items()}
