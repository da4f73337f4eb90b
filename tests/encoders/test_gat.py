import math

import numpy as np
import torch

from mmkg.data.tensors.adjacency import adjacency
from mmkg.encoders.gat import DiagonalGATConv, GATEncoder

TRIPLES = np.random.default_rng(0).integers(0, 6, (10, 3))


def random_layer(dim=3, num_heads=2, seed=0):
    layer = DiagonalGATConv(dim, num_heads)
    generator = torch.Generator().manual_seed(seed)
    for parameter in layer.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    return layer


def naive_gat(x, edges, scale, attention, slope=0.2):
    """KECG Eq. 1-3 with the code's minus sign, edge by edge."""
    out = torch.zeros_like(x)
    for w, a in zip(scale, attention, strict=True):
        h = x * w
        for i in range(len(x)):
            weights = {}
            for j in (source for source, target in edges if target == i):
                score = float(a.flatten() @ torch.cat([h[i], h[j]]))
                weights[j] = math.exp(-(score if score > 0 else slope * score))
            total = sum(weights.values())
            for j, weight in weights.items():
                out[i] += weight / total * h[j] / len(scale)
    return out


def edges_of(edge_index):
    return list(zip(*edge_index.as_tensor().tolist(), strict=True))


def test_layer_is_the_double_loop_off_the_equation():
    for directed in (True, False):
        edge_index, _ = adjacency(TRIPLES, 6, directed=directed)
        layer, x = random_layer(), torch.randn(6, 3)
        expected = naive_gat(x, edges_of(edge_index), layer.scale.detach(), layer.attention.detach())
        assert torch.allclose(layer(x, edge_index), expected, atol=1e-5)


def test_encoder_averages_heads_and_puts_elu_between_its_layers_only():
    edge_index, weight = adjacency(TRIPLES, 6)
    encoder = GATEncoder(6, 3)
    encoder.embedding.data = 4 * torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    encoder.layers[0], encoder.layers[1] = random_layer(seed=1), random_layer(seed=2)
    first, second = ((layer.scale.detach(), layer.attention.detach()) for layer in encoder.layers)
    hidden = naive_gat(encoder.embedding.detach(), edges_of(edge_index), *first)
    hidden = torch.where(hidden > 0, hidden, hidden.exp() - 1)
    expected = naive_gat(hidden, edges_of(edge_index), *second)
    assert torch.allclose(encoder(edge_index, weight), expected, atol=1e-5)
    assert (expected < -0.1).any()  # an ELU at the end would show


def test_message_path_gives_what_the_fused_path_gives():
    edge_index, _ = adjacency(TRIPLES, 6, directed=True)
    layer, results = random_layer(), []
    for fuse in (True, False):
        layer.fuse = fuse
        x = torch.linspace(-1, 1, 18).view(6, 3).requires_grad_()
        layer.zero_grad()
        out = layer(x, edge_index)
        (out**2).sum().backward()
        results.append([out.detach(), x.grad, layer.scale.grad.clone(), layer.attention.grad.clone()])
    for fused, plain in zip(*results, strict=True):
        assert torch.allclose(fused, plain, atol=1e-5)


def test_gradients_are_those_of_finite_differences():
    edge_index, _ = adjacency(np.array([[0, 0, 1], [2, 0, 1]]), 3, directed=True)
    layer = random_layer(dim=2).double()
    x = torch.randn(3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, *_: layer(x, edge_index), (x, layer.scale, layer.attention))


def test_renumbered_entities_get_their_own_rows():
    permutation = np.random.default_rng(1).permutation(6)  # old row -> new row
    encoder = GATEncoder(6, 3)
    expected = encoder(adjacency(TRIPLES, 6)[0]).detach()
    moved = TRIPLES.copy()
    moved[:, [0, 2]] = permutation[TRIPLES[:, [0, 2]]]
    old = torch.from_numpy(np.argsort(permutation))
    encoder.embedding.data = encoder.embedding.data[old]
    assert torch.allclose(encoder(adjacency(moved, 6)[0]), expected[old], atol=1e-6)


def test_entity_without_neighbours_keeps_its_scaled_self():
    layer, x = random_layer(num_heads=1), torch.randn(2, 3)
    edge_index, _ = adjacency(np.empty((0, 3), np.int64), 2)
    assert torch.allclose(layer(x, edge_index), x * layer.scale, atol=1e-6)


def test_diagonals_start_at_one_and_attention_within_its_bound():
    layer = DiagonalGATConv(50, 3)
    assert (layer.scale == 1).all()
    assert 0.09 < layer.attention.abs().max() <= 0.1  # 1 / sqrt(2 * 50)
