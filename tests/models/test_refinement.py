from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmkg.data.features.config import FeatureConfig
from mmkg.data.features.incidence import build_incidence
from mmkg.data.kg import AttributeTriples, KnowledgeGraph
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.data.tensors.sparse import random_projection, walk_steps
from mmkg.errors import UsageError
from mmkg.models import RefinementConfig, spread_matches
from mmkg.sources.synthetic import twin_graphs

WIDE = RefinementConfig(structure_dim=2048, relation_dim=2048, attribute_dim=2048)
NONE = np.empty((0, 2), np.int64)


def graph(triples, num_entities, num_relations, attributes=None, prefix="r"):
    facts = AttributeTriples.empty() if attributes is None else attributes
    names = tuple(f"e{i}" for i in range(num_entities))
    return KnowledgeGraph(
        names, tuple(f"{prefix}{i}" for i in range(num_relations)), np.array(triples), attributes=facts
    )


def task_of(left, right):
    return AlignmentTask(left, right, LinkSplit(np.array([[0, 0]]), NONE, NONE))


def cosines(part, num_left):
    return (part[:num_left] @ part[num_left:].t()).numpy()


def expected_structure(task, probability, damping, hops=1):
    """Cosines of exact label distributions, entity by entity, triple by triple, and their mean over the hops."""
    labels = [probability, np.diag(probability.max(axis=0))]
    rows = []
    for graph_, label in zip((task.left, task.right), labels, strict=True):
        joined = [[] for _ in range(graph_.num_entities)]
        for head, _, tail in graph_.triples:
            joined[head].append(tail)
            joined[tail].append(head)
        degree = [len(each) for each in joined]
        for _ in range(hops):
            reached = np.zeros_like(label)
            for entity, neighbours in enumerate(joined):
                shares = np.array([degree[other] ** -damping for other in neighbours])
                for other, share in zip(neighbours, shares, strict=True):
                    reached[entity] += share / shares.sum() * label[other]
            label = reached
            lengths = np.linalg.norm(label, axis=1, keepdims=True)
            rows.append(label / np.where(lengths > 0, lengths, 1))
    cosines = [left @ right.T for left, right in zip(rows[:hops], rows[hops:], strict=True)]
    return np.mean(cosines, axis=0)


@pytest.fixture
def triangle():
    """Left and right: 0 - 1 - 2 - 3, and 2 - 0 on the left alone; entity 4 stands alone."""
    left = graph([[0, 0, 1], [1, 0, 2], [2, 1, 3], [2, 1, 0]], 5, 2)
    right = graph([[0, 0, 1], [1, 0, 2], [2, 1, 3]], 5, 2)
    return task_of(left, right)


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_structure_is_the_cosine_of_what_neighbours_probably_are(triangle, hops):
    probability = np.zeros((5, 5), np.float32)
    for left, right, likely in ((0, 0, 1.0), (1, 1, 0.6), (1, 2, 0.3), (2, 2, 0.5), (3, 3, 0.9)):
        probability[left, right] = likely
    left, right = np.nonzero(probability)
    inputs = build_incidence(triangle, FeatureConfig(modalities=("structure",)))
    parts = spread_matches(inputs, left, right, probability[left, right], replace(WIDE, hops=hops))
    assert list(parts) == ["structure"]
    expected = expected_structure(triangle, probability, WIDE.hub_damping, hops)
    np.testing.assert_allclose(cosines(parts["structure"], 5), expected, atol=0.08)  # 2048 ** -0.5 is 0.022
    assert not parts["structure"][4].any() and not parts["structure"][9].any()


def test_the_order_of_the_matches_does_not_matter(triangle):
    inputs = build_incidence(triangle, FeatureConfig(modalities=("structure", "relation")))
    left, right = np.array([0, 1, 2, 3]), np.array([0, 1, 2, 3])
    likely = np.array([1, 0.5, 0.25, 0.125], np.float32)
    one = spread_matches(inputs, left, right, likely)
    other = spread_matches(inputs, left[::-1].copy(), right[::-1].copy(), likely[::-1].copy())
    assert one.keys() == other.keys() == {"structure", "relation"}
    assert all(torch.equal(one[name], other[name]) for name in one)


def expected_relation(task, probability, damping):
    """Cosines of what triples bring, one by one: who is at the other end times by which relation, per direction."""

    def unit(vector):
        return vector / (np.linalg.norm(vector) or 1)

    rows = []
    for graph_, label in zip((task.left, task.right), (probability, np.diag(probability.max(axis=0))), strict=True):
        ends = np.zeros((len(graph_.relations), 2, label.shape[1]))
        for head, relation, tail in graph_.triples:
            ends[relation, 0] += label[head]
            ends[relation, 1] += label[tail]
        codes = [unit(np.concatenate([unit(each[0]), unit(each[1])])) for each in ends]
        degree = np.bincount(graph_.triples[:, [0, 2]].ravel(), minlength=graph_.num_entities)
        brought = np.zeros((graph_.num_entities, 2, label.shape[1], 2 * label.shape[1]))
        for head, relation, tail in graph_.triples:
            brought[head, 0] += degree[tail] ** -damping * np.outer(label[tail], codes[relation])
            brought[tail, 1] += degree[head] ** -damping * np.outer(label[head], codes[relation])
        rows.append(np.stack([unit(each.ravel()) for each in brought]))
    return rows[0] @ rows[1].T


