"""Random projections are a function of their arguments; small ones are drawn once."""

import numpy as np
import pytest
import torch

from mmkg.compute.seeding import numpy_generator
from mmkg.data.tensors import sparse
from mmkg.data.tensors.sparse import random_codes, random_projection


def test_values_are_normal_and_lengths_are_kept_on_average():
    found = random_projection(300, 400, 0, "one", "cpu")
    drawn = numpy_generator(0, "one").standard_normal((300, 400), dtype=np.float32)
    assert found.numpy() == pytest.approx(drawn / 20)
    assert float((found**2).sum(dim=1).mean()) == pytest.approx(1, abs=0.02)
    for other in ((300, 400, 1, "one"), (300, 400, 0, "two")):
        assert not torch.equal(random_projection(*other, "cpu"), found)


def test_writing_to_codes_changes_no_projection():
    before = random_projection(20, 30, 0, "three", "cpu").clone()
    random_codes(20, 30, 0, "three", "cpu").zero_()
    assert torch.equal(random_projection(20, 30, 0, "three", "cpu"), before)
    assert torch.equal(random_codes(20, 30, 0, "three", "cpu"), before)


def test_only_small_ones_are_kept(monkeypatch):
    monkeypatch.setattr(sparse, "KEPT_VALUES", 100)
    for rows, kept in ((10, True), (11, False)):
        first, second = (random_projection(rows, 10, 0, "four", "cpu") for _ in range(2))
        assert (first.data_ptr() == second.data_ptr()) == kept and torch.equal(first, second)
