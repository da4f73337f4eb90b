"""Rule evidence, with values worked out by hand and from a loop over all pairs of facts."""

import math

import numpy as np
import pytest
import torch

from mmkg.data.features.config import FeatureConfig
from mmkg.data.features.incidence import build_incidence
from mmkg.data.kg import KnowledgeGraph
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.models import rules as module
from mmkg.models.rule_part import rule_part, triple_facts
from mmkg.models.rules import Facts, Matches, Rules

# capital (0) of, in (1): of towns 0 and 1 and countries 2 and 3, of which 0 is the capital of 2
LEFT = np.array([[0, 0, 2], [0, 1, 2], [1, 1, 2]])
RIGHT = np.array([[0, 0, 2], [0, 1, 2], [1, 1, 2]])


def matches(*rows):
    left, right, probability = zip(*rows, strict=True)
    return Matches.of(np.array(left), np.array(right), np.array(probability, np.float32))


@pytest.fixture
def rules():
    sides = (Facts.of(triples, 4, 2) for triples in (LEFT, RIGHT))
    return Rules(*sides, matches((0, 0, 1.0), (2, 2, 1.0)))


def test_facts_are_triples_seen_from_both_ends():
    facts = Facts.of(np.array([[0, 0, 1], [2, 0, 1], [0, 0, 1], [1, 1, 1]]), 3, 2)
    assert np.stack(facts[:3], axis=1).tolist() == [[0, 0, 1], [1, 2, 0], [1, 2, 2], [2, 0, 1]]
    assert facts.entities.tolist() == [2, 1, 1, 2]  # two entities have relation 0 to entity 1


def test_relations_imply_each_other_as_far_as_statements_of_matched_entities_agree(rules, monkeypatch):
    monkeypatch.setattr(module, "SMOOTHING", 0.0)
    keys, in_right, in_left = rules.implied
    found = {divmod(key, 4): shares for key, *shares in zip(keys.tolist(), in_right, in_left, strict=True)}
    # town 0 is known to be capital of and in country 2: of known entities, either relation has one statement
    assert found == {(r, s): [1.0, 1.0] for r, s in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 2), (2, 3), (3, 2), (3, 3))}
    monkeypatch.setattr(module, "SMOOTHING", 3.0)
    smoothed = Rules(rules.left, rules.right, rules.matches).implied
    assert smoothed[1].tolist() == [0.25] * 8


def test_evidence_is_noisy_or_by_hand(rules, monkeypatch):
    monkeypatch.setattr(module, "SMOOTHING", 0.0)
    # "capital of" holds of one town, "in" of two; a piece counts at most .99
    capital, inside = -math.log(1 - 0.99), -math.log(1 - 2**-0.5)
    found = rules.evidence(np.array([0, 1, 0, 3, 1]), np.array([0, 1, 1, 3, 2]))
    # "in" of town 0 agrees best with the other "capital of", which has a better piece already
    assert found == pytest.approx([2 * capital, 2 * inside, capital + inside, 0, 0])


def test_relations_that_share_no_statement_are_no_evidence():
    sides = (Facts.of(np.array([[0, 0, 2], [1, 1, 2]]), 3, 2) for _ in range(2))
    rules = Rules(*sides, matches((0, 0, 1.0), (2, 2, 1.0)))  # only relation 0 holds of matched entities
    assert rules.evidence(np.array([0, 1, 0]), np.array([0, 1, 1])).tolist()[1:] == [0, 0]
    assert rules.evidence(np.array([0]), np.array([0]))[0] > 0


def naive(rules, left, right):
    """Eq. 13 with the strongest piece of each fact, by loops."""
    keys, in_right, in_left = rules.implied
    shares = {int(key): pair for key, *pair in zip(keys, in_right, in_left, strict=True)}
    likely = {(int(i), int(j)): float(p) for i, j, p in zip(*rules.matches, strict=True)}
    totals = []
    for x, y in zip(left.tolist(), right.tolist(), strict=True):
        found = []
        for i in np.flatnonzero(rules.left.entity == x):
            for j in np.flatnonzero(rules.right.entity == y):
                p = likely.get((int(rules.left.other[i]), int(rules.right.other[j])), 0)
                key = int(rules.left.relation[i] * 2 * rules.right.num_relations + rules.right.relation[j])
                there, back = shares.get(key, (0, 0))
                weights = (
                    min(0.99, back * p / rules.left.entities[i] ** 0.5),
                    min(0.99, there * p / rules.right.entities[j] ** 0.5),
                )
                found.append((-sum(math.log(1 - each) for each in weights), int(i), int(j)))
        total = 0.0
        for value, i, j in found:
            mine = max(other for other, a, _ in found if a == i)
            theirs = max(other for other, _, b in found if b == j)
            total += value if value == mine == theirs else 0
        totals.append(total)
    return totals


