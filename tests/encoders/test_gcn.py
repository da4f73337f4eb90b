import numpy as np
import torch

from mmkg.data.tensors.adjacency import adjacency
from mmkg.encoders.gcn import GCNEncoder

TRIPLES = np.random.default_rng(0).integers(0, 6, (10, 3))


def dense_gcn(encoder, edge_index, weight, size):
    """``A ReLU(A X W1 + b1) W2 + b2`` with a dense A."""
    a = torch.zeros(size, size)
    a[edge_index[1].as_tensor(), edge_index[0].as_tensor()] = weight
    first, second = encoder.layers
    hidden = (a @ encoder.embedding @ first.lin.weight.t() + first.bias).relu()
    return a @ hidden @ second.lin.weight.t() + second.bias


def test_encoder_is_the_dense_formula_and_so_are_its_gradients():
    edge_index, weight = adjacency(TRIPLES, 6)
    encoder = GCNEncoder(6, (4, 5, 3))
    found, expected = encoder(edge_index, weight), dense_gcn(encoder, edge_index, weight, 6)
    assert torch.allclose(found, expected, atol=1e-5)
    parameters = list(encoder.parameters())
    for a, b in zip(
        torch.autograd.grad((found**2).sum(), parameters),
        torch.autograd.grad((expected**2).sum(), parameters),
        strict=True,
    ):
        assert torch.allclose(a, b, atol=1e-5)


def test_message_path_gives_what_the_fused_path_gives():
    edge_index, weight = adjacency(TRIPLES, 6, directed=True)
    encoder = GCNEncoder(6, (4, 5, 3))
    fused = encoder(edge_index, weight)
    for layer in encoder.layers:
        layer.fuse = False
    assert torch.allclose(fused, encoder(edge_index, weight), atol=1e-6)


def test_parameters_start_within_the_published_bounds():
    encoder = GCNEncoder(400, (4, 25, 100))
    for layer, bound in zip(encoder.layers, (0.2, 0.1), strict=True):
        for parameter in layer.parameters():
            assert 0.8 * bound < parameter.abs().max() <= bound
    assert 0.04 < encoder.embedding.std() < 0.06  # 1 / sqrt(400)
    assert encoder.dim == 100
