import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmkg.data.tensors.adjacency import relation_graph
from mmkg.encoders import RelationalEncoder
from mmkg.encoders.relational import ProxyGate, ReflectionAttention

# two relations between 0 and 1, a relation that comes twice at 2, a self loop, a repeated triple; 5 is isolated
TRIPLES = np.array([[0, 0, 1], [0, 1, 1], [2, 2, 0], [2, 2, 3], [3, 1, 4], [4, 0, 4], [3, 1, 4]])
SIZE, RELATIONS = 6, 3


def messages():
    """(target, source, relation) of every message, read off the definition."""
    distinct = {tuple(triple) for triple in TRIPLES.tolist() if triple[0] != triple[2]}
    there = [(head, tail, relation) for head, relation, tail in distinct]
    return there + [(tail, head, relation + RELATIONS) for head, relation, tail in distinct]


def naive_attention(module, x, relations):
    """Equations 7 and 8 of RREA as Dual-AMN uses them, entity by entity."""
    layers = [torch.tanh(x)]
    for query in module.attention:
        rows = []
        for entity in range(SIZE):
            heard = [(source, kind) for target, source, kind in messages() if target == entity]
            own = [(source, F.normalize(relations[kind], dim=0)) for source, kind in heard]
            if not own:
                rows.append(torch.zeros_like(x[0]))
                continue
            weights = torch.stack([query @ r for _, r in own]).softmax(dim=0)
            turned = [layers[-1][source] - 2 * (layers[-1][source] @ r) * r for source, r in own]
            rows.append(sum(weight * vector for weight, vector in zip(weights, turned, strict=True)))
        layers.append(torch.tanh(torch.stack(rows)))
    return torch.cat(layers, dim=1)


def test_the_graph_has_each_triple_once_both_ways():
    graph = relation_graph(TRIPLES, SIZE, RELATIONS)
    source, target = graph.neighbours.as_tensor().tolist()
    kinds, again = graph.relations.as_tensor().tolist()
    assert target == again == sorted(target)
    assert sorted(zip(target, source, kinds, strict=True)) == sorted(messages())
    assert graph.num_entities == SIZE and graph.num_relations == 2 * RELATIONS


def test_reflection_attention_and_its_gradients_are_those_of_the_equations():
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    module = ReflectionAttention(4, 2)
    x, relations = (torch.randn(size, 4, generator=generator) for size in (SIZE, 2 * RELATIONS))
    graph, pull = relation_graph(TRIPLES, SIZE, RELATIONS), torch.randn(SIZE, 12, generator=generator)
    results = []
    for way in (lambda a, r: module(a, r, graph), lambda a, r: naive_attention(module, a, r)):
        leaves = x.clone().requires_grad_(), relations.clone().requires_grad_()
        module.zero_grad()
        out = way(*leaves)
        (out * pull).sum().backward()
        results.append([out.detach(), *(leaf.grad for leaf in leaves), module.attention.grad.clone()])
    for found, wanted in zip(*results, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_reflection_keeps_the_length_of_a_single_neighbour():
    module, x = ReflectionAttention(4, 1), torch.randn(2, 4) * 0.01  # tanh is the identity there
    out = module(x, torch.randn(2, 4), relation_graph(np.array([[0, 0, 1]]), 2, 1))
    assert torch.allclose(out[:, 4:].norm(dim=1), x.flip(0).norm(dim=1), rtol=1e-3)


def test_the_gate_is_the_equation():
    gate, x = ProxyGate(5, num_proxies=3), torch.randn(4, 5)
    with torch.no_grad():
        found = gate(x)
        for row, out in zip(x, found, strict=True):
            cosines = torch.stack([F.cosine_similarity(row, proxy, dim=0) for proxy in gate.proxies])
            apart = row - cosines.softmax(dim=0) @ gate.proxies
            share = torch.sigmoid(gate.gate.weight @ apart + gate.gate.bias)
            assert torch.allclose(out, share * row + (1 - share) * apart, atol=1e-6)


def test_an_entity_starts_from_the_mean_of_its_neighbours_and_of_its_relations():
    encoder = RelationalEncoder(SIZE, 2 * RELATIONS, hidden_dim=4, depth=0)
    for gate in encoder.gates:
        gate.proxies.data.zero_()  # apart = x: the gate lets everything through
    found = encoder(relation_graph(TRIPLES, SIZE, RELATIONS))
    own = [(source, kind) for target, source, kind in messages() if target == 2]
    neighbours = torch.stack([encoder.embedding[source] for source, _ in own]).mean(dim=0)
    relations = torch.stack([encoder.relations[kind] for _, kind in own]).mean(dim=0)
    assert torch.allclose(found[2], torch.cat([neighbours, relations]).tanh(), atol=1e-6)
    assert not found[5].any()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_width_is_that_of_both_views_and_all_rounds(depth):
    encoder = RelationalEncoder(SIZE, 2 * RELATIONS, hidden_dim=4, depth=depth)
    assert encoder(relation_graph(TRIPLES, SIZE, RELATIONS)).shape == (SIZE, encoder.dim) == (SIZE, 8 * (depth + 1))
