import torch

from mmkg.data.tensors.batch import ModalityBatch
from mmkg.fusion.pool import mean_pool


def test_mean_is_over_steps_that_are_valid_and_observed():
    values = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [50.0, 50.0]], [[4.0, 4.0], [9.0, 9.0], [8.0, 8.0]]])
    valid = torch.tensor([[True, True, False], [True, True, True]])
    observed = torch.tensor([[True, True, True], [True, False, False]])
    made = ModalityBatch({"audio": values}, {"audio": valid}, {"audio": observed})
    assert mean_pool(made, "audio").tolist() == [[2.0, 4.0], [4.0, 4.0]]


def test_more_padding_changes_nothing_even_if_it_is_nan():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(3, 4, 2, generator=generator)
    ones = torch.ones(3, 4, dtype=torch.bool)
    short = ModalityBatch({"audio": values}, {"audio": ones}, {"audio": ones})
    padding, off = torch.full((3, 2, 2), float("nan")), torch.zeros(3, 2, dtype=torch.bool)
    padded_values = torch.cat([values, padding], dim=1).requires_grad_()
    mask = torch.cat([ones, off], dim=1)
    padded = ModalityBatch({"audio": padded_values}, {"audio": mask}, {"audio": torch.ones_like(mask)})
    pooled = mean_pool(padded, "audio")
    assert torch.allclose(pooled, mean_pool(short, "audio"))
    assert torch.allclose(pooled, values.mean(dim=1))
    pooled.sum().backward()
    assert torch.equal(padded_values.grad, torch.where(mask[..., None], 0.25, 0.0).expand(3, 6, 2))


def test_item_without_steps_pools_to_zero():
    off = torch.zeros(1, 2, dtype=torch.bool)
    made = ModalityBatch({"audio": torch.full((1, 2, 3), 9.0)}, {"audio": off}, {"audio": off})
    assert mean_pool(made, "audio").tolist() == [[0.0, 0.0, 0.0]]
