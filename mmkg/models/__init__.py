"""MODELS: one paper per file; to add one, add its file and one line here."""

from .dual_amn import DualAMN, DualAMNConfig
from .eva import EVA, EVAConfig
from .mclea import MCLEA, MCLEAConfig
from .meaformer import MEAformer, MEAformerConfig
from .model import AlignmentModel

MODELS = {"dual-amn": DualAMN, "eva": EVA, "mclea": MCLEA, "meaformer": MEAformer}
MODEL_CONFIGS = {
    "dual-amn": DualAMNConfig,
    "eva": EVAConfig,
    "mclea": MCLEAConfig,
    "meaformer": MEAformerConfig,
}

__all__ = [
    "EVA",
    "MCLEA",
    "MODELS",
    "MODEL_CONFIGS",
    "AlignmentModel",
    "DualAMN",
    "DualAMNConfig",
    "EVAConfig",
    "MCLEAConfig",
    "MEAformer",
    "MEAformerConfig",
]
