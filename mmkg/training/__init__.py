"""TRAIN: one loop, resumable, selected on validation links."""

from .config import TrainingConfig
from .loop import DivergedError, FitResult, fit

__all__ = ["DivergedError", "FitResult", "TrainingConfig", "fit"]
