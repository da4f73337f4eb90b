"""MODELS: one paper per file; to add one, add its file and one line here."""

from typing import Any

from .combined import CombinedConfig
from .dual_amn import DualAMN, DualAMNConfig
from .eva import EVA, EVAConfig
from .mclea import MCLEA, MCLEAConfig
from .meaformer import MEAformer, MEAformerConfig
from .model import AlignmentModel
from .propagation import Propagation, PropagationConfig
from .refinement import RefinementConfig, spread_matches

MODELS = {"dual-amn": DualAMN, "eva": EVA, "mclea": MCLEA, "meaformer": MEAformer}
UNTRAINED = {"propagation": Propagation}  # no weights, no loss: embeds from links alone
MODEL_CONFIGS: dict[str, type[Any]] = {
    "combined": CombinedConfig,
    "dual-amn": DualAMNConfig,
    "eva": EVAConfig,
    "mclea": MCLEAConfig,
    "meaformer": MEAformerConfig,
    "propagation": PropagationConfig,
}

__all__ = [
    "EVA",
    "MCLEA",
    "MODELS",
    "MODEL_CONFIGS",
    "UNTRAINED",
    "AlignmentModel",
    "CombinedConfig",
    "DualAMN",
    "DualAMNConfig",
    "EVAConfig",
    "MCLEAConfig",
    "MEAformer",
    "MEAformerConfig",
    "Propagation",
    "PropagationConfig",
    "RefinementConfig",
    "spread_matches",
]
