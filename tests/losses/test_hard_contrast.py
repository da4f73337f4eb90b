import pytest
import torch

from mmkg.errors import UsageError
from mmkg.losses import hard_negatives


def naive(embeddings, left, right, sharpness):
    """The definition, query by query; the gradient takes mean and deviation as given."""
    total = 0.0
    for asked, answers in ((left, right), (right, left)):
        for own, mate in zip(asked.tolist(), answers.tolist(), strict=True):
            near = (embeddings[own] - embeddings[mate]).square().sum()
            d = torch.stack([near - (embeddings[own] - other).square().sum() for other in embeddings])
            z = sharpness * (d - d.mean().detach()) / d.std(unbiased=False).detach()
            others = [j for j in range(len(embeddings)) if j not in (own, mate)]
            total = total + torch.logsumexp(z[others], dim=0)
    return total / len(left)


def sample(seed=0, n=40, d=6):
    embeddings = torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return embeddings, torch.tensor([0, 5, 9, 2]), torch.tensor([20, 21, 35, 30])


@pytest.mark.parametrize("sharpness", [0.5, 5.0, 30.0])
def test_value_and_gradient_are_those_of_the_definition(sharpness, monkeypatch):
    embeddings, left, right = sample()
    wanted = embeddings.clone().requires_grad_()
    naive(wanted, left, right, sharpness).backward()
    monkeypatch.setattr("mmkg.losses.hard_contrast.TILE_BYTES", 3 * 4 * len(embeddings))  # tiles of 3 and 1 queries
    monkeypatch.setattr("mmkg.losses.hard_contrast.SLICE_BYTES", 2 * 4 * len(embeddings))
    found = embeddings.float().requires_grad_()
    loss = hard_negatives(found, left, right, sharpness=sharpness)
    assert loss.item() == pytest.approx(float(naive(embeddings, left, right, sharpness)), rel=1e-5)
    (3 * loss).backward()
    torch.testing.assert_close(found.grad.double(), 3 * wanted.grad, rtol=1e-4, atol=1e-4)


def test_a_step_against_the_gradient_brings_counterparts_nearer_than_the_hardest_rival():
    embeddings, left, right = sample(seed=1)
    embeddings = embeddings.float().requires_grad_()

    def gap():
        distance = torch.cdist(embeddings.detach(), embeddings.detach())
        rivals = distance[left].clone()
        rivals[torch.arange(4), left] = rivals[torch.arange(4), right] = torch.inf
        return float((distance[left, right] - rivals.amin(dim=1)).mean())

    before = gap()
    for _ in range(20):
        hard_negatives(embeddings, left, right, sharpness=10.0).backward()
        with torch.no_grad():
            embeddings -= 0.01 * embeddings.grad
        embeddings.grad = None
    assert gap() < before - 0.5


def test_swapping_left_and_right_changes_nothing():
    embeddings, left, right = sample()
    there, back = (hard_negatives(embeddings.float(), *ends) for ends in ((left, right), (right, left)))
    assert float(there) == pytest.approx(float(back), rel=1e-6)


def test_shifting_and_scaling_all_embeddings_changes_nothing():
    embeddings, left, right = sample()
    plain = hard_negatives(embeddings.float(), left, right)
    moved = hard_negatives((4 * embeddings + 1).float(), left, right)
    assert float(moved) == pytest.approx(float(plain), rel=1e-4)


def test_embeddings_that_are_all_the_same_have_a_finite_loss_and_gradient():
    embeddings = torch.ones(10, 4, requires_grad=True)
    loss = hard_negatives(embeddings, torch.tensor([0]), torch.tensor([5]))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(embeddings.grad).all()


@pytest.mark.parametrize(
    "n, left, right, sharpness", [(9, [], [], 1.0), (9, [0], [], 1.0), (2, [0], [1], 1.0), (9, [0], [1], 0.0)]
)
def test_what_cannot_be_contrasted_is_refused(n, left, right, sharpness):
    ends = torch.tensor(left, dtype=torch.int64), torch.tensor(right, dtype=torch.int64)
    with pytest.raises(UsageError, match="three entities of both graphs together and a sharpness > 0"):
        hard_negatives(torch.randn(n, 2), *ends, sharpness=sharpness)
