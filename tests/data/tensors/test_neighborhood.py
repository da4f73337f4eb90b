import numpy as np
import pytest
import torch

from mmkg.data.tensors.adjacency import adjacency
from mmkg.data.tensors.neighborhood import NeighborSampler
from mmkg.encoders import GATEncoder, GCNEncoder
from mmkg.errors import UsageError

SIZE = 40
TRIPLES = np.random.default_rng(0).integers(0, SIZE, (90, 3))
HUB = np.array([[0, 0, tail] for tail in range(1, 11)])  # entity 0 has ten neighbours


def encoders():
    torch.manual_seed(0)
    return GATEncoder(SIZE, 6), GCNEncoder(SIZE, (6, 5, 4)), GATEncoder(SIZE, 6, num_layers=3)


def test_the_neighbourhood_gives_what_the_whole_graph_gives_and_so_do_its_gradients():
    edge_index, weight = adjacency(TRIPLES, SIZE, directed=True)
    rows = torch.tensor([7, 3, 3, 39, 0])  # out of order, one twice
    for encoder in encoders():
        encoder.embedding.data.normal_()
        gradients = []
        for around in (False, True):
            encoder.zero_grad()
            if around:
                neighborhood = NeighborSampler(edge_index, weight).around(rows, encoder.depth)
                tokens = encoder.encode(neighborhood)
            else:
                tokens = encoder(edge_index, weight)[rows]
            (tokens * torch.linspace(-1, 1, tokens.numel()).view_as(tokens)).sum().backward()
            gradients.append([tokens.detach(), *(p.grad.clone() for p in encoder.parameters())])
        for whole, part in zip(*gradients, strict=True):
            assert torch.allclose(whole, part, atol=1e-5)


def test_a_neighbourhood_holds_only_what_matters():
    path = np.array([[row + 1, 0, row] for row in range(9)])  # messages go from 0 to 1 to 2 ...
    edge_index, weight = adjacency(path, 10, directed=True)
    found = NeighborSampler(edge_index, weight).around(torch.tensor([5]), 2)
    assert found.rows.tolist() == [5, 4, 3][::-1]
    assert [hop.edge_index.shape[1] for hop in found.hops] == [4, 2]  # 3->4, 4->4, 4->5, 5->5; then 4->5, 5->5
    assert found.picks.tolist() == [0]


def test_the_same_question_is_answered_from_memory_and_another_is_not():
    sampler = NeighborSampler(*adjacency(TRIPLES, SIZE))
    first, again = sampler.around(torch.tensor([1, 2]), 2), sampler.around(torch.tensor([2, 1]), 2)
    assert again.hops is first.hops
    assert again.picks.tolist() == [1, 0] and first.picks.tolist() == [0, 1]
    assert sampler.around(torch.tensor([1, 3]), 2).hops is not first.hops
    assert len(sampler.around(torch.tensor([1, 3]), 1).hops) == 1


def test_one_round_into_some_rows_is_the_row_of_the_whole_product():
    edge_index, weight = adjacency(TRIPLES, SIZE)
    rows, x = torch.tensor([4, 0, 21]), torch.randn(SIZE, 3)
    hop, origins = NeighborSampler(edge_index, weight).into(rows)
    dense = torch.zeros(SIZE, SIZE)
    dense[edge_index.as_tensor()[1], edge_index.as_tensor()[0]] = weight
    source, target = hop.edge_index.as_tensor()
    found = torch.zeros(3, 3).index_add(0, target, hop.edge_weight[:, None] * x[origins][source])
    assert torch.allclose(found, (dense @ x)[rows], atol=1e-6)
    assert torch.equal(hop.of_targets(x[origins]), x[rows])
    assert origins.tolist() == dense[rows].any(dim=0).nonzero()[:, 0].tolist()  # no other entity is looked at


def drawn(fanout, seed):
    """Entities that entity 0 hears in one draw, and their weights relative to the full ones."""
    edge_index, weight = adjacency(HUB, 11)
    into_hub = edge_index.as_tensor()[1] == 0
    full = dict(zip(edge_index.as_tensor()[0, into_hub].tolist(), weight[into_hub].tolist(), strict=True))
    sampler = NeighborSampler(edge_index, weight)
    found = sampler.around(torch.tensor([0]), 1, fanout=[fanout], generator=torch.Generator().manual_seed(seed))
    sources = found.rows[found.hops[0].edge_index.as_tensor()[0]].tolist()
    return {s: w / full[s] for s, w in zip(sources, found.hops[0].edge_weight.tolist(), strict=True)}


def test_draws_keep_the_entity_itself_and_never_take_a_neighbour_twice():
    for fanout in (1, 3, 7, 9, 10, 50):
        found = drawn(fanout, seed=fanout)
        number = min(fanout, 10)
        assert len(found) == number + 1 and set(found) <= set(range(11))
        assert found.pop(0) == 1
        assert all(abs(factor - 10 / number) < 1e-5 for factor in found.values())


def test_every_neighbour_is_drawn_equally_often():
    counts = np.zeros(11)
    for seed in range(2000):
        counts[list(drawn(3, seed))] += 1
    assert counts[0] == 2000
    assert np.abs(counts[1:] / 2000 - 0.3).max() < 0.045  # 4.4 standard deviations


def test_draws_of_all_neighbours_are_the_full_neighbourhood():
    edge_index, weight = adjacency(TRIPLES, SIZE)
    sampler, rows = NeighborSampler(edge_index, weight), torch.arange(0, SIZE, 3)
    for encoder in encoders():
        everything = sampler.around(rows, encoder.depth, fanout=[SIZE] * encoder.depth)
        assert torch.allclose(encoder.encode(everything), encoder(edge_index, weight)[rows], atol=1e-6)


def test_an_entity_without_neighbours_hears_itself():
    sampler = NeighborSampler(*adjacency(HUB, 13))
    found = sampler.around(torch.tensor([12]), 2, fanout=[2, 2])
    assert found.rows.tolist() == [12]
    assert found.hops[0].edge_index.as_tensor().tolist() == [[0], [0]]


@pytest.mark.parametrize("fanout", [[3], [3, 0], [1, 2, 3]])
def test_a_fanout_that_does_not_fit_the_layers_is_refused(fanout):
    sampler = NeighborSampler(*adjacency(TRIPLES, SIZE))
    with pytest.raises(UsageError, match="2 numbers >= 1, one per layer"):
        sampler.around(torch.tensor([0]), 2, fanout=fanout)


def test_sparse_gradients_are_the_dense_ones():
    edge_index, weight = adjacency(TRIPLES, SIZE)
    encoder, grads = encoders()[0], []
    around = NeighborSampler(edge_index, weight).around(torch.tensor([1, 8]), 2)
    for sparse in (False, True):
        encoder.zero_grad()
        encoder.encode(around, sparse_grad=sparse).square().sum().backward()
        grads.append(encoder.embedding.grad)
    assert grads[1].is_sparse and not grads[0].is_sparse
    assert torch.allclose(grads[0], grads[1].to_dense(), atol=1e-6)
