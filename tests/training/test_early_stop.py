import torch
from torch import nn

from mmkg.training.early_stop import EarlyStop


def test_best_weights_are_a_copy_of_those_at_the_best_score():
    model, stop = nn.Linear(1, 1), EarlyStop(patience=0)
    for epoch, score in enumerate([0.1, 0.5, 0.5, 0.2]):
        model.weight.data.fill_(epoch)
        assert stop.update(score, epoch, model) is (epoch < 2)
    assert (stop.best_epoch, stop.best_score, stop.since_best) == (1, 0.5, 2)
    assert torch.equal(stop.weights["weight"], torch.ones(1, 1))


def test_stops_after_as_many_validations_without_a_better_score():
    model, stop = nn.Linear(1, 1), EarlyStop(patience=2)
    seen = []
    for epoch, score in enumerate([0.3, 0.2, 0.4, 0.4, 0.1]):
        stop.update(score, epoch, model)
        seen.append(stop.stop)
    assert seen == [False, False, False, False, True]


def test_patience_of_zero_never_stops():
    model, stop = nn.Linear(1, 1), EarlyStop(patience=0)
    for epoch in range(50):
        stop.update(-float(epoch), epoch, model)
    assert not stop.stop and stop.best_epoch == 0


def test_score_that_is_not_a_number_is_never_the_best():
    model, stop = nn.Linear(1, 1), EarlyStop(patience=3)
    assert not stop.update(float("nan"), 0, model)
    assert stop.update(0.0, 1, model) and not stop.update(float("nan"), 2, model)
    assert stop.best_epoch == 1
