"""TRAIN: one loop, resumable, selected on validation links."""

from .bootstrap import BootstrapConfig, BootstrapResult, bootstrap, propose
from .config import TrainingConfig
from .loop import DivergedError, FitResult, fit, optimise

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
