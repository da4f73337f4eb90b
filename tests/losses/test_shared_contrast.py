import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from no_waiting import NoWaiting

from mmkg.errors import UsageError
from mmkg.losses.contrastive import icl
from mmkg.losses.distribution import ial_from_similarity
from mmkg.losses.shared_contrast import shared_icl, shared_icl_ial


def parts(size, widths=(3, 2, 4), seed=0, missing=0.3):
    """Free embeddings, free weights and a mask; every entity has something, and what is absent is garbage."""
    generator = torch.Generator().manual_seed(seed)
    raw = [torch.randn(2 * size, width, generator=generator, dtype=torch.float64) for width in widths]
    weights = torch.rand(2 * size, len(widths), generator=generator, dtype=torch.float64) + 0.1
    present = torch.rand(2 * size, len(widths), generator=generator) >= missing
    present[:, 0] |= ~present.any(dim=1)
    return [value.requires_grad_() for value in raw], weights.requires_grad_(), present


def scaled(weights, present):
    return F.normalize(weights * present, dim=1)


def both_losses(raw, weights, present, **options):
    """ICL and IAL in one vector, means over groups."""
    found = shared_icl_ial(raw, scale=scaled(weights, present), present=present, **options)
    return torch.cat([loss.mean(dim=1) for loss in found])


def separate(raw, weights, present, *, temperature=0.1, joint=True, ial_temperature=None):
    """One full 2B x 2B loss for each embedding and one for the concatenation; with a second temperature IAL too."""
    size = len(raw[0]) // 2
    losses = [icl(*value.split(size), temperature=temperature, present=present[:, m]) for m, value in enumerate(raw)]
    units = [F.normalize(value, dim=1) for value in raw]
    whole = torch.cat([scaled(weights, present)[:, m, None] * unit for m, unit in enumerate(units)], dim=1)
    if joint:
        losses.append(icl(*whole.split(size), temperature=temperature))
    if ial_temperature is not None:
        teacher = whole @ whole.t()
        for m, unit in enumerate(units):
            there = present[:, m]
            losses.append(ial_from_similarity(teacher, unit @ unit.t(), temperature=ial_temperature, present=there))
    return torch.stack(losses)


def grouped(raw, weights, present, group_size, **options):
    """Mean of ``separate`` over neighbouring links."""
    size, losses = len(raw[0]) // 2, []
    for start in range(0, size, group_size):
        pick = torch.arange(start, min(start + group_size, size))
        pick = torch.cat([pick, pick + size])
        losses.append(separate([value[pick] for value in raw], weights[pick], present[pick], **options))
    return torch.stack(losses).mean(dim=0)


def check(found, expected, leaves):
    """Equal losses, and equal gradients though every term pulls differently."""
    assert torch.allclose(found, expected, atol=1e-10)
    pull = torch.linspace(0.5, 2, len(found), dtype=torch.float64)
    for a, b in zip(
        torch.autograd.grad((found * pull).sum(), leaves),
        torch.autograd.grad((expected * pull).sum(), leaves, materialize_grads=True),
        strict=True,
    ):
        assert torch.allclose(a, b, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("missing", [0.0, 0.4])
@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize(("size", "tile"), [(1, 1), (1, 8), (3, 2), (4, 4), (5, 3), (6, 5), (7, None)])
def test_losses_and_gradients_are_those_of_one_icl_each(size, tile, joint, missing):
    raw, weights, present = parts(size, missing=missing)
    scale = scaled(weights, present) if joint else None
    found = shared_icl(raw, scale=scale, present=present, tile=tile)
    check(found, separate(raw, weights, present, joint=joint), [*raw, weights] if joint else raw)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 6),
    st.integers(1, 7),
    st.integers(1, 13),
    st.floats(0, 0.95),
    st.floats(0.05, 1),
    st.sampled_from([0.1, 1.0, 4.0]),
    st.integers(0, 2000),
    st.integers(0, 2**31),
)
def test_any_batch_group_tile_mask_and_memory(size, group, tile, missing, temperature, ial_temperature, keep, seed):
    raw, weights, present = parts(size, seed=seed, missing=missing)
    both = {"temperature": temperature, "ial_temperature": ial_temperature}
    found = both_losses(raw, weights, present, **both, group_size=group, tile=tile, keep_bytes=keep)
    check(found, grouped(raw, weights, present, group, **both), [*raw, weights])


def test_gradients_are_those_of_finite_differences():
    raw, weights, present = parts(3)

    def loss(weights, *raw):
        return shared_icl(raw, scale=scaled(weights, present), present=present, temperature=0.5, tile=4)

    assert torch.autograd.gradcheck(loss, (weights, *raw))


def test_orthogonal_links_by_hand():
    same = torch.eye(4, dtype=torch.float64).repeat(2, 1)  # cosine 1 with the counterpart, 0 with six others
    value = math.log(math.exp(2) + 6) - 2
    icl_terms, ial_terms = shared_icl_ial([3 * same], scale=torch.ones(8, 1).double(), temperature=0.5)
    assert icl_terms.flatten().tolist() == pytest.approx([value, value]) and ial_terms.item() == pytest.approx(0)


