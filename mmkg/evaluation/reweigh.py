"""Weights of the parts of a joint embedding, chosen on held-out links."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ..compute.host import isolated
from ..compute.products import GRAIN, add_product
from ..errors import InputError
from ..search.tiles import pad_rows, slice_rows
from ..typing import IntArray
from .filtered import known_pairs, other_answers

GRID = (0.0, 0.15, 0.25, 0.35, 0.5, 0.7, 0.85, 1.0, 1.2, 1.4, 2.0)  # that are tried; 1 = the largest other weight
LEAST_GAIN = 1e-4  # smallest gain in MRR for which a weight is changed
LEAST_LINKS = 10  # from which a gain may be above chance
ROUNDS = 3
BLOCK_ROWS = 4096
ROUNDED = 2e-3  # error of the squared length of a unit row in half precision, at most


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

    In turn, each weight takes the value of a grid, from 0 to 2 times the largest other one, that gives the largest mean
    MRR over both directions, by cosine. The weight changes only if the mean gain per link is above its standard error,
    so that a few links alone do not change it, and fewer than ten never. This is done from the weights in ``start``,
    from equal weights, and from weights that are the MRR of each part alone; of the three ends, that with the largest
    mean MRR is taken if it is above that of ``start`` by more than its standard error. So a weight of 0 can come back,
    and where the links tell, it does not matter where the search starts. A part without information ends at or near 0.
    A row of zeros in a part means that the part is missing; it is scored by the other parts.

    Args:
        left: unit rows or zeros by name of the part, ``[n1, d_m]``: queries and candidates of the left graph.
        right: the same for the right graph, with the same names.
        pairs: held-out links as positions in these, int64 ``[L, 2]``, L >= 1.
        start: weights by name that are kept if no others are better, at least one above 0; by default all are 1.
        rounds: largest number of passes over all weights from each start; a pass without a change is the last.
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
    links, true = torch.from_numpy(np.ascontiguousarray(pairs)), known_pairs(pairs, known)
    there, back = LinkScores(links, true), LinkScores(links.flip(1), true[:, ::-1])
    for name in left:
        ends = (
            side[name].index_select(0, links[:, place].to(side[name].device))
            for place, side in enumerate((left, right))
        )
        for direction, queries, candidates in zip((there, back), ends, (right[name], left[name]), strict=True):
            direction.add(name, queries, candidates)
    return best_weights((there, back), dict.fromkeys(left, 1.0) if start is None else start, rounds=rounds)


def best_weights(
    directions: Sequence["LinkScores"],
    start: Mapping[str, float],
    *,
    rounds: int = ROUNDS,
    grid: Sequence[float] = GRID,
) -> dict[str, float]:
    """``choose_weights`` from the scores of the links, once per direction.

    Args:
        directions: of the same links and parts.
        start: weights by name of the part that are kept if no others are better, at least one above 0.
        rounds: largest number of passes over all weights from each start.
        grid: weights that are tried, relative to the largest weight of the other parts.
    """
    even = dict.fromkeys(start, 1.0)
    alone = {name: float(_reciprocal_ranks(directions, {name: 1.0}).mean()) for name in start}
    before = _reciprocal_ranks(directions, start)
    found, gained = dict(start), before
    for begin in _distinct([even, alone, start]):
        weights, reached = _climbed(directions, begin, rounds=rounds, grid=grid)
        if reached.mean() > gained.mean():
            found, gained = weights, reached
    found = found if above_chance(gained - before) else dict(start)
    return _scaled(found)


def _climbed(
    directions: Sequence["LinkScores"], start: Mapping[str, float], *, rounds: int, grid: Sequence[float]
) -> tuple[dict[str, float], Tensor]:
    """Weights after some passes from ``start``, and the reciprocal ranks of the links with them, ``[L]``."""
    weights = dict(start)
    best = _reciprocal_ranks(directions, weights)
    for _ in range(rounds):
        moved = False
        for name in weights:
            largest = max((weight for other, weight in weights.items() if other != name), default=0.0)
            if largest == 0:
                continue  # the only part: its weight has no effect
            some = [largest * each for each in grid]
            scored = _mean([each.tried(weights, name, some) for each in directions])
            place = int(scored.mean(dim=1).argmax())
            if above_chance(scored[place] - best):
                best, moved = scored[place], True
                weights[name] = some[place]
        if not moved:
            break
    return weights, best


def _reciprocal_ranks(directions: Sequence["LinkScores"], weights: Mapping[str, float]) -> Tensor:
    return _mean([each.reciprocal_ranks(weights) for each in directions])


def _scaled(weights: Mapping[str, float]) -> dict[str, float]:
    """The weights, the largest of which is 1."""
    return {name: weight / max(weights.values()) for name, weight in weights.items()}


def _distinct(starts: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """The starts as scaled weights, each of them once."""
    found: list[dict[str, float]] = []
    for start in map(_scaled, starts):
        if start not in found:
            found.append(start)
    return found


def _mean(found: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(found)).mean(dim=0)


def above_chance(gains: Tensor) -> bool:
    """Whether the mean of the gains, one per link, is above its standard error and ``LEAST_GAIN``.

    Fewer than ten links cannot say: their standard error is itself a matter of chance.
    """
    if len(gains) < LEAST_LINKS:
        return False
    error = float(gains.std() / math.sqrt(len(gains)))
    return float(gains.mean()) > max(error, LEAST_GAIN)


class LinkScores:
    """Scores of held-out links among all candidates in one direction, part by part; each part is scored once.

    Args:
        pairs: held-out links as positions of queries and of candidates, int64 ``[L, 2]``.
        known: further true pairs as such positions, int64 ``[K, 2]``.
    """

    def __init__(self, pairs: Tensor, known: IntArray) -> None:
        self.rows, self.gold = pairs[:, 0].contiguous(), pairs[:, 1].contiguous()
        self.others = other_answers(pairs[:, 0].numpy(), pairs[:, 1].numpy(), known)
        self.scores: dict[str, Tensor] = {}  # [L, n]
        self.squares: dict[
            str, Tensor
        ] = {}  # [n], squared length of each candidate's part: 1, or 0 where it is missing

    def add(self, name: str, queries: Tensor, candidates: Tensor, *, pool: Tensor | None = None) -> None:
        """Score a part, or replace its scores.

        Args:
            name: of the part.
            queries: the part of the queries of the links, ``[L, d]``; zeros where it is missing, at most unit length.
            candidates: likewise of the candidates, ``[n, d]``.
            pool: the rows of ``candidates`` that are candidates, int64 ``[n]``; ``None`` = all.
        """
        wanted = pad_rows(queries.float())
        number = len(candidates) if pool is None else len(pool)
        scores = wanted.new_empty(len(wanted), number + -number % GRAIN)
        squares = wanted.new_empty(number)
        for start in range(0, number, BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, number)
            some = candidates[start:stop] if pool is None else candidates[pool[start:stop].to(candidates.device)]
            block = pad_rows(some.float())
            add_product(scores[:, start : start + len(block)], wanted, block.T, beta=0)
            squares[start:stop] = some.float().square().sum(dim=1)
        unit = (squares - 1).abs() < ROUNDED
        self.scores[name], self.squares[name] = scores[: len(queries), :number], squares.masked_fill(unit, 1)

    def keep(self, *names: str) -> None:
        """Forget all other parts."""
        self.scores = {name: self.scores[name] for name in names}
        self.squares = {name: self.squares[name] for name in names}

    def among(self, columns: IntArray) -> "LinkScores":
        """The same with some of the candidates only, ascending, the right answers among them."""
        kept = torch.from_numpy(columns)
        few = LinkScores(
            torch.stack([self.rows, torch.searchsorted(kept, self.gold)], dim=1), np.empty((0, 2), np.int64)
        )
        inside = np.isin(self.others[1], columns)
        few.others = self.others[0][inside], np.searchsorted(columns, self.others[1][inside])
        few.scores = {name: scores[:, kept.to(scores.device)] for name, scores in self.scores.items()}
        few.squares = {name: squares[kept.to(squares.device)] for name, squares in self.squares.items()}
        return few

    def reciprocal_ranks(self, weights: Mapping[str, float]) -> Tensor:
        """Reciprocal ranks of the links by the cosine of the weighted concatenations, ``[L]``, ties at their mean."""
        name = next(iter(weights))
        return self.tried(weights, name, (weights[name],))[0]

    def tried(self, weights: Mapping[str, float], name: str, values: Sequence[float]) -> Tensor:
        """``reciprocal_ranks`` with each of some weights of one part, ``[F, L]``."""
        own, squares = self.scores[name], self.squares
        rest = {other: weight**2 for other, weight in weights.items() if other != name}
        factors = [value**2 for value in values]
        without = torch.zeros_like(squares[name])
        for other, square in rest.items():
            without += square * squares[other]
        lengths = [(without + square * squares[name]).sqrt().clamp(min=1e-12) for square in factors]
        found = own.new_empty(len(values), len(own))
        gold = self.gold.to(own.device)[:, None]
        step = slice_rows(own)
        sums, scores, compared = (own.new_empty(min(step, len(own)), own.shape[1]) for _ in range(3))
        for start in range(0, len(own), step):
            block = slice(start, start + step)
            number = len(own[block])
            summed, scored, more = sums[:number].zero_(), scores[:number], compared[:number]
            for other, square in rest.items():
                summed.add_(self.scores[other][block], alpha=square)
            first, last = np.searchsorted(self.others[0], [start, start + number])
            rows, columns = (torch.from_numpy(each[first:last]).to(own.device) for each in self.others)
            for place, square in enumerate(factors):
                torch.add(summed, own[block], alpha=square, out=scored)
                scored /= lengths[place]
                scored[rows - start, columns] = -torch.inf
                mine = scored.gather(1, gold[block])
                better = torch.gt(scored, mine, out=more).sum(dim=1)
                equal = torch.eq(scored, mine, out=more).sum(dim=1)
                found[place, block] = 1 / (1 + better + (equal - 1) / 2)
        return found
