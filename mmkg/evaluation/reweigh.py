"""Weights of the parts of a joint embedding, chosen on held-out links."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ..compute.host import isolated
from ..errors import InputError
from ..typing import IntArray
from .filtered import known_pairs, other_answers

FACTORS = (0.0, 0.5, 0.7, 0.85, 1.2, 1.4, 2.0)
LEAST_GAIN = 1e-4  # smallest gain in MRR for which a weight is changed
ROUNDS = 3


@isolated
def choose_weights(
    left: Mapping[str, Tensor],
    right: Mapping[str, Tensor],
    pairs: IntArray,
    *,
    start: Mapping[str, float] | None = None,
    rounds: int = ROUNDS,
    known: IntArray | None = None,
) -> dict[str, float]:
    """One weight >= 0 per part, such that the weighted concatenation ranks held-out links best.

    Every weight starts at 1 or at its value in ``start``. In turn, each is multiplied by the factor in 0 to 2 with the
    largest mean MRR over both directions, by cosine. The weight changes only if the mean gain per link is above its
    standard error, so that a few links alone do not change it. A part without information ends at or near 0. A row of
    zeros in a part means that the part is missing; it is scored by the other parts.

    Args:
        left: unit rows or zeros by name of the part, ``[n1, d_m]``: queries and candidates of the left graph.
        right: the same for the right graph, with the same names.
        pairs: held-out links as positions in these, int64 ``[L, 2]``, L >= 1.
        start: initial weights by name, at least one above 0.
        rounds: largest number of passes over all weights; a pass without a change is the last.
        known: further true pairs as such positions, int64 ``[K, 2]``; other right answers to a query are no candidates.

    Returns:
        The weights, scaled so that the largest is 1.

    Raises:
        InputError: no pairs, or names that differ.

    Source:
        The rule of one standard error: Breiman et al., Classification and Regression Trees, 1984, section 3.4.3.
    """
    if len(pairs) == 0 or list(left) != list(right):
        parts = f"{list(left)} and {list(right)}"
        raise InputError(f"expected at least one pair and the same parts, got {len(pairs)} pairs, {parts}")
    names, links = list(left), torch.from_numpy(np.ascontiguousarray(pairs))
    true = known_pairs(pairs, known)
    directions = [
        _Direction([left[name] for name in names], [right[name] for name in names], links, true),
        _Direction([right[name] for name in names], [left[name] for name in names], links.flip(1), true[:, ::-1]),
    ]

    def score(weights: Sequence[float]) -> Tensor:
        return torch.stack([direction.reciprocal_ranks(weights) for direction in directions]).mean(dim=0)

    weights = [1.0 if start is None else start[name] for name in names]
    best = score(weights)
    for _ in range(rounds):
        moved = False
        for place in range(len(names)):
            tried = [[*weights[:place], weights[place] * factor, *weights[place + 1 :]] for factor in FACTORS]
            scored = [(score(each), each) for each in tried if any(each)]
            found, better = max(scored, key=lambda pair: float(pair[0].mean()))
            if _above_chance(found - best):
                best, weights, moved = found, better, True
        if not moved:
            break
    return {name: weight / max(weights) for name, weight in zip(names, weights, strict=True)}


def _above_chance(gains: Tensor) -> bool:
    """Whether the mean of the gains, one per link, is above its standard error and ``LEAST_GAIN``."""
    error = float(gains.std() / math.sqrt(len(gains))) if len(gains) > 1 else math.inf
    return float(gains.mean()) > max(error, LEAST_GAIN)


class _Direction:
    """Scores of the held-out links in one direction, part by part."""

    def __init__(self, queries: Sequence[Tensor], candidates: Sequence[Tensor], pairs: Tensor, known: IntArray) -> None:
        rows = [part.index_select(0, pairs[:, 0].to(part.device)) for part in queries]
        self.scores = torch.stack([row @ part.t() for row, part in zip(rows, candidates, strict=True)])  # [M, L, n]
        self.present = torch.stack([part.any(dim=1) for part in candidates]).float()  # [M, n]
        self.gold = pairs[:, 1:].to(self.scores.device)
        others = other_answers(pairs[:, 0].numpy(), pairs[:, 1].numpy(), known)
        self.others = tuple(torch.from_numpy(each).to(self.scores.device) for each in others)

    def reciprocal_ranks(self, weights: Sequence[float]) -> Tensor:
        """Reciprocal ranks of the pairs by the cosine of the weighted concatenations, ``[L]``, ties at their mean."""
        squares = torch.tensor(weights, device=self.scores.device).square()
        scores = torch.tensordot(squares, self.scores, dims=1)
        scores /= (squares @ self.present).sqrt().clamp(min=1e-12)
        if len(self.others[0]):
            scores[self.others] = -torch.inf
        own = scores.gather(1, self.gold)
        ranks = 1 + (scores > own).sum(dim=1) + ((scores == own).sum(dim=1) - 1) / 2
        reciprocal: Tensor = 1 / ranks
        return reciprocal
