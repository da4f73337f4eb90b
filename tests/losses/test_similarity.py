import torch

from mmkg.losses.similarity import similarity, stack_normalized


def test_cosines_of_both_sides_stacked():
    left = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    right = torch.tensor([[0.0, 2.0], [-6.0, -8.0]])
    expected = [[1.0, 0.0, 0.8, -1.0], [0.0, 0.0, 0.0, 0.0], [0.8, 0.0, 1.0, -0.8], [-1.0, 0.0, -0.8, 1.0]]
    assert torch.allclose(similarity(left, right), torch.tensor(expected), atol=1e-6)


def test_rows_have_length_one_and_zero_rows_stay_zero():
    rows = stack_normalized(torch.tensor([[5.0, 0.0]]), torch.tensor([[0.0, 0.0]]))
    assert rows.tolist() == [[1.0, 0.0], [0.0, 0.0]]
