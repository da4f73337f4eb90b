import numpy as np
import pytest
import torch

from mmkg.sources.synthetic import twin_graphs


@pytest.fixture
def bench_propagation(load_tool):
    return load_tool("bench_propagation")


def naive_light_ea(triples, entities, relations, links, width):  # one triple at a time
    def unit(rows):
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return rows / np.where(lengths > 0, lengths, 1)

    labels = unit(torch.randn(len(links), width, generator=torch.Generator().manual_seed(0)).double().numpy())
    entity, relation = np.zeros((entities, width)), np.zeros((relations, width))
    for link, label in zip(links, labels, strict=True):
        entity[link] = label
    levels = [entity]
    for _ in range(2):
        spread, kinds = np.zeros_like(entity), np.zeros_like(relation)
        for head, kind, tail in triples:
            spread[head] += entity[tail] + relation[kind]
            spread[tail] += entity[head] + relation[kind]
            kinds[kind] += entity[head] + entity[tail]
        entity, relation = unit(spread), unit(kinds)
        levels.append(entity)
    return unit(np.concatenate(levels, axis=1))


def test_dense_labels_spread_as_in_the_equations(bench_propagation):
    rng = np.random.default_rng(0)
    triples = np.stack([rng.integers(0, 12, 30), rng.integers(0, 3, 30), rng.integers(0, 12, 30)], axis=1)
    links = np.array([[0, 6], [1, 7]])
    found = bench_propagation.light_ea(triples, 12, 3, links, width=8)
    np.testing.assert_allclose(found, naive_light_ea(triples, 12, 3, links, 8), atol=1e-5)


def test_both_ways_are_ranked_on_the_same_links(bench_propagation):
    rows = bench_propagation.compared(twin_graphs(200, noise=0.05, seed=1), "twins")
    assert [row["width"] for row in rows] == [3072, 1024]
    assert all(row["hits_at_1"] > 0.3 for row in rows) and rows[1]["headline"]
