import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmkg.losses.contrastive import icl, icl_from_similarity, nca
from mmkg.losses.similarity import similarity


def embeddings(size, dim=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    left, right = torch.randn(2, size, dim, generator=generator, dtype=torch.float64)
    return left, right


def naive_icl(left, right, temperature, average, present=None):
    """MCLEA Eq. 7 and 8, link by link, over the entities that are there."""
    size = len(left)
    items = [row / row.norm() for row in (*left, *right)]
    there = [True] * (2 * size) if present is None else present.tolist()

    def q(a, b):
        weight = {c: math.exp(float(items[a] @ items[c]) / temperature) for c in range(2 * size) if c != a and there[c]}
        return weight[b] / sum(weight.values())

    losses = []
    for i in range(size):
        if there[i] and there[size + i]:
            forth, back = q(i, size + i), q(size + i, i)
            both = -0.5 * (math.log(forth) + math.log(back))
            losses.append(both if average == "log" else -math.log((forth + back) / 2))
    return sum(losses) / len(losses) if losses else 0.0


@pytest.mark.parametrize("average", ["log", "probability"])
@pytest.mark.parametrize("temperature", [0.1, 1.0])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_icl_is_the_loop_off_the_equation(average, temperature, size):
    left, right = embeddings(size)
    found = icl(left, right, temperature=temperature, average=average)
    assert float(found) == pytest.approx(naive_icl(left, right, temperature, average), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(0, 2**12 - 1), st.sampled_from(["log", "probability"]))
def test_icl_neither_asks_nor_offers_what_is_absent(seed, size, mask, average):
    left, right = embeddings(size, seed=seed)
    present = torch.tensor([bool(mask >> i & 1) for i in range(2 * size)])
    found = icl(left, right, average=average, present=present)
    assert float(found) == pytest.approx(naive_icl(left, right, 0.1, average, present), abs=1e-6)


def test_masking_a_link_is_the_same_as_dropping_it():
    left, right = embeddings(5)
    kept = torch.tensor([True, False, True, True, False])
    for average in ("log", "probability"):
        masked = icl(left, right, average=average, present=kept.repeat(2))
        assert float(masked) == pytest.approx(float(icl(left[kept], right[kept], average=average)), abs=1e-9)


def test_nothing_present_costs_nothing_and_pulls_nowhere():
    left, right = embeddings(3)
    left.requires_grad_()
    loss = icl(left, right, present=torch.zeros(6, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0 and not left.grad.any()


def test_absent_garbage_sends_no_gradient():
    left, right = embeddings(3)
    left.requires_grad_()
    icl(left, right, present=torch.tensor([False, True, True, True, True, True])).backward()
    assert not left.grad[0].any() and left.grad[1:].any(dim=1).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 8), st.floats(0.05, 2))
def test_form_of_the_codes_is_never_below_that_of_the_paper(seed, size, temperature):
    left, right = embeddings(size, seed=seed)
    code = icl(left, right, temperature=temperature)
    paper = icl(left, right, temperature=temperature, average="probability")
    assert code >= paper - 1e-7
    assert paper >= -1e-7


@pytest.mark.parametrize("average", ["log", "probability"])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_equal_embeddings_cost_the_logarithm_of_the_number_of_others(average, size):
    same = torch.ones(size, 3, dtype=torch.float64)
    assert float(icl(same, same, average=average)) == pytest.approx(math.log(2 * size - 1), abs=1e-6)


@pytest.mark.parametrize("average", ["log", "probability"])
def test_swapping_left_and_right_changes_nothing(average):
    left, right = embeddings(5)
    assert torch.allclose(icl(left, right, average=average), icl(right, left, average=average))


def test_length_of_an_embedding_does_not_matter():
    left, right = embeddings(4)
    assert torch.allclose(icl(left, right), icl(3 * left, 0.5 * right))


def test_cosines_at_hand_give_the_same_loss():
    left, right = embeddings(4)
    assert torch.equal(icl(left, right), icl_from_similarity(similarity(left, right)))


def naive_nca(left, right, alpha, beta):
    left, right = [row / row.norm() for row in left], [row / row.norm() for row in right]
    total = 0.0
    for i in range(len(left)):
        rest = [j for j in range(len(left)) if j != i]
        total += math.log(1 + sum(math.exp(alpha * float(left[j] @ right[i])) for j in rest)) / alpha
        total += math.log(1 + sum(math.exp(alpha * float(left[i] @ right[j])) for j in rest)) / alpha
        total -= beta * math.log(1 + max(float(left[i] @ right[i]), 0.0))
    return total / len(left)


@pytest.mark.parametrize(("alpha", "beta"), [(5.0, 10.0), (15.0, 10.0), (1.0, 0.5)])
@pytest.mark.parametrize("size", [1, 2, 6])
def test_nca_is_the_loop_off_the_equation(alpha, beta, size):
    left, right = embeddings(size, seed=1)
    assert float(nca(left, right, alpha=alpha, beta=beta)) == pytest.approx(naive_nca(left, right, alpha, beta))


def test_nca_of_a_perfect_orthogonal_batch_by_hand():
    same = torch.eye(2)
    # every wrong pair has cosine 0: 2 / 5 log(1 + 1) - 10 log(1 + 1)
    assert float(nca(same, same, alpha=5.0)) == pytest.approx((0.4 - 10) * math.log(2))


def test_nca_leaves_out_links_with_an_absent_end():
    left, right = embeddings(4)
    present = torch.tensor([True, False, True, True, True, True, True, False])
    kept = torch.tensor([0, 2])
    expected = naive_nca(left[kept], right[kept], 5.0, 10.0)
    assert float(nca(left, right, alpha=5.0, present=present)) == pytest.approx(expected)
    left.requires_grad_()
    nothing = nca(left, right, alpha=5.0, present=torch.zeros(8, dtype=torch.bool))
    nothing.backward()
    assert nothing.item() == 0 and not left.grad.any()
