"""Keeps the weights of the epoch with the best validation score and decides when to stop."""

from dataclasses import dataclass, field

from torch import Tensor, nn


@dataclass
class EarlyStop:
    """Best validation score so far, its epoch and its weights.

    Args:
        patience: number of validations without a better score after which ``stop`` is true; 0 = never.
        best_score: best validation score so far; -inf before the first one.
        best_epoch: its epoch, 0-based; -1 before the first validation.
        since_best: validations since then.
        weights: state of the model at that epoch.
    """

    patience: int
    best_score: float = float("-inf")
    best_epoch: int = -1
    since_best: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def update(self, score: float, epoch: int, model: nn.Module) -> bool:
        """Record the score of one validation; true if it is the best so far."""
        if score > self.best_score:
            self.best_score, self.best_epoch, self.since_best = score, epoch, 0
            self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
            return True
        self.since_best += 1
        return False

    @property
    def stop(self) -> bool:
        """Whether to stop: ``patience`` validations in a row gave no better score."""
        return 0 < self.patience <= self.since_best
