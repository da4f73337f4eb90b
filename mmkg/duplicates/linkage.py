"""How likely two entities are the same: Fellegi and Sunter's model, learnt from the graph itself by EM."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..typing import BoolArray, FloatArray
from .comparisons import ATTRIBUTE, NAME, NEIGHBOURS, ROLES, Comparison
from .views import PICTURE, Numbers
from .views import Levels as LevelArray
from .words import LITTLE, PART

ROUNDS = 50
FLOOR = 1e-7
LARGEST_LOG = 50.0
LEAST_NAMED = 0.5  # share of candidate pairs with two names from which names decide
HARD_PAIRS = 500  # pairs with somewhat similar names from which the levels of different entities are learnt

# Before anything is learnt: how often the names of two candidates that differ so are those of one entity, from missing
# names over equal ones to others. Such a share counts as many pairs as ``NAME_PAIRS``.
NAME_SHARES = np.array([0.02, 0.8, 0.7, 0.5, 0.2, 0.1, 0.02, 0.003, 0.0005, 0.0005])
NAME_PAIRS = 500.0
# How often the other comparisons of one entity give each level; these count as many pairs as ``PRIOR_PAIRS``.
LEVELS: dict[str, tuple[float, ...]] = {
    NEIGHBOURS: (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.4),
    ROLES: (0.55, 0.25, 0.15, 0.05),
    PICTURE: (0.3, 0.2, 0.2, 0.15, 0.1, 0.05),
}
EQUAL_VALUES, SIMILAR_VALUES, BY_CHANCE = 0.75, 0.15, 0.1
PRIOR_PAIRS = {ATTRIBUTE: 300.0, NEIGHBOURS: 1000.0, ROLES: 1000.0, PICTURE: 1000.0}
CHANCE_PAIRS = 10.0


class Linkage(NamedTuple):
    """The weights of the levels.

    Args:
        shares: share of the same entities among candidates, for missing names and each level of the names, ``[10]``.
        same: probability of each level of the other comparisons for the same entity, a row per comparison.
        other: the same for different entities.
    """

    shares: Numbers
    same: list[Numbers]
    other: list[Numbers]

    def log_odds(self, levels: LevelArray, common: FloatArray, comparisons: Sequence[Comparison]) -> Numbers:
        """Log-odds that the two entities of each pair are the same, float64 ``[P]``.

        Equality in a rare value weighs more than in a common one, by the logarithm of how common it is.
        """
        total: Numbers = np.log(self.shares / (1 - self.shares))[levels[:, 0] + 1]
        for column, weights in enumerate(self.weights(comparisons), start=1):
            level = levels[:, column]
            total += np.append(weights, 0.0)[level]  # -1 is missing
        for column in range(levels.shape[1]):
            equal = ~np.isnan(common[:, column])
            if equal.any():
                rarity = -np.log(common[equal, column].astype(np.float64))
                total[equal] += rarity - rarity.mean()
        return total

    def weights(self, comparisons: Sequence[Comparison]) -> list[Numbers]:
        """Evidence of each level in nats: it never rises with the level, and no common neighbours are no evidence."""
        found = []
        for same, other, comparison in zip(self.same, self.other, comparisons[1:], strict=True):
            weights = np.minimum.accumulate(np.log(same) - np.log(other))
            found.append(np.maximum(weights, 0.0) if comparison.kind == NEIGHBOURS else weights)
        return found


def learn_linkage(
    levels: LevelArray,
    common: FloatArray,
    random: LevelArray,
    comparisons: Sequence[Comparison],
    *,
    relational: bool,
    known: BoolArray | None = None,
    never: BoolArray | None = None,
) -> tuple[Linkage, Numbers]:
    """Learn the weights from candidate pairs, of which no duplicate need be known.

    Expectation maximisation, in which each level of the names has its own share of the same entities. In a graph of
    relations with names only pairs with similar names teach what the same entities have in common, and those with
    somewhat similar names what different ones have: otherwise siblings, which share all neighbours, would be taken for
    the same. In tables, whose attributes are independent, all pairs teach.

    Args:
        levels: of the candidate pairs, int8 ``[P, C]``; the first comparison is that of the names.
        common: how common equal values are, float32 ``[P, C]``.
        random: levels of random pairs, int8 ``[R, C]``.
        comparisons: the comparisons.
        relational: whether entities are linked by triples.
        known: candidate pairs that are known to be the same, ``[P]``.
        never: candidate pairs that are known to be different, ``[P]``.

    Returns:
        The weights, and the probability of each pair, float64 ``[P]``.

    Source:
        Fellegi and Sunter, JASA 1969; Winkler, Proc. Survey Research Methods, ASA 1988, for EM.
    """
    assert comparisons[0].kind == NAME
    name = levels[:, 0]
    named = relational and bool(len(name)) and bool((name >= 0).mean() > LEAST_NAMED)
    teaches = (name <= PART) if named else np.ones(len(name), bool)
    hard = (name >= PART) & (name <= LITTLE)
    contrast = hard if named and hard.sum() >= HARD_PAIRS else np.ones(len(name), bool)
    learnt = np.arange(len(NAME_SHARES)) <= (PART + 1 if named else len(NAME_SHARES))
    by_chance = [
        _levels_of(random[:, place], each.size, np.full(each.size, 1 / each.size), 1.0)
        for place, each in _rest(comparisons)
    ]
    other = by_chance
    if named:
        other = [
            _levels_of(levels[contrast, place], each.size, prior, CHANCE_PAIRS)
            for (place, each), prior in zip(_rest(comparisons), by_chance, strict=True)
        ]
    priors = [_prior(each, chance) for (_, each), chance in zip(_rest(comparisons), other, strict=True)]
    found = Linkage(NAME_SHARES, priors, other)
    counts = np.bincount(name + 1, minlength=len(NAME_SHARES))
    weight = NAME_PAIRS if named else min(NAME_PAIRS, 50.0)
    for number in range(ROUNDS):
        likely = _likely(found, levels, common, comparisons, known, never)
        taught = likely * teaches
        same = [
            _levels_of(levels[:, place], each.size, prior, PRIOR_PAIRS[each.kind], taught)
            for (place, each), prior in zip(_rest(comparisons), priors, strict=True)
        ]
        if named or number >= 5:  # in tables random pairs are a safe start
            other = [
                _levels_of(levels[contrast, place], each.size, prior, CHANCE_PAIRS, 1 - taught[contrast])
                for (place, each), prior in zip(_rest(comparisons), by_chance, strict=True)
            ]
        shares = (np.bincount(name + 1, taught, minlength=len(counts)) + weight * NAME_SHARES) / (counts + weight)
        found = Linkage(np.where(learnt, np.clip(shares, FLOOR, 1 - FLOOR), NAME_SHARES), same, other)
    return found, _likely(found, levels, common, comparisons, known, never)


def probability(log_odds: Numbers) -> Numbers:
    """Probabilities of log-odds, float64."""
    found: Numbers = 1 / (1 + np.exp(-np.clip(log_odds, -LARGEST_LOG, LARGEST_LOG)))
    return found


def _likely(
    linkage: Linkage,
    levels: LevelArray,
    common: FloatArray,
    comparisons: Sequence[Comparison],
    known: BoolArray | None,
    never: BoolArray | None,
) -> Numbers:
    likely = probability(linkage.log_odds(levels, common, comparisons))
    if known is not None:
        likely[known] = 1.0
    if never is not None:
        likely[never] = 0.0
    return likely


def _rest(comparisons: Sequence[Comparison]) -> list[tuple[int, Comparison]]:
    """The comparisons without that of the names, and their columns."""
    return list(enumerate(comparisons))[1:]


def _prior(comparison: Comparison, chance: Numbers) -> Numbers:
    """Probability of each level for the same entity, before anything is learnt."""
    if comparison.kind in LEVELS:
        return np.array(LEVELS[comparison.kind])
    found = np.zeros(comparison.size)
    found[0], found[1:-1] = EQUAL_VALUES, SIMILAR_VALUES / (comparison.size - 2)
    return np.maximum(found + BY_CHANCE * chance, FLOOR)


def _levels_of(levels: LevelArray, size: int, prior: Numbers, weight: float, likely: Numbers | None = None) -> Numbers:
    """Share of each level, ``[size]``, with a prior that counts as ``weight`` pairs."""
    there = levels >= 0
    counts = np.bincount(levels[there], None if likely is None else likely[there], minlength=size)
    found: Numbers = np.maximum((counts + weight * prior) / (counts.sum() + weight), FLOOR)
    return found
