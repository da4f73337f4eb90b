"""Rule evidence of a run in words: the facts of two entities that agree."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from ..data.kg import KnowledgeGraph
from ..data.parsing.id_names import names_of_ids
from ..data.task import LinkSplit
from ..matching import Matching, is_in
from ..models.rules import Facts, Matches, Rules
from ..typing import IntArray

SHOWN = 3  # pieces in a sentence


class RulePiece(NamedTuple):
    """A fact of the left entity that agrees with one of the right entity.

    Args:
        left, right: names of the other ends, which are linked or matched to each other.
        left_relation, right_relation: the relations.
        left_inverse, right_inverse: whether the entity is the tail and not the head.
        weight: probability in [0, 1) that the entities are the same, from this piece alone.
        known: whether the other ends are a training or validation link, and not a match.
    """

    left: str
    right: str
    left_relation: str
    right_relation: str
    left_inverse: bool
    right_inverse: bool
    weight: float
    known: bool

    def text(self) -> str:
        """The piece in words, e.g. ``both are capital of Greece = Hellas (0.87)``."""
        both = f"{self.left} = {self.right} ({self.weight:.2f})"
        if self.left_inverse != self.right_inverse:
            phrases = [
                _phrase(name, inverse, "is")
                for name, inverse in (
                    (self.left_relation, self.left_inverse),
                    (self.right_relation, self.right_inverse),
                )
            ]
            return f"the left {phrases[0]}, the right {phrases[1]} {both}"
        names = dict.fromkeys((self.left_relation, self.right_relation))
        return f"both {_phrase(' / '.join(names), self.left_inverse, 'are')} {both}"


class PairRules(NamedTuple):
    """What rules say of one pair.

    Args:
        pieces: the facts that agree, the strongest first.
        probability: of the pair by all of them, in [0, 1).
    """

    pieces: tuple[RulePiece, ...]
    probability: float

    def text(self) -> str:
        """The strongest pieces in one sentence, without the full stop; empty without any."""
        shown = "; ".join(piece.text() for piece in self.pieces[:SHOWN])
        rest = len(self.pieces) - SHOWN
        return shown + (f"; {rest} more" if rest > 0 else "")


@dataclass(frozen=True, eq=False)
class RunRules:
    """The rules of a run, from its links and matches.

    Args:
        graphs: the left and the right graph.
        rules: what their relations say.
        known: whether each match of the rules is a training or validation link.
    """

    graphs: Sequence[KnowledgeGraph]
    rules: Rules
    known: np.ndarray

    @classmethod
    def of(cls, graphs: Sequence[KnowledgeGraph], links: LinkSplit, matching: Matching) -> Self:
        """From the graphs, the known links, which are certain, and matches, as probable as their confidence.

        Without confidences a match counts half.
        """
        given = np.unique(np.concatenate([links.train, links.valid]), axis=0)
        new = ~is_in(matching.pairs, given)
        pairs = np.concatenate([given, matching.pairs[new]])
        sure = np.full(int(new.sum()), 0.5) if matching.confidence is None else matching.confidence[new]
        likely = np.concatenate([np.ones(len(given)), sure]).astype(np.float32)
        order = np.lexsort((pairs[:, 1], pairs[:, 0]))
        left, right = (Facts.of(graph.triples, graph.num_entities, len(graph.relations)) for graph in graphs)
        matches = Matches(pairs[order, 0], pairs[order, 1], likely[order])
        return cls(graphs, Rules(left, right, matches), (np.arange(len(pairs)) < len(given))[order])

    def of_pairs(self, pairs: IntArray) -> list[PairRules]:
        """What the rules say of pairs of rows, int64 ``[Q, 2]``."""
        found = self.rules.pieces(pairs[:, 0].copy(), pairs[:, 1].copy())
        answers = []
        for place in range(len(pairs)):
            rows = np.flatnonzero(found.pair == place)
            order = rows[np.argsort(-found.evidence[rows], kind="stable")]
            pieces = tuple(
                self._piece(int(found.left[row]), int(found.right[row]), int(found.match[row]), found.evidence[row])
                for row in order
            )
            answers.append(PairRules(pieces, float(-np.expm1(-found.evidence[rows].sum()))))
        return answers

    def _piece(self, left: int, right: int, match: int, evidence: float) -> RulePiece:
        matches, (one, other) = self.rules.matches, self.graphs
        mine, theirs = _relation(one, self.rules.left, left), _relation(other, self.rules.right, right)
        return RulePiece(
            one.label(int(matches.left[match])),
            other.label(int(matches.right[match])),
            mine[0],
            theirs[0],
            mine[1],
            theirs[1],
            float(-np.expm1(-evidence)),
            bool(self.known[match]),
        )


def _relation(graph: KnowledgeGraph, facts: Facts, place: int) -> tuple[str, bool]:
    """Name of the relation of a fact, and whether the fact is seen from the tail."""
    turned, number = divmod(int(facts.relation[place]), facts.num_relations)
    label = graph.relations[number]
    return names_of_ids([label])[0] or label, bool(turned)


def _phrase(relation: str, inverse: bool, be: str) -> str:
    if inverse:
        return f"{be} {relation}" if relation.endswith(" of") else f"{be} {relation} of"
    return f"{'have' if be == 'are' else 'has'} {relation}"