def drawn(seed, number=12, relations=3):
    rng = np.random.default_rng(seed)
    sides = [
        Facts.of(
            np.stack([rng.integers(top, size=30) for top in (number, relations, number)], axis=1), number, relations
        )
        for _ in range(2)
    ]
    pairs = np.argwhere(rng.random((number, number)) < 0.3)
    # probabilities that differ, so that no two pieces of evidence are equal
    probability = rng.permutation(np.linspace(0.1, 1, len(pairs))).astype(np.float32)
    return Rules(*sides, Matches.of(pairs[:, 0], pairs[:, 1], probability))


@pytest.mark.parametrize("seed", [0, 1])
def test_evidence_is_that_of_a_loop_whatever_the_blocks(seed, monkeypatch):
    rules = drawn(seed)
    left, right = (each.ravel() for each in np.meshgrid(np.arange(12), np.arange(12), indexing="ij"))
    expected = naive(rules, left, right)
    assert max(expected) > 0.3
    np.testing.assert_allclose(rules.evidence(left, right), expected, rtol=1e-9)
    monkeypatch.setattr(module, "BLOCK_FACTS", 5)
    np.testing.assert_allclose(rules.evidence(left, right), expected, rtol=1e-9)


def test_swapping_the_graphs_swaps_the_evidence():
    rules = drawn(2)
    rows, cols = np.arange(12), np.arange(12)[::-1].copy()
    known = rules.matches
    other = Rules(rules.right, rules.left, Matches.of(known.right, known.left, known.probability))
    np.testing.assert_allclose(other.evidence(cols, rows), rules.evidence(rows, cols), rtol=1e-9)


def test_without_matches_or_pairs_there_is_no_evidence(rules):
    none = np.empty(0, np.int64)
    lonely = Rules(rules.left, rules.right, Matches(none, none, np.empty(0, np.float32)))
    assert lonely.evidence(np.arange(3), np.arange(3)).tolist() == [0, 0, 0]
    assert rules.evidence(none, none).shape == (0,)


def graph(triples, prefix):
    names = tuple(f"{prefix}{i}" for i in range(4))
    return KnowledgeGraph(names, (f"{prefix} capital", f"{prefix} in"), triples)


def test_products_of_rows_are_the_evidence():
    none = np.empty((0, 2), np.int64)
    task = AlignmentTask(graph(LEFT, "l"), graph(RIGHT, "r"), LinkSplit(np.array([[0, 0]]), none, none))
    inputs = build_incidence(task, FeatureConfig(modalities=("relation",)))
    known = (np.array([0, 2, 2]), np.array([0, 2, 1]), np.array([1, 1, 0.3], np.float32))
    rules = Rules(*triple_facts(inputs), Matches.of(*known))
    assert rules.left.num_relations == 4  # relations with different labels are different ones
    left, right = np.array([0, 1, 0, 1]), np.array([0, 1, 1, 0])
    rows = rule_part(rules, (left, right), (4, 4), dim=8192, seed=3)
    lengths = rows.norm(dim=1)
    torch.testing.assert_close(lengths, torch.tensor([1.0, 1, 1, 0, 1, 1, 1, 0]))  # 3 is in no triple
    evidence = rules.evidence(left, right)
    products = (rows[left] * rows[4 + right]).sum(dim=1).numpy()
    assert evidence.min() > 0.1 and evidence[0] == evidence.max()
    np.testing.assert_allclose(products, evidence / (1 + evidence), atol=0.03)
    np.testing.assert_allclose((rows[3:4] @ rows[4:].T).numpy(), 0)
    half = rule_part(rules, (left, right), (4, 4), dim=8192, seed=3, dtype=torch.float16)
    assert half.dtype == torch.float16
    torch.testing.assert_close(half.float(), rows, atol=1e-3, rtol=0)


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_what_relations_share_is_that_of_a_loop_whatever_the_blocks(monkeypatch, block):
    monkeypatch.setattr(module, "BLOCK_FACTS", block)
    rules = drawn(3)
    common: dict[tuple[int, int], float] = {}
    pairs = list(zip(*(each.tolist() for each in rules.matches), strict=True))
    facts = [
        list(zip(*(each.tolist() for each in (side.entity, side.relation, side.other)), strict=True))
        for side in (rules.left, rules.right)
    ]
    likely = {(i, j): p for i, j, p in pairs}
    for x, r, y in facts[0]:
        for i, s, j in facts[1]:
            both = likely.get((x, i), 0) * likely.get((y, j), 0)
            if both:
                common[r, s] = common.get((r, s), 0) + both
    keys, in_right, in_left = rules.implied
    assert [divmod(key, 2 * rules.right.num_relations) for key in keys.tolist()] == sorted(common)
    best = [np.zeros(12), np.zeros(12)]
    for i, j, p in pairs:
        best[0][i], best[1][j] = max(best[0][i], p), max(best[1][j], p)
    known = [
        {r: sum(best[side][x] * best[side][y] for x, q, y in facts[side] if q == r) for _, r, _ in facts[side]}
        for side in (0, 1)
    ]
    expected = [
        (common[r, s] / (known[0][r] + module.SMOOTHING), common[r, s] / (known[1][s] + module.SMOOTHING))
        for r, s in sorted(common)
    ]
    np.testing.assert_allclose(np.stack([in_right, in_left], axis=1), np.minimum(expected, 1), rtol=1e-6)
