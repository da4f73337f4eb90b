import numpy as np
import torch
import torch.nn.functional as F

from mmkg.models.neutral import COLUMNS, neutral


def test_products_are_cosines_above_the_neutral_one_or_nothing():
    generator = torch.Generator().manual_seed(0)
    left, right = (F.normalize(torch.randn(count, 6, generator=generator), dim=1) for count in (5, 4))
    left[1], left[3], right[2] = 0, 0, 0
    found = neutral(left, right, 0.4)
    assert [side.shape for side in found] == [(5, 6 + COLUMNS), (4, 6 + COLUMNS)]
    for side in found:
        torch.testing.assert_close(side.norm(dim=1), torch.ones(len(side)))
    expected = np.zeros((5, 4))
    for i in (0, 2, 4):
        for j in (0, 1, 3):
            expected[i, j] = (float(left[i] @ right[j]) - 0.4) / 1.4
    np.testing.assert_allclose((found[0] @ found[1].t()).numpy(), expected, atol=1e-6)


def test_a_wrong_look_alike_does_not_beat_a_counterpart_without_a_vector():
    name = torch.eye(3)[:1], torch.tensor([[0.9, 0.43589, 0], [0.85, 0.52678, 0]])  # the first is right
    image = torch.tensor([[1.0, 0]]), torch.tensor([[0.0, 0], [0.4, 0.916515]])  # and has no image
    plain = [name[0] @ name[1].t() + image[0] @ image[1].t(), None]
    assert plain[0].argmax() == 1
    left, right = neutral(*image)
    assert (name[0] @ name[1].t() + left @ right.t()).argmax() == 0