def test_one_modality_has_nothing_to_learn_from_its_own_joint():
    (raw,), _, _ = parts(5, widths=(6,), missing=0.0)
    _, ial = shared_icl_ial([raw], scale=torch.ones(10, 1).double(), ial_temperature=0.2, tile=3)
    (grad,) = torch.autograd.grad(ial.sum(), raw)
    assert abs(ial.item()) < 1e-12 and grad.abs().max() < 1e-12


def test_ial_pulls_at_the_embeddings_and_never_at_the_weights():
    raw, weights, present = parts(5)
    _, ial = shared_icl_ial(raw, scale=scaled(weights, present), present=present, ial_temperature=0.3)
    *grads, pulled = torch.autograd.grad(ial.sum(), [*raw, weights])
    assert not pulled.any() and all(grad.any() for grad in grads)


def test_losses_come_group_by_group():
    raw, weights, present = parts(5)
    icl_terms, ial_terms = shared_icl_ial(raw, scale=scaled(weights, present), present=present, group_size=2)
    assert icl_terms.shape == (4, 3) and ial_terms.shape == (3, 3)
    last = torch.tensor([4, 9])
    expected = separate([value[last] for value in raw], weights[last], present[last], ial_temperature=4.0)
    assert torch.allclose(torch.cat([icl_terms, ial_terms])[:, 2], expected, atol=1e-12)


def test_what_is_kept_changes_nothing():
    raw, weights, present = parts(6)
    tile_bytes = 3 * 3 * 3 * 8
    results = []
    for keep in (0, tile_bytes - 1, tile_bytes, 4 * tile_bytes + 5, 1 << 20):
        loss = both_losses(raw, weights, present, tile=3, keep_bytes=keep)
        results.append((loss, *torch.autograd.grad(loss.sum(), [*raw, weights])))
    for result in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(result, results[0], strict=True))


def test_two_losses_of_one_graph_and_a_second_backward_add_up():
    raw, weights, present = parts(4)
    leaves = [*raw, weights]
    first = both_losses(raw, weights, present, tile=3).sum()
    second = shared_icl(raw, present=present, temperature=0.5).sum()
    once = torch.autograd.grad(first, leaves, retain_graph=True)
    again = torch.autograd.grad(first, leaves, retain_graph=True)
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    other = torch.autograd.grad(second, leaves, retain_graph=True, materialize_grads=True)
    both = torch.autograd.grad(first + 2 * second, leaves)
    assert all(torch.allclose(a + 2 * b, c) for a, b, c in zip(once, other, both, strict=True))


def test_embedding_that_nobody_has_costs_nothing():
    raw, weights, present = parts(3, missing=0.0)
    present[:, 1] = False
    losses = both_losses(raw, weights, present, tile=4)
    losses.sum().backward()
    assert not losses[[1, 5]].any() and (losses[[0, 2, 3, 4, 6]] > 0).all()
    assert not raw[1].grad.any() and raw[0].grad.isfinite().all() and raw[0].grad.any()


def test_embedding_of_one_entity_alone_costs_nothing():
    raw, weights, present = parts(3, missing=0.0)
    present[1:, 1] = False
    losses = both_losses(raw, weights, present, tile=4)
    losses[[1, 5]].sum().backward()
    assert not losses[[1, 5]].any() and not raw[1].grad.any()


def test_entity_that_has_nothing_is_still_asked_by_the_joint():
    raw, weights, present = parts(4)
    present[2] = False
    found = shared_icl(raw, scale=scaled(weights, present), present=present, tile=3)
    assert torch.allclose(found, separate(raw, weights, present), atol=1e-10)


def test_absent_garbage_changes_nothing_and_gets_no_gradient():
    raw, weights, present = parts(4)
    loss = both_losses(raw, weights, present, tile=3)
    other = [torch.where(present[:, m, None], value, 7.0) for m, value in enumerate(raw)]
    assert torch.allclose(both_losses(other, weights, present, tile=3), loss, atol=1e-12)
    loss.sum().backward()
    assert all(torch.equal(value.grad.any(dim=1), present[:, m]) for m, value in enumerate(raw))


def test_zero_embedding_stays_finite():
    raw = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    raw[1] = 0.0
    raw.requires_grad_()
    loss = shared_icl([raw])
    loss.backward()
    assert loss.item() == pytest.approx(icl(raw[:3], raw[3:]).item(), rel=1e-5)
    assert raw.grad.isfinite().all() and not raw.grad[1].any()


