import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmkg.fusion.weights import GlobalWeights, masked_softmax, meta_modality_weights


def random_attention(seed, size, heads, number, spread=3.0):
    generator = torch.Generator().manual_seed(seed)
    return (spread * torch.randn(size, heads, number, number, generator=generator)).softmax(dim=-1)


def test_masked_softmax_shares_one_among_the_present():
    logits = torch.tensor([[0.0, math.log(3.0), 9.0], [1.0, 1.0, 1.0]])
    present = torch.tensor([[True, True, False], [False, False, True]])
    assert torch.allclose(masked_softmax(logits, present), torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.0, 1.0]]))


def test_row_without_anything_gets_zeros_and_a_finite_gradient():
    logits = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    weights = masked_softmax(logits, torch.tensor([[False, False], [True, True]]))
    assert weights[0].tolist() == [0.0, 0.0]
    weights[:, 0].sum().backward()
    assert logits.grad.isfinite().all() and not logits.grad[0].any() and logits.grad[1].all()


def test_absent_logits_are_never_read():
    present = torch.tensor([[True, False, True]])
    for garbage in (float("nan"), float("inf"), 1e30):
        logits = torch.tensor([[1.0, garbage, 1.0]], requires_grad=True)
        weights = masked_softmax(logits, present)
        assert weights.tolist() == [[0.5, 0.0, 0.5]]
        weights[0, 0].backward()
        assert torch.allclose(logits.grad, torch.tensor([[0.25, 0.0, -0.25]]))


def test_global_weights_start_equal_and_follow_the_softmax():
    weights = GlobalWeights(3)
    everyone = torch.ones(2, 3, dtype=torch.bool)
    assert torch.allclose(weights(everyone), torch.full((2, 3), 1 / 3))
    weights.logits.data = torch.tensor([0.0, math.log(2.0), 0.0])
    everyone[1, 0] = False
    assert torch.allclose(weights(everyone), torch.tensor([[0.25, 0.5, 0.25], [0.0, 2 / 3, 1 / 3]]))


def naive_meta_weights(attention, present):
    """MEAformer Eq. 7 in the code's form, item by item over the modalities it has."""
    out = torch.zeros(present.shape)
    for b in range(len(present)):
        there = present[b].nonzero().flatten().tolist()
        exponentials = {
            m: math.exp(
                sum(float(head[query, m]) for head in attention[b] for query in there)
                / math.sqrt(len(there) * attention.shape[1])
            )
            for m in there
        }
        for m in there:
            out[b, m] = exponentials[m] / sum(exponentials.values())
    return out


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 5), st.integers(1, 3), st.integers(0, 2**20))
def test_meta_weights_are_those_of_the_loop(seed, number, heads, mask):
    present = torch.tensor([[bool(mask >> (b * number + m) & 1) for m in range(number)] for b in range(4)])
    attention = random_attention(seed, 4, heads, number)
    weights = meta_modality_weights(attention, present)
    assert torch.allclose(weights, naive_meta_weights(attention, present), atol=1e-5)
    assert torch.allclose(weights.sum(dim=1), present.any(dim=1).float(), atol=1e-6)
    assert not weights[~present].any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 6), st.floats(0.1, 50))
def test_meta_weights_stay_within_their_bounds(seed, number, spread):
    weights = meta_modality_weights(
        random_attention(seed, 8, 1, number, spread), torch.ones(8, number, dtype=torch.bool)
    )
    top = math.exp(math.sqrt(number))
    assert weights.min() >= 1 / (top + number - 1) - 1e-6
    assert weights.max() <= top / (top + number - 1) + 1e-6


def test_the_bounds_are_reached_where_all_look_at_one():
    attention = torch.zeros(1, 1, 4, 4)
    attention[..., 2] = 1
    weights = meta_modality_weights(attention, torch.ones(1, 4, dtype=torch.bool))
    assert [round(w, 3) for w in weights[0].tolist()] == [0.096, 0.096, 0.711, 0.096]  # spec: [.096, .711] for M = 4


def test_the_sum_over_keys_that_the_paper_prints_is_constant():
    attention = random_attention(0, 5, 2, 4)
    everyone = torch.ones(5, 4, dtype=torch.bool)
    printed = meta_modality_weights(attention.transpose(-1, -2), everyone)
    assert torch.allclose(printed, torch.full((5, 4), 0.25), atol=1e-6)
    assert (meta_modality_weights(attention, everyone) - 0.25).abs().max() > 0.05
