import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmkg.losses.distribution import ial_from_similarity
from mmkg.losses.similarity import similarity


def cosines(size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return similarity(*torch.randn(2, size, 4, generator=generator, dtype=torch.float64))


def naive_ial(teacher, student, temperature, present=None):
    """MCLEA Eq. 10: KL(teacher || student) over the others, entity by entity."""
    number = len(teacher)
    there = [True] * number if present is None else present.tolist()
    divergences = []
    for a in range(number):
        others = [c for c in range(number) if c != a and there[c]]
        if not there[a] or not others:
            continue
        p = [math.exp(float(teacher[a, c]) / temperature) for c in others]
        q = [math.exp(float(student[a, c]) / temperature) for c in others]
        p, q = [x / sum(p) for x in p], [x / sum(q) for x in q]
        divergences.append(sum(x * math.log(x / y) for x, y in zip(p, q, strict=True)))
    return sum(divergences) / len(divergences) if divergences else 0.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 5), st.none() | st.integers(0, 1023), st.sampled_from([0.1, 1.0, 4.0]))
def test_loss_is_the_loop_off_the_equation(seed, size, mask, temperature):
    teacher, student = cosines(size, seed), cosines(size, seed + 1)
    present = None if mask is None else torch.tensor([bool(mask >> i & 1) for i in range(2 * size)])
    found = ial_from_similarity(teacher, student, temperature=temperature, present=present)
    assert float(found) == pytest.approx(naive_ial(teacher, student, temperature, present), abs=1e-9)
    assert found >= -1e-12


def test_agreement_costs_nothing_and_pulls_nowhere():
    student = cosines(4).requires_grad_()
    loss = ial_from_similarity(student.detach().clone(), student)
    loss.backward()
    assert abs(loss.item()) < 1e-12 and student.grad.abs().max() < 1e-12


def test_gradient_reaches_the_student_and_never_the_teacher():
    teacher, student = cosines(3).requires_grad_(), cosines(3, seed=1).requires_grad_()
    ial_from_similarity(teacher, student, temperature=0.5).backward()
    assert teacher.grad is None
    assert student.grad.any() and not student.grad.diagonal().any()


def test_similarity_to_oneself_is_not_read():
    teacher, student = cosines(3), cosines(3, seed=1)
    expected = ial_from_similarity(teacher, student)
    assert torch.equal(ial_from_similarity(teacher.clone().fill_diagonal_(9), student.fill_diagonal_(-9)), expected)


def test_fewer_than_two_present_cost_nothing():
    present = torch.zeros(4, dtype=torch.bool)
    for number in (0, 1):
        present[:number] = True
        student = cosines(2, seed=1).requires_grad_()
        loss = ial_from_similarity(cosines(2), student, present=present)
        loss.backward()
        assert loss.item() == 0 and not student.grad.any()
