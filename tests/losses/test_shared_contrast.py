import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmkg.losses.contrastive import icl
from mmkg.losses.shared_contrast import shared_icl


def parts(size, widths=(3, 2, 4), seed=0, missing=0.3):
    """Free embeddings, free weights and a mask; every entity has something."""
    generator = torch.Generator().manual_seed(seed)
    raw = [torch.randn(2 * size, width, generator=generator, dtype=torch.float64) for width in widths]
    weights = torch.rand(2 * size, len(widths), generator=generator, dtype=torch.float64) + 0.1
    present = torch.rand(2 * size, len(widths), generator=generator) >= missing
    present[:, 0] |= ~present.any(dim=1)
    return [value.requires_grad_() for value in raw], weights.requires_grad_(), present


def shared(raw, weights, present, *, temperature, joint, tile):
    """Loss through ``shared_icl``, from the same leaves as ``separate``."""
    units = [F.normalize(value, dim=1) for value in raw]
    scale = F.normalize(weights * present, dim=1) if joint else None
    return shared_icl(units, temperature=temperature, scale=scale, present=present, tile=tile)


def separate(raw, weights, present, *, temperature, joint):
    """One full 2B x 2B loss for each embedding and one for the concatenation."""
    size = len(raw[0]) // 2
    losses = [icl(*value.split(size), temperature=temperature, present=present[:, m]) for m, value in enumerate(raw)]
    if joint:
        scale = F.normalize(weights * present, dim=1)
        whole = torch.cat([scale[:, m, None] * F.normalize(value, dim=1) for m, value in enumerate(raw)], dim=1)
        losses.append(icl(*whole.split(size), temperature=temperature))
    return torch.stack(losses)


def check(size, tile, joint, missing, temperature=0.1, seed=0):
    raw, weights, present = parts(size, seed=seed, missing=missing)
    leaves = [*raw, weights] if joint else raw
    found = shared(raw, weights, present, temperature=temperature, joint=joint, tile=tile)
    expected = separate(raw, weights, present, temperature=temperature, joint=joint)
    assert torch.allclose(found, expected, atol=1e-10)
    pull = torch.linspace(0.5, 2, len(found), dtype=torch.float64)  # other terms, other gradients
    for a, b in zip(
        torch.autograd.grad((found * pull).sum(), leaves),
        torch.autograd.grad((expected * pull).sum(), leaves),
        strict=True,
    ):
        assert torch.allclose(a, b, atol=1e-9)


@pytest.mark.parametrize("missing", [0.0, 0.4])
@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize(("size", "tile"), [(1, 1), (1, 8), (3, 2), (4, 4), (5, 3), (6, 5), (7, None)])
def test_losses_and_gradients_are_those_of_one_icl_each(size, tile, joint, missing):
    check(size, tile, joint, missing)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 6), st.integers(1, 13), st.booleans(), st.floats(0, 0.95), st.floats(0.05, 1), st.integers(0, 2**31)
)
def test_any_batch_tile_and_mask(size, tile, joint, missing, temperature, seed):
    check(size, tile, joint, missing, temperature, seed)


def test_gradients_are_those_of_finite_differences():
    raw, weights, present = parts(3)

    def loss(weights, *raw):
        return shared(raw, weights, present, temperature=0.5, joint=True, tile=4)

    assert torch.autograd.gradcheck(loss, (weights, *raw))


def test_embedding_that_nobody_has_costs_nothing():
    raw, weights, present = parts(3, missing=0.0)
    present[:, 1] = False
    losses = shared(raw, weights, present, temperature=0.1, joint=True, tile=4)
    losses.sum().backward()
    assert losses[1] == 0 and (losses[[0, 2, 3]] > 0).all()
    assert not raw[1].grad.any() and raw[0].grad.isfinite().all() and raw[0].grad.any()


def test_entity_that_has_nothing_is_still_asked_by_the_joint():
    raw, weights, present = parts(4)
    present[2] = False
    found = shared(raw, weights, present, temperature=0.1, joint=True, tile=3)
    assert torch.allclose(found, separate(raw, weights, present, temperature=0.1, joint=True), atol=1e-10)


def test_all_present_is_the_default():
    raw, _, _ = parts(3)
    units = [F.normalize(value, dim=1) for value in raw]
    everyone = torch.ones(6, 3, dtype=torch.bool)
    assert torch.equal(shared_icl(units), shared_icl(units, present=everyone))


def test_lowest_temperature_stays_finite_in_float32_and_a_lower_one_is_refused():
    near = F.normalize(torch.tensor([[1.0, 0.01], [-1.0, 0.01], [-1.0, 0.0], [1.0, 0.0]]), dim=1).requires_grad_()
    loss = shared_icl([near], temperature=0.025)  # counterparts point away from each other: cosines near -1
    loss.sum().backward()
    expected = icl(near[:2].double(), near[2:].double(), temperature=0.025)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert near.grad.isfinite().all()
    with pytest.raises(ValueError, match="at least 0.025, got 0.01"):
        shared_icl([near], temperature=0.01)


def test_inputs_are_left_as_they_were():
    raw, weights, present = parts(3)
    units = [F.normalize(value.detach(), dim=1).requires_grad_() for value in raw]
    scale = F.normalize(weights.detach() * present, dim=1).requires_grad_()
    before = [tensor.detach().clone() for tensor in (*units, scale, present)]
    shared_icl(units, scale=scale, present=present, tile=2).sum().backward()
    assert all(torch.equal(a, b) for a, b in zip(before, (*units, scale, present), strict=True))
