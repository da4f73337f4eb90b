"""Rows whose products are given scores of pairs."""

import torch

from mmkg.models.pair_part import pair_part


def test_rows_have_length_one_and_products_the_scores_unless_they_sum_to_more():
    """Left 0 has one candidate of score .6, left 1 three of score 1, whose codes sum to about 3 ** .5, left 2 none."""
    rows, cols = torch.tensor([0, 1, 1, 1]), torch.tensor([0, 1, 2, 3])
    found = pair_part(rows, cols, torch.tensor([0.6, 1, 1, 1]), (3, 4), dim=4096, purpose="test")
    left, right = found.split([3, 4])
    torch.testing.assert_close(found.norm(dim=1), torch.ones(7))
    expected = torch.zeros(3, 4)
    expected[0, 0], expected[1, 1:] = 0.6, 3**-0.5
    torch.testing.assert_close(left @ right.T, expected, atol=0.06, rtol=0)  # four deviations of 4096 ** -.5
