"""TRAIN: one resumable loop that keeps the epoch with the best validation score."""

from .bootstrap import BootstrapConfig, BootstrapResult, bootstrap, propose
from .config import TrainingConfig
from .loop import DivergedError, fit, optimise
from .state import FitResult

__all__ = [
    "BootstrapConfig",
    "BootstrapResult",
    "DivergedError",
    "FitResult",
    "TrainingConfig",
    "bootstrap",
    "fit",
    "optimise",
    "propose",
]
