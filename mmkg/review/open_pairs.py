"""Pairs that nobody has decided, as columns: what a run is unsure of, and what depends on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..data.kg import KnowledgeGraph
from ..matching.held_out import LISTED, pair_margins
from ..result.answers import Answers
from ..result.embeddings import SIDES
from ..result.linked import pair_scores
from ..typing import BoolArray, FloatArray, IntArray

NO_CONFIDENCE = 0.5  # of the pairs of a run without confidences


@dataclass(frozen=True, eq=False)
class OpenPairs:
    """The best candidate of each open entity of either side; an entity is open if nobody has said what it matches.

    Columns have an entry for each of P pairs, sorted by left and right row.

    Args:
        pairs: left and right rows, int64 ``[P, 2]``.
        confidence: probability that the pair is right, ``[P]``.
        margin: see ``pair_margins``, ``[P]``.
        rival: the best other right entity of the left one, int64 ``[P]``; -1 without any.
        against: whether a modality prefers the rival, bool ``[P]`` by modality.
        neighbors: different neighbours of the left or of the right entity, whichever has fewer, int64 ``[P]``; 0
            without the graphs.
    """

    pairs: IntArray
    confidence: FloatArray
    margin: FloatArray
    rival: IntArray
    against: dict[str, BoolArray]
    neighbors: IntArray

    @staticmethod
    def of(result: Answers, is_open: Sequence[BoolArray]) -> "OpenPairs":
        """The open pairs of a run.

        Args:
            result: the run.
            is_open: which left and which right entities are open, bool ``[n1]`` and ``[n2]``.
        """
        nearest = result.searcher.nearest
        found = []
        for place, side in enumerate(SIDES):
            rows = np.flatnonzero(is_open[place])
            listed = nearest(rows, LISTED, side)
            fits = listed.present & is_open[1 - place][listed.ids]
            some = np.flatnonzero(fits.any(axis=1))
            best = listed.ids[some, fits[some].argmax(axis=1)]
            found.append(np.stack([rows[some], best], axis=1)[:, :: 1 if place == 0 else -1])
        pairs = np.unique(np.concatenate(found), axis=0)
        scores = pair_scores(pairs, result.searcher)
        margins = pair_margins(pairs, scores, nearest)
        learnt = result.counterparts
        sure = np.full(len(pairs), NO_CONFIDENCE) if learnt is None else learnt.calibration.predict(margins)
        two = nearest(pairs[:, 0], 2, "left")
        rival = np.where(two.ids[:, 0] == pairs[:, 1], two.ids[:, 1], two.ids[:, 0])
        mine, others = result.shares(pairs), result.shares(np.stack([pairs[:, 0], np.maximum(rival, 0)], axis=1))
        against = {name: (others[name] > mine[name]) & (rival >= 0) for name in mine}
        neighbors = np.zeros(len(pairs), np.int64)
        if (graphs := result.run_graphs) is not None:
            counts = [_number_of_neighbors(graph) for graph in graphs.now]
            neighbors = np.minimum(counts[0][pairs[:, 0]], counts[1][pairs[:, 1]])
        return OpenPairs(pairs, sure, margins, rival, against, neighbors)


def _number_of_neighbors(graph: KnowledgeGraph) -> IntArray:
    """Number of different neighbours of each entity, besides itself, ``[N]``."""
    size = graph.num_entities
    heads, tails = graph.triples[:, 0], graph.triples[:, 2]
    edges = np.unique(np.minimum(heads, tails) * size + np.maximum(heads, tails))
    ends = np.stack([edges // size, edges % size])
    found: IntArray = np.bincount(ends[:, ends[0] != ends[1]].ravel(), minlength=size)
    return found
