"""The sentiment models by name; to add one, add its file and one line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .model import SentimentModel
from .tate import TATE, TATEConfig
from .tfr_net import TFRNet, TFRNetConfig


@dataclass(frozen=True)
class ModelEntry:
    """A sentiment model: its configuration and how it is built.

    Args:
        config: class of its configuration, a frozen dataclass whose fields all have defaults.
        build: called as ``build(dims, steps, config)`` with the number of features per step and the largest number of
            steps, both by modality.
    """

    config: type[Any]
    build: Callable[[Mapping[str, int], Mapping[str, int], Any], SentimentModel]


MODELS: dict[str, ModelEntry] = {
    "tate": ModelEntry(TATEConfig, TATE),
    "tfr-net": ModelEntry(TFRNetConfig, TFRNet),
}
