import math

import torch

from mmkg.losses.weighting import UncertaintyWeights


def test_terms_are_scaled_by_exp_minus_s_and_pay_s():
    weights = UncertaintyWeights(["image", "name"])
    weights.log_variance.data = torch.tensor([math.log(2.0), -1.0])
    terms = weights({"name": torch.tensor(3.0), "image": torch.tensor(8.0)})
    assert list(terms) == ["image", "name"]
    assert math.isclose(float(terms["image"].detach()), 4 + math.log(2), rel_tol=1e-6)
    assert math.isclose(float(terms["name"].detach()), 3 * math.e - 1, rel_tol=1e-6)


def test_weights_start_at_one():
    terms = UncertaintyWeights(["image"])({"image": torch.tensor(5.0)})
    assert float(terms["image"].detach()) == 5.0


def test_term_that_does_not_come_adds_nothing_and_moves_nothing():
    weights = UncertaintyWeights(["image", "name"])
    terms = weights({"name": torch.tensor(3.0)})
    assert list(terms) == ["name"]
    terms["name"].backward()
    assert weights.log_variance.grad.tolist() == [0.0, -2.0]  # d/ds (exp(-s) 3 + s) at s = 0


def test_best_log_variance_is_the_logarithm_of_the_loss():
    weights, loss = UncertaintyWeights(["image"]), torch.tensor(5.0)
    weights.log_variance.data = loss.log()[None]
    weights({"image": loss})["image"].backward()
    assert abs(float(weights.log_variance.grad)) < 1e-6
