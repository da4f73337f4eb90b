import numpy as np
import torch

from mmkg.data.tensors.adjacency import adjacency
from mmkg.encoders.weighted_sum import weighted_sum


def random_graph(size=7, edges=15, *, directed=True, seed=0):
    rng = np.random.default_rng(seed)
    edge_index, _ = adjacency(rng.integers(0, size, (edges, 3)), size, directed=directed)
    return edge_index


def as_matrix(edge_index, weight, size):
    """Dense A with A[target, source] = weight, differentiable in the weight."""
    source, target = edge_index.as_tensor()
    flat = torch.zeros(size * size, dtype=weight.dtype).index_add(0, target * size + source, weight)
    return flat.view(size, size)


def test_sum_is_the_product_with_the_dense_matrix():
    for directed in (True, False):
        edge_index = random_graph(directed=directed)
        x, weight = torch.randn(7, 4), torch.randn(edge_index.shape[1])
        expected = as_matrix(edge_index, weight, 7) @ x
        assert torch.allclose(weighted_sum(x, edge_index, weight), expected, atol=1e-5)


def test_gradients_are_those_of_the_dense_matrix():
    edge_index = random_graph()
    grads = []
    for product in (weighted_sum, lambda x, e, w: as_matrix(e, w, 7) @ x):
        generator = torch.Generator().manual_seed(1)
        x = torch.randn(7, 4, generator=generator).requires_grad_()
        weight = torch.randn(edge_index.shape[1], generator=generator).requires_grad_()
        out = product(x, edge_index, weight)
        (out * torch.randn(out.shape, generator=generator)).sum().backward()
        grads.append((x.grad, weight.grad))
    for fused, dense in zip(*grads, strict=True):
        assert torch.allclose(fused, dense, atol=1e-5)


def test_gradients_are_those_of_finite_differences():
    edge_index = random_graph(5, 8)
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(edge_index.shape[1], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, w: weighted_sum(x, edge_index, w), (x, weight))


def test_gradients_of_several_heads_and_their_scales_are_those_of_finite_differences():
    edge_index = random_graph(5, 8)
    x, weight, scale = (
        torch.randn(*shape, dtype=torch.float64, requires_grad=True)
        for shape in ((5, 3), (edge_index.shape[1], 2), (2, 3))
    )
    assert torch.autograd.gradcheck(lambda x, w, s: weighted_sum(x, edge_index, w, s), (x, weight, scale))
    expected = torch.zeros(5, 3, dtype=torch.float64)
    for place, (source, target) in enumerate(edge_index.as_tensor().t().tolist()):
        for head in range(2):
            expected[target] += scale[head] * weight[place, head] * x[source]
    assert torch.allclose(weighted_sum(x, edge_index, weight, scale), expected)


def test_gradient_of_one_input_alone():
    edge_index = random_graph()
    x, weight = torch.randn(7, 4), torch.rand(edge_index.shape[1])
    only_x, only_weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    weighted_sum(only_x, edge_index, weight).sum().backward()
    weighted_sum(x, edge_index, only_weight).sum().backward()
    source, target = edge_index.as_tensor()
    assert torch.allclose(only_x.grad[:, 0], torch.zeros(7).index_add(0, source, weight), atol=1e-5)
    assert torch.allclose(only_weight.grad, x[source].sum(dim=1), atol=1e-5)
    assert len(target) == len(only_weight.grad)


def test_self_loops_alone_scale_the_rows():
    edge_index, _ = adjacency(np.empty((0, 3), np.int64), 3)
    x = torch.randn(3, 2, requires_grad=True)
    weight = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    out = weighted_sum(x, edge_index, weight)
    assert torch.allclose(out, weight[:, None] * x)
    out.sum().backward()
    assert torch.allclose(x.grad, weight.detach()[:, None].expand(3, 2))
    assert torch.allclose(weight.grad, x.detach().sum(dim=1))


def test_heads_are_scaled_and_summed_and_so_are_their_gradients():
    edge_index = random_graph()
    generator = torch.Generator().manual_seed(2)
    x, weight, scale = (
        torch.randn(shape, dtype=torch.float64, generator=generator, requires_grad=True)
        for shape in ((7, 4), (edge_index.shape[1], 3), (3, 4))
    )
    expected = sum(scale[k] * (as_matrix(edge_index, weight[:, k], 7) @ x) for k in range(3))
    assert torch.allclose(weighted_sum(x, edge_index, weight, scale), expected)
    assert torch.autograd.gradcheck(
        lambda *inputs: weighted_sum(inputs[0], edge_index, *inputs[1:]), (x, weight, scale)
    )


def test_without_gradients_the_sum_is_the_same():
    edge_index = random_graph()
    x, weight, scale = torch.randn(7, 4), torch.randn(edge_index.shape[1], 2), torch.randn(2, 4)
    expected = weighted_sum(x, edge_index, weight, scale)
    with torch.no_grad():
        assert torch.equal(weighted_sum(x, edge_index, weight, scale), expected)
