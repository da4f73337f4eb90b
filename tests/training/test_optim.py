import math

import pytest
import torch
from torch import nn

from mmkg.training.config import TrainingConfig
from mmkg.training.optim import build_optimizer, rate_factor


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
    optimizer = build_optimizer(model, TrainingConfig(learning_rate=0.1, weight_decay=0.5))
    optimizer.step()  # zero gradient: only the decay acts, by 1 - 0.1 * 0.5
    assert torch.allclose(model[0].weight, torch.full((2, 3), 0.95))
    for vector in (model[0].bias, model[1].weight, model[1].bias):
        assert torch.equal(vector, torch.ones(2))
    assert torch.equal(frozen, torch.ones(2, 2))


def test_model_of_vectors_alone_can_be_optimised():
    optimizer = build_optimizer(nn.LayerNorm(3), TrainingConfig())
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.0]
