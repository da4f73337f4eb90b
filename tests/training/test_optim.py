import math

import pytest
import torch
from torch import nn

import mmkg.training.optim
from mmkg.training.config import TrainingConfig
from mmkg.training.optim import RowAdam, build_optimizers, clip_, rate_factor, step_if


def test_rate_rises_linearly_then_follows_half_a_cosine():
    config = TrainingConfig(warmup=0.2)
    factors = [rate_factor(step, 50, config) for step in range(51)]
    assert factors[:10] == pytest.approx([0.1 * step for step in range(1, 11)])
    assert factors[10] == 1.0
    # 40 steps of cosine: a quarter, half, three quarters, the end
    assert factors[20] == pytest.approx((1 + math.sqrt(0.5)) / 2)
    assert factors[30] == pytest.approx(0.5)
    assert factors[40] == pytest.approx((1 - math.sqrt(0.5)) / 2)
    assert factors[50] == pytest.approx(0.0)
    assert all(a > b for a, b in zip(factors[10:], factors[11:], strict=False))


def test_constant_rate_stays_after_the_warm_up():
    config = TrainingConfig(schedule="constant", warmup=0.5)
    assert [rate_factor(step, 8, config) for step in range(8)] == [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("total", [1, 2, 5])
@pytest.mark.parametrize("warmup", [0.0, 0.15, 1.0])
def test_no_step_within_the_run_has_a_rate_of_zero(total, warmup):
    config = TrainingConfig(warmup=warmup)
    assert all(0 < rate_factor(step, total, config) <= 1 for step in range(total))


def test_vectors_do_not_decay_and_matrices_do():
    model = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    frozen = nn.Parameter(torch.ones(2, 2), requires_grad=False)
    model.register_parameter("frozen", frozen)
    for parameter in model.parameters():
        parameter.data.fill_(1.0)
        parameter.grad = torch.zeros_like(parameter)
    (optimizer,) = build_optimizers(model, TrainingConfig(learning_rate=0.1, weight_decay=0.5))
    optimizer.step()  # zero gradient: only the decay acts, by 1 - 0.1 * 0.5
    assert torch.allclose(model[0].weight, torch.full((2, 3), 0.95))
    for vector in (model[0].bias, model[1].weight, model[1].bias):
        assert torch.equal(vector, torch.ones(2))
    assert torch.equal(frozen, torch.ones(2, 2))


def test_model_of_vectors_alone_can_be_optimised():
    (optimizer,) = build_optimizers(nn.LayerNorm(3), TrainingConfig())
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.0]


@pytest.mark.parametrize("sparse", [False, True])
def test_clipping_scales_all_gradients_to_the_norm(sparse):
    table, vector = nn.Parameter(torch.zeros(4, 2)), nn.Parameter(torch.zeros(2))
    table.grad = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    if sparse:  # row 1 named twice: 1 + 2
        table.grad = torch.sparse_coo_tensor(torch.tensor([[1, 1]]), torch.tensor([[1.0, 0.0], [2.0, 0.0]]), (4, 2))
    vector.grad = torch.tensor([0.0, 4.0])
    assert float(clip_([table, vector], 0.0)) == pytest.approx(5)  # 3-4-5; 0 leaves them
    assert float(clip_([table, vector], 1.0)) == pytest.approx(5)
    dense = table.grad.to_dense() if sparse else table.grad
    assert dense[1].tolist() == pytest.approx([0.6, 0.0], abs=1e-5)
    assert vector.grad.tolist() == pytest.approx([0.0, 0.8], abs=1e-5)


def test_a_step_that_is_not_finite_leaves_weights_and_moments():
    layer = nn.Linear(2, 2)
    optimizers = build_optimizers(layer, TrainingConfig())
    for parameter in layer.parameters():
        parameter.grad = torch.ones_like(parameter)
    step_if(torch.tensor(True), optimizers)
    before = [p.detach().clone() for p in layer.parameters()], optimizers[0].state_dict()
    moments = [value.clone() for state in before[1]["state"].values() for value in state.values()]
    for parameter in layer.parameters():
        parameter.grad = torch.full_like(parameter, float("nan"))
    step_if(torch.tensor(False), optimizers)
    assert all(torch.equal(p, old) for p, old in zip(layer.parameters(), before[0], strict=True))
    after = [value for state in optimizers[0].state_dict()["state"].values() for value in state.values()]
    assert all(torch.equal(a, b) for a, b in zip(moments, after, strict=True))


def test_adamw_is_the_published_rule():
    weight = nn.Parameter(torch.tensor([[2.0]]))
    model = nn.ParameterList([weight])
    optimizers = build_optimizers(model, TrainingConfig(learning_rate=0.1, weight_decay=0.5))
    weight.grad = torch.tensor([[0.3]])
    step_if(torch.tensor(True), optimizers)
    # m = .03, v = .00009; bias-corrected .3 and .09; 2 (1 - .05) - .1 * .3 / .3
    assert weight.item() == pytest.approx(1.8, abs=1e-6)


@pytest.mark.parametrize("block_bytes", [1, 24, 1 << 18])  # one row, two rows, or all of them at a time
def test_row_adam_is_torchs_sparse_adam(monkeypatch, block_bytes):
    monkeypatch.setattr(mmkg.training.optim, "BLOCK_BYTES", block_bytes)
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(6, 3, generator=generator)
    tables = [nn.Parameter(start.clone()) for _ in range(2)]
    optimizers = [RowAdam([tables[0]], lr=0.03), torch.optim.SparseAdam([tables[1]], lr=0.03)]
    for rows in ([0, 2], [2, 5], [1], [0, 1, 2, 5]):
        values = torch.randn(len(rows), 3, generator=generator)
        for table, optimizer in zip(tables, optimizers, strict=True):
            table.grad = torch.sparse_coo_tensor(torch.tensor([rows]), values, (6, 3), is_coalesced=True)
            optimizer.step()
    assert torch.allclose(tables[0], tables[1], atol=1e-6)
    assert torch.equal(tables[0][3:5], start[3:5])
