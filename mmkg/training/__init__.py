"""TRAIN: one resumable loop that keeps the epoch with the best validation score."""

from typing import TYPE_CHECKING

from ..compute.process import lazy_names

if TYPE_CHECKING:
    from .bootstrap import BootstrapResult, propose
    from .config import BootstrapConfig, TrainingConfig
    from .loop import DivergedError, fit, optimise
    from .state import FitResult

_HOME = {
    "BootstrapConfig": ".config",
    "BootstrapResult": ".bootstrap",
    "DivergedError": ".loop",
    "FitResult": ".state",
    "TrainingConfig": ".config",
    "fit": ".loop",
    "optimise": ".loop",
    "propose": ".bootstrap",
}

__all__ = [
    "BootstrapConfig",
    "BootstrapResult",
    "DivergedError",
    "FitResult",
    "TrainingConfig",
    "fit",
    "optimise",
    "propose",
]

__getattr__ = lazy_names(__name__, _HOME)
