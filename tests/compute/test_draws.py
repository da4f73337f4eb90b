"""Dropout of the library draws from its own generator, with the bits of torch's functions."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmkg.compute.draws import Dropout, drawing, drawing_weights, dropout
from mmkg.fusion.attention import attend
from mmkg.fusion.pool import GatedRecurrentPool

CPU = torch.device("cpu")


def drawn(seed, compute, *tensors):
    """Result and gradients of a computation within ``drawing``, while another program draws from torch."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors]
    with drawing(nn.Linear(1, 1), seed, CPU):
        torch.rand(3)  # the global generator has no influence
        found = compute(*leaves)
        found.square().sum().backward()
    return [found.detach(), *(leaf.grad for leaf in leaves)]


def by_torch(seed, compute, *tensors):
    leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors]
    torch.manual_seed(seed)
    found = compute(*leaves)
    found.square().sum().backward()
    return [found.detach(), *(leaf.grad for leaf in leaves)]


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(5)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("transposed", [False, True])
def test_dropout_has_the_bits_of_torch(rate, transposed, generator):
    x = torch.randn(37, 11, generator=generator)
    x = x.T if transposed else x
    assert_same(drawn(3, lambda x: dropout(x, rate), x), by_torch(3, lambda x: F.dropout(x, rate), x))


def test_attention_dropout_has_the_bits_of_torch(generator):
    query, key, value = (torch.randn(5, 2, steps, 8, generator=generator) for steps in (4, 6, 6))
    keys = torch.rand(5, 6, generator=generator) > 0.4
    keys[2] = False
    mask = keys[:, None, None, :]
    some = mask.any(dim=-1, keepdim=True)

    def expected(query, key, value):
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=mask | ~some, dropout_p=0.3)
        return torch.where(some, found, 0.0)

    found = drawn(9, lambda q, k, v: attend(q, k, v, keys, 0.3)[0], query, key, value)
    assert_same(found, by_torch(9, expected, query, key, value))


def test_dropout_between_the_layers_of_a_gru_has_the_bits_of_torch(generator):
    pool = GatedRecurrentPool(6, 4, num_layers=3, dropout=0.4)
    x = torch.randn(7, 9, 6, generator=generator)
    present = torch.rand(7, 9, generator=generator) > 0.3
    plain = nn.GRU(6, 4, 3, batch_first=True, bidirectional=True, dropout=0.4)
    plain.load_state_dict(pool.gru.state_dict())
    own = drawn(2, lambda x: pool(x, present), x)
    pool.gru, pool.dropout = plain, nn.Dropout(0.4)
    assert_same(own, by_torch(2, lambda x: pool(x, present), x))


def test_own_draws_leave_the_global_generator_alone():
    model, before = nn.Linear(1, 1), torch.get_rng_state()
    with drawing(model, 1, CPU):
        dropout(torch.ones(4), 0.5)
        assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("module", [nn.Dropout(0.5), nn.GRU(2, 2, 2, dropout=0.5), nn.MultiheadAttention(2, 1, 0.5)])
def test_modules_of_other_packages_draw_from_a_seeded_global_generator(module):
    model, found = nn.Sequential(nn.Linear(2, 2), module), []
    before = torch.get_rng_state()
    for _ in range(2):
        with drawing(model, 4, CPU):
            found.append(torch.rand(3))
    assert torch.equal(*found)
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_outside_of_training_is_that_of_torch():
    module = Dropout(0.5)
    torch.manual_seed(0)
    found = module(torch.ones(8))
    torch.manual_seed(0)
    assert torch.equal(found, F.dropout(torch.ones(8), 0.5))
    assert torch.equal(module.eval()(torch.ones(8)), torch.ones(8))


def layers():
    """Weights of every kind of initialisation."""
    found = [nn.Linear(3, 4), nn.GRU(2, 3, 2), nn.Conv1d(2, 3, 3), nn.Embedding(3, 2), nn.MultiheadAttention(4, 2)]
    weights = [weight for layer in found for weight in layer.parameters()]
    weights += [torch.randn(3), torch.empty(5).uniform_(-1, 1), nn.init.orthogonal_(torch.empty(3, 3))]
    return [weight.detach() for weight in (*weights, torch.rand(2, 2), nn.init.trunc_normal_(torch.empty(4)))]


def test_initial_weights_have_the_bits_of_torch_and_leave_its_generator_alone():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        expected = layers()
    before = torch.get_rng_state()
    with drawing_weights(drawing_weights, 11):  # of a module of mmkg
        found = layers()
    assert torch.equal(torch.get_rng_state(), before)
    assert_same(found, expected)


def test_initial_weights_of_another_package_may_use_the_global_generator():
    before = torch.get_rng_state()
    found = []
    for _ in range(2):
        with drawing_weights(layers, 11):
            found.append(torch.rand_like(torch.ones(3)))
    assert torch.equal(*found) and torch.equal(torch.get_rng_state(), before)