@pytest.mark.parametrize("block", [1 << 25, 8 * 100])
def test_relation_is_the_cosine_of_who_is_at_the_other_end_by_which_relation(monkeypatch, block):
    monkeypatch.setattr("mmkg.models.refinement.BLOCK_VALUES", block)
    left = graph([[0, 0, 1], [1, 0, 2], [2, 1, 3], [2, 1, 0]], 5, 2)
    right = graph([[0, 1, 1], [1, 1, 2], [2, 0, 3], [3, 2, 0]], 5, 3, prefix="s")
    probability = np.zeros((5, 5), np.float32)
    for row, column, likely in ((0, 0, 1.0), (1, 1, 0.6), (1, 2, 0.3), (2, 2, 0.5), (3, 3, 0.9)):
        probability[row, column] = likely
    rows, columns = np.nonzero(probability)
    task = task_of(left, right)
    inputs = build_incidence(task, FeatureConfig(modalities=("relation",)))
    wide = replace(WIDE, structure_dim=4096, relation_dim=4096)
    part = spread_matches(inputs, rows, columns, probability[rows, columns], wide)["relation"]
    np.testing.assert_allclose(cosines(part, 5), expected_relation(task, probability, WIDE.hub_damping), atol=0.06)
    assert not part[4].any() and not part[9].any()


def test_relations_match_if_their_ends_do_whatever_their_names():
    triples = [[0, 0, 1], [2, 0, 3], [0, 1, 2], [1, 1, 3]]
    swapped = [[head, 1 - relation, tail] for head, relation, tail in triples]
    task = task_of(graph(triples, 6, 2), graph([*swapped, [4, 0, 1], [4, 1, 2]], 6, 2, prefix="s"))
    inputs = build_incidence(task, FeatureConfig(modalities=("structure", "relation")))
    every = np.arange(4)
    found = cosines(spread_matches(inputs, every, every, np.ones(4, np.float32), WIDE)["relation"], 6)
    # right 4 has the neighbours of 0, but by each other's relations
    assert found[0, 0] > 0.9 and found[1, 1] > 0.9 and found[0, 4] < 0.8


def test_attributes_match_if_those_who_have_them_do_whatever_their_names():
    def facts(names):
        entity, attribute = np.array([0, 1, 2, 3, 4]), np.array([0, 0, 1, 1, 0])
        return AttributeTriples(entity, attribute, names, (None,) * 5)

    left = graph([[0, 0, 1]], 5, 1, facts(("born", "area")))
    right = graph([[0, 0, 1]], 5, 1, facts(("geboren", "flaeche")))
    inputs = build_incidence(task_of(left, right), FeatureConfig(modalities=("attribute",)))
    known = np.arange(4)
    part = spread_matches(inputs, known, known, np.ones(4, np.float32), WIDE)["attribute"]
    found = cosines(part, 5)
    assert found[4, 4] > 0.95  # no match of its own, but its attribute is that of 0 and 1
    assert found[4, 2] < 0 and found[2, 2] > 0.95


def expected_attribute(task, probability):
    """Cosines of sums over attributes: who has each, a unit vector, times its rarity in both graphs; centred."""

    def unit(vectors):
        return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)

    number = task.left.num_entities + task.right.num_entities
    rows = []
    for graph_, label in zip((task.left, task.right), (probability, np.diag(probability.max(axis=0))), strict=True):
        facts, sums = graph_.attributes, np.zeros_like(label)
        for name in range(len(facts.names)):
            members = facts.entity[facts.attribute == name]
            sums[members] += unit(label[members].sum(axis=0)) * np.log(number / len(members))
        there = sums.any(axis=1)
        sums[there] -= sums[there].mean(axis=0)
        rows.append(unit(sums))
    return rows[0] @ rows[1].T


