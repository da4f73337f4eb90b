"""SENTIMENT: predict sentiment from text, audio and vision with missing parts, with the fusion modules of the aligners.

Names are imported when they are first used, as in ``mmkg``.
"""

from typing import TYPE_CHECKING

from ..compute.process import lazy_names

if TYPE_CHECKING:
    from .config import SentimentDataConfig, SentimentExperiment
    from .data import SentimentData, SentimentSplit
    from .model import SentimentModel
    from .policy import MissingPolicy
    from .readers.mmsa import read_mmsa, write_mmsa
    from .readers.planted import synthetic
    from .readers.sources import load
    from .registry import MODELS, ModelEntry
    from .result import SentimentResult
    from .sweeping import sweep
    from .training import evaluate, fit, predict

_HOME = {
    "MODELS": ".registry",
    "MissingPolicy": ".policy",
    "ModelEntry": ".registry",
    "SentimentData": ".data",
    "SentimentDataConfig": ".config",
    "SentimentExperiment": ".config",
    "SentimentModel": ".model",
    "SentimentResult": ".result",
    "SentimentSplit": ".data",
    "evaluate": ".training",
    "fit": ".training",
    "load": ".readers.sources",
    "predict": ".training",
    "read_mmsa": ".readers.mmsa",
    "sweep": ".sweeping",
    "synthetic": ".readers.planted",
    "write_mmsa": ".readers.mmsa",
}

__all__ = [
    "MODELS",
    "MissingPolicy",
    "ModelEntry",
    "SentimentData",
    "SentimentDataConfig",
    "SentimentExperiment",
    "SentimentModel",
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


__getattr__ = lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted(__all__)
