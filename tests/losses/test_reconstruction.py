import pytest
import torch
import torch.nn.functional as F

from mmkg.losses import feature_kl, masked_smooth_l1, tag_loss


def test_only_dropped_steps_count_and_the_target_gets_no_gradient():
    generator = torch.Generator().manual_seed(0)
    predicted = torch.randn(2, 3, 4, generator=generator, requires_grad=True)
    target = (3 * torch.randn(2, 3, 4, generator=generator)).requires_grad_()
    where = torch.tensor([[True, False, False], [False, True, False]])
    loss = masked_smooth_l1(predicted, target, where)
    naive = [
        0.5 * d**2 if abs(d) < 1 else abs(d) - 0.5
        for row, step in ((0, 0), (1, 1))
        for d in (predicted[row, step] - target[row, step]).tolist()
    ]
    assert loss.item() == pytest.approx(sum(naive) / 8)
    loss.backward()
    assert target.grad is None
    assert torch.equal(predicted.grad.abs().sum(dim=-1) > 0, where)


def test_nothing_dropped_costs_nothing_even_beside_nan():
    predicted = torch.full((1, 2, 3), float("nan"), requires_grad=True)
    loss = masked_smooth_l1(predicted, torch.zeros(1, 2, 3), torch.zeros(1, 2, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0 and torch.equal(predicted.grad, torch.zeros(1, 2, 3))


def test_divergence_of_features_by_the_definition():
    teacher, student = torch.tensor([[[1.0, 0.0], [5.0, 5.0]]]), torch.tensor([[[0.0, 2.0], [9.0, 1.0]]])
    where = torch.tensor([[True, False]])
    p, q = (F.softmax(each[0, 0] / 2, dim=0) for each in (teacher, student))
    forward, back = (p * (p / q).log()).sum().item(), (q * (q / p).log()).sum().item()
    assert feature_kl(teacher, student, where, temperature=2.0).item() == pytest.approx(4 * forward)
    both = feature_kl(teacher, student, where, temperature=2.0, symmetric=True).item()
    assert both == pytest.approx(4 * (forward + back))
    assert feature_kl(teacher, teacher, where).item() == pytest.approx(0, abs=1e-7)


def test_a_tag_told_without_knowing_costs_a_bit_each():
    assert tag_loss(torch.zeros(2, 4), torch.eye(4)[:2]).item() == pytest.approx(torch.log(torch.tensor(2.0)).item())
