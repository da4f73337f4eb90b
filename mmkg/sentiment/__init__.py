"""SENTIMENT: text, audio and vision with parts missing, on the fusion core of the aligners.

Names are imported when they are first used, as in ``mmkg``.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..data.policy import MissingPolicy
    from .config import SentimentDataConfig, SentimentExperiment
    from .curves import sweep
    from .data import SentimentData, SentimentSplit
    from .mmsa import read_mmsa, write_mmsa
    from .planted import synthetic
    from .result import SentimentResult
    from .sources import load
    from .training import evaluate, fit, predict

_HOME = {
    "MissingPolicy": "..data.policy",
    "SentimentData": ".data",
    "SentimentDataConfig": ".config",
    "SentimentExperiment": ".config",
    "SentimentResult": ".result",
    "SentimentSplit": ".data",
    "evaluate": ".training",
    "fit": ".training",
    "load": ".sources",
    "predict": ".training",
    "read_mmsa": ".mmsa",
    "sweep": ".curves",
    "synthetic": ".planted",
    "write_mmsa": ".mmsa",
}

__all__ = [
    "MissingPolicy",
    "SentimentData",
    "SentimentDataConfig",
    "SentimentExperiment",
    "SentimentResult",
    "SentimentSplit",
    "evaluate",
    "fit",
    "load",
    "predict",
    "read_mmsa",
    "sweep",
    "synthetic",
    "write_mmsa",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name], __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