def test_all_present_is_the_default():
    raw, weights, _ = parts(3)
    everyone = torch.ones(6, 3, dtype=torch.bool)
    assert torch.equal(shared_icl(raw), shared_icl(raw, present=everyone))
    scale = scaled(weights, everyone)
    for a, b in zip(shared_icl_ial(raw, scale=scale), shared_icl_ial(raw, scale=scale, present=everyone), strict=True):
        assert torch.equal(a, b)


def test_lowest_temperature_stays_finite_in_float32_and_a_lower_one_is_refused():
    near = F.normalize(torch.tensor([[1.0, 0.01], [-1.0, 0.01], [-1.0, 0.0], [1.0, 0.0]]), dim=1).requires_grad_()
    loss = shared_icl([near], temperature=0.025)  # counterparts point away from each other: cosines near -1
    loss.sum().backward()
    expected = icl(near[:2].double(), near[2:].double(), temperature=0.025)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert near.grad.isfinite().all()
    with pytest.raises(UsageError, match=r"at least 0.025, got 0.01"):
        shared_icl([near], temperature=0.01)
    with pytest.raises(UsageError, match=r"at least 0.025, got 0.02"):
        shared_icl_ial([near], scale=torch.ones(4, 1), ial_temperature=0.02)


def test_many_alike_at_the_lowest_temperature_do_not_overflow():
    same = torch.ones(1200, 2).requires_grad_()
    loss = shared_icl([same], temperature=0.025)
    loss.sum().backward()
    assert loss.item() == pytest.approx(math.log(1199), rel=1e-6) and same.grad.isfinite().all()


def test_autocast_leaves_energies_and_sums_in_float32():
    raw, weights, present = parts(200, widths=(16, 8, 8))
    raw = [value.detach().float().requires_grad_() for value in raw]
    weights = weights.detach().float().requires_grad_()
    expected = both_losses(raw, weights, present)
    grads = torch.autograd.grad(expected.sum(), [*raw, weights])
    with torch.autocast("cpu", torch.bfloat16):
        found = both_losses(raw, weights, present)
        lowered = [value.bfloat16() for value in raw]  # what a linear layer gives under autocast
        low = both_losses(lowered, weights, present)
        pulled = torch.autograd.grad(found.sum(), [*raw, weights])
    assert found.dtype == low.dtype == torch.float32
    assert torch.allclose(found, expected, rtol=1e-6)
    assert torch.allclose(low, expected, rtol=1e-2)
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-7) for a, b in zip(pulled, grads, strict=True))
    exact = both_losses([value.float() for value in lowered], weights, present)
    assert torch.allclose(low, exact, rtol=1e-6)


@pytest.mark.parametrize("wait", [lambda x: x[x > 0], lambda x: bool(x.any()), lambda x: x.sum().item()])
def test_the_mode_sees_who_waits(wait):
    with pytest.raises(AssertionError), NoWaiting():
        wait(torch.ones(3))


def test_neither_forward_nor_backward_waits_for_a_value():
    raw, weights, present = parts(4)
    with NoWaiting():
        both_losses(raw, weights, present, tile=3, group_size=3).sum().backward()
    assert weights.grad.any()


def test_inputs_are_left_as_they_were():
    raw, weights, present = parts(3)
    scale = scaled(weights.detach(), present).requires_grad_()
    before = [tensor.detach().clone() for tensor in (*raw, scale, present)]
    shared_icl_ial(raw, scale=scale, present=present, tile=2)[0].sum().backward()
    assert all(torch.equal(a, b) for a, b in zip(before, (*raw, scale, present), strict=True))


@pytest.mark.slow
def test_float32_at_the_size_of_a_published_batch_is_the_plain_formula_in_float64():
    raw, weights, present = parts(1500, widths=(40, 20), missing=0.2)
    leaves = [*raw, weights]
    expected = separate(raw, weights, present, ial_temperature=4.0)
    grads = torch.autograd.grad(expected.sum(), leaves)
    single = [value.detach().float().requires_grad_() for value in leaves]
    found = both_losses(single[:-1], single[-1], present)
    assert torch.allclose(found[:3].double(), expected[:3], rtol=1e-6)
    assert torch.allclose(found[3:].double(), expected[3:], rtol=1e-4)  # a difference of logarithms
    for a, b in zip(torch.autograd.grad(found.sum(), single), grads, strict=True):
        assert (a - b).norm() <= 1e-5 * b.norm()


def test_losses_without_gradients_are_the_same():
    raw, weights, present = parts(4)
    with_gradients = shared_icl(raw, present=present), both_losses(raw, weights, present)
    with torch.no_grad():
        found = shared_icl(raw, present=present), both_losses(raw, weights, present)
    assert all(torch.equal(a, b) and not a.requires_grad for a, b in zip(found, with_gradients, strict=True))
    raw[1].requires_grad_(False)
    first, second, _ = shared_icl(raw, present=present)
    expected = separate(raw, weights, present, joint=False)
    assert torch.allclose(
        torch.autograd.grad(first + second, raw[0])[0], torch.autograd.grad(expected[0], raw[0])[0], atol=1e-9
    )
