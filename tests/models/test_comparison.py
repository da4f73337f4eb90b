"""Pairs compared by their neighbours, held against a loop over all pairs of facts."""

import math

import numpy as np
import pytest
import torch

from mmkg.models import comparison
from mmkg.models.comparison import COMPARED, Surroundings, compare_neighbors
from mmkg.models.pair_part import pair_part
from mmkg.models.rules import Facts

N, R = 9, 3
LINKS = np.array([[0, 1], [1, 0], [5, 5]])
ROWS, COLS = (each.ravel() for each in np.meshgrid(np.arange(N), np.arange(N), indexing="ij"))


def drawn(seed, number=22):
    """Facts of random triples; entity 8 has none."""
    generator = np.random.default_rng(seed)
    triples = np.stack([generator.integers(0, high, number) for high in (N - 1, R, N - 1)], axis=1)
    return Facts.of(triples, N, R)


def vectors_of(seed):
    return torch.randn(N, 5, generator=torch.Generator().manual_seed(seed))


def cosine(a, b):
    length = math.sqrt(sum(x * x for x in a) * sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / length if length else 0.0


def unit(row):
    length = math.sqrt(sum(x * x for x in row))
    return [x / length if length else 0.0 for x in row]


def described(facts, rows):
    """Of each relation: the unit mean of the other ends, then that of the entities that have it."""
    found = []
    for relation in range(2 * R):
        ends = []
        for side in (facts.other, facts.entity):
            some = [rows[e] for e, r in zip(side.tolist(), facts.relation.tolist(), strict=True) if r == relation]
            ends += unit([sum(column) for column in zip(*some, strict=True)] if some else [0.0] * len(rows[0]))
        found.append(ends)
    return found


def naive(sides, vectors, links, i, j):
    """The six scores of one pair, as the docstring states them."""
    rows = []
    for side in vectors:
        centre = side.double().mean(dim=0)
        rows.append([unit(row) for row in (torch.nn.functional.normalize(side.double() - centre, dim=1)).tolist()])
    relations = [described(side, some) for side, some in zip(sides, rows, strict=True)]
    partner, back = dict(links.tolist()), {b: a for a, b in links.tolist()}

    def facts_of(side, entity):
        degree = np.bincount(side.entity, minlength=N)
        columns = (side.entity, side.relation, side.other, side.entities)
        return [
            (r, o, n, 1 / (degree[o] ** 0.5 * n**0.25))
            for e, r, o, n in zip(*(each.tolist() for each in columns), strict=True)
            if e == entity
        ]

    mine, theirs = facts_of(sides[0], i), facts_of(sides[1], j)

    def alike(f, g):
        if f[1] in partner or g[1] in back:
            return float(partner.get(f[1]) == g[1])
        return max(0.0, cosine(rows[0][f[1]], rows[1][g[1]]))

    def joined(f, g):
        same = (f[0] < R) == (g[0] < R)
        return max(0.0, cosine(relations[0][f[0]], relations[1][g[0]])) if same else 0.0

    def evidence(f, g):
        likely = alike(f, g) ** 3 * joined(f, g) ** 2
        return sum(-math.log(1 - min(0.99, likely / fact[2] ** 0.5)) for fact in (f, g))

    found = []
    for score in (alike, lambda f, g: alike(f, g) * joined(f, g)):
        for own, other, way in ((mine, theirs, 1), (theirs, mine, -1)):
            best = [max((score(*(f, g)[::way]) for g in other), default=0.0) for f in own]
            total = sum(f[3] for f in own)
            found.append(sum(f[3] * b**2 for f, b in zip(own, best, strict=True)) / total if total else 0.0)
    for own, other, way in ((mine, theirs, 1), (theirs, mine, -1)):
        found.append(sum(max((evidence(*(f, g)[::way]) for g in other), default=0.0) for f in own))
    return found


@pytest.mark.parametrize("block", [7, 1024])
def test_the_scores_are_those_of_a_loop_whatever_the_blocks(monkeypatch, block):
    monkeypatch.setattr(comparison, "BLOCK_PAIRS", block)
    sides, vectors = (drawn(0), drawn(1)), (vectors_of(2), vectors_of(3))
    expected = [naive(sides, vectors, LINKS, i, j) for i, j in zip(ROWS.tolist(), COLS.tolist(), strict=True)]
    found = compare_neighbors(sides, vectors, LINKS, ROWS, COLS)
    assert found.shape == (N * N, len(COMPARED)) and float(found.max()) > 0.5
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-5)
    assert not found[(ROWS == 8) | (COLS == 8)].any()


def test_swapping_the_graphs_swaps_the_scores():
    sides, vectors = (drawn(0), drawn(1)), (vectors_of(2), vectors_of(3))
    there = compare_neighbors(sides, vectors, LINKS, ROWS, COLS)
    back = compare_neighbors(sides[::-1], vectors[::-1], LINKS[:, ::-1], COLS, ROWS)
    torch.testing.assert_close(back[:, [1, 0, 3, 2, 5, 4]], there)


def test_a_pair_is_judged_by_its_own_neighbours():
    """Alone, with others, or with another embedding of an entity that is no neighbour, but for the means of all."""
    sides, vectors = (drawn(0), drawn(1)), (vectors_of(2), vectors_of(3))
    every = compare_neighbors(sides, vectors, LINKS, ROWS, COLS)
    one = compare_neighbors(sides, vectors, LINKS, ROWS[30:31], COLS[30:31])
    torch.testing.assert_close(one[0], every[30])


def test_the_rarest_facts_of_an_entity_are_kept():
    """0 is joined to 1, 2 and 3; 1 has two more facts, 2 one more, 3 none."""
    triples = np.array([[0, 0, 1], [0, 0, 2], [0, 0, 3], [1, 0, 4], [1, 0, 5], [2, 0, 4]])
    found = Surroundings.of(Facts.of(triples, 6, 1), most=2)
    assert found.other[0].tolist() == [3, 2]
    torch.testing.assert_close(found.weight[0], torch.tensor([1.0, 2**-0.5]))
    assert (found.weight[3] > 0).tolist() == [True, False]


def test_products_of_rows_are_the_scores_of_pairs():
    rows, cols = torch.tensor([0, 0, 1]), torch.tensor([0, 1, 2])
    scores = torch.tensor([0.6, 0.5, 0.9])
    part = pair_part(rows, cols, scores, (3, 4), dim=8192, purpose="codes", seed=3)
    expected = torch.zeros(3, 4)
    expected[rows, cols] = scores
    torch.testing.assert_close(part[:3] @ part[3:].T, expected, atol=0.04, rtol=0)
    torch.testing.assert_close(part.norm(dim=1), torch.ones(7))