def test_attributes_are_the_cosine_of_who_has_them_whether_few_or_many():
    def facts(pairs, names):
        entity, attribute = np.array(pairs).T
        return AttributeTriples(entity, attribute, names, (None,) * len(entity))

    have = [(row, 0) for row in range(6)] + [(0, 1), (1, 1), (2, 2), (3, 2), (4, 2), (5, 1)]
    left = graph([[0, 0, 1]], 7, 1, facts(have, ("all", "some", "few")))
    right = graph([[0, 0, 1]], 7, 1, facts([*have, (6, 2)], ("alle", "manche", "wenige")))
    probability = np.diag([1.0, 0.9, 0.6, 0.3, 0.2, 0.0, 0.0]).astype(np.float32)
    probability[5, 4] = 0.4
    rows, columns = np.nonzero(probability)
    inputs = build_incidence(task_of(left, right), FeatureConfig(modalities=("attribute",)))
    wide = replace(WIDE, structure_dim=8192, attribute_dim=8192)
    part = spread_matches(inputs, rows, columns, probability[rows, columns], wide)["attribute"]
    expected = expected_attribute(task_of(left, right), probability)
    np.testing.assert_allclose(cosines(part, 7), expected, atol=0.06)
    assert np.ptp(expected) > 1


def test_nothing_to_refine_gives_no_part():
    task = twin_graphs(30, seed=0)
    inputs = build_incidence(task, FeatureConfig(modalities=("image",)))
    assert spread_matches(inputs, np.arange(3), np.arange(3), np.ones(3, np.float32)) == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rounds": -1}, "rounds: input should be greater than or equal to 0, got -1"),
        ({"candidates": 0}, "candidates: input should be greater than or equal to 1, got 0"),
        ({"temperature": 0.0}, "temperature: input should be greater than 0, got 0.0"),
        ({"least": float("nan")}, "least: input should be .*, got nan"),
        ({"relation_dim": 0}, "relation_dim: input should be greater than or equal to 1, got 0"),
        ({"hops": 0}, "hops: input should be greater than or equal to 1, got 0"),
    ],
)
def test_bad_settings_are_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        replace(RefinementConfig(), **changes)


def whole(inputs, left, right, likely, config):
    """The parts from whole matrices of labels, by dense products."""
    number, sizes = inputs.num_entities, (inputs.num_left, inputs.num_right)
    codes = random_projection(sizes[1], config.structure_dim, 0, "entity codes", "cpu")
    probable = torch.zeros(sizes)
    probable[left, right] = torch.from_numpy(likely)
    labels = torch.cat([probable @ codes, probable.amax(dim=0)[:, None] * codes])
    steps = walk_steps(inputs.neighbors, config.hub_damping).to_dense()
    reached = [labels]
    for _ in range(config.hops):
        reached.append(steps @ reached[-1])
    turns = [random_projection(codes.shape[1], codes.shape[1], 0, f"matches {hop} hops on", "cpu") for hop in (1, 2)]
    structure = F.normalize(reached[1], dim=1)
    structure += sum(F.normalize(there @ turn, dim=1) for there, turn in zip(reached[2:], turns, strict=False))

    def turned(rows, purpose):
        return rows @ random_projection(rows.shape[1], config.relation_dim, 0, purpose, "cpu")

    ends = torch.cat([F.normalize(side.to_dense().T @ labels, dim=1) for side in (inputs.heads, inputs.tails)], dim=1)
    ways = [turned(ends, "in to out"), turned(ends, "out to in")]
    kinds = [F.normalize(way, dim=1) * config.relation_dim**0.5 for way in ways]
    head, relation, tail = inputs.triples
    degree = torch.bincount(torch.cat([head, tail]), minlength=number).clamp(min=1)
    neighbors = turned(labels, "neighbors") * degree.float().pow(-config.hub_damping)[:, None]
    sums = torch.zeros_like(neighbors)
    sums.index_add_(0, head, neighbors[tail] * kinds[0][relation])
    sums.index_add_(0, tail, neighbors[head] * kinds[1][relation])
    return {"structure": F.normalize(structure, dim=1), "relation": F.normalize(sums, dim=1)}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("hops", [1, 2, 3])
def test_blocks_of_any_size_give_what_whole_matrices_give(monkeypatch, hops, dtype):
    monkeypatch.setattr("mmkg.models.refinement.BLOCK_COLUMNS", 7)
    monkeypatch.setattr("mmkg.models.refinement.BLOCK_VALUES", 5 * 24)
    monkeypatch.setattr("mmkg.models.label_parts.BLOCK_ROWS", 9)
    task = twin_graphs(40, noise=0.1, seed=3)
    inputs = build_incidence(task, FeatureConfig(modalities=("structure", "relation")))
    config = RefinementConfig(structure_dim=32, relation_dim=24, hops=hops)
    draw = np.random.default_rng(0)
    left, right = np.nonzero(draw.random((40, 40)) < 0.1)
    likely = draw.random(len(left)).astype(np.float32)
    found = spread_matches(inputs, left, right, likely, config, dtype=dtype)
    expected = whole(inputs, left, right, likely, config)
    assert {part.dtype for part in found.values()} == {dtype} and found.keys() == expected.keys()
    for name, part in found.items():
        torch.testing.assert_close(part.float(), expected[name], atol=1e-6 if dtype == torch.float32 else 1e-3, rtol=0)
