"""How a training ended, in words."""

import math

from .config import TrainingConfig
from .state import FitResult


def outcome(
    result: FitResult, config: TrainingConfig, *, figure: str = "validation MRR", until: int | None = None
) -> str:
    """Why the training ended, and which epoch is kept, in one line without a subject.

    Args:
        result: of the training.
        config: its schedule.
        figure: name of the validation figure.
        until: number of epochs that was chosen before, if it was.
    """
    if until is not None and until < config.epochs:
        return f"ended after epoch {result.epochs}, which was chosen before"
    if not math.isfinite(result.best_score):
        return f"ran all {result.epochs} epochs; the last is kept, as no held-out links choose one"
    validated = [row["epoch"] for row in result.history if "valid" in row]
    since = sum(epoch > result.best_epoch for epoch in validated)
    best = f"epoch {result.best_epoch + 1}"
    if result.epochs < config.epochs:
        return (
            f"stopped after epoch {result.epochs} of {config.epochs}: {since} validations in a row gave no better "
            f"{figure} than {result.best_score:.3f} of {best}, which is kept"
        )
    rising = "" if since else "; it was still rising, so that more epochs may help"
    return f"ran all {result.epochs} epochs; {best} is kept, with the best {figure}, {result.best_score:.3f}{rising}"
