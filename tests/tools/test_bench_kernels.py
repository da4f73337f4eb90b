import pytest
import torch

from mmkg.data.tensors.adjacency import adjacency
from mmkg.sources.synthetic import twin_graphs


@pytest.fixture
def bench_kernels(load_tool):
    return load_tool("bench_kernels")


def test_all_ways_give_the_sum_and_the_gradients_of_the_dense_matrix(bench_kernels):
    edge_index, _ = adjacency(twin_graphs(30, image_dim=0).left.triples, 30)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(30, 4, generator=generator, requires_grad=True)
    weight = torch.rand(edge_index.shape[1], 2, generator=generator, requires_grad=True)
    pull = torch.randn(30, 4, generator=generator)
    source, target = edge_index.as_tensor()
    dense = torch.zeros(900).index_add(0, target * 30 + source, weight.sum(dim=1)).view(30, 30) @ x
    expected = [dense.detach(), *torch.autograd.grad(dense, (x, weight), pull)]
    for name, way in bench_kernels.WAYS.items():
        for found, right in zip(bench_kernels.step(way, x, edge_index, weight, pull), expected, strict=True):
            assert torch.allclose(found, right, atol=1e-5), name
