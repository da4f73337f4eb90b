"""MODELS: one paper per file; to add one, add its file and one line here."""

from .eva import EVA, EVAConfig
from .mclea import MCLEA, MCLEAConfig
from .meaformer import MEAformer, MEAformerConfig
from .model import AlignmentModel

MODELS = {"eva": EVA, "mclea": MCLEA, "meaformer": MEAformer}
MODEL_CONFIGS = {"eva": EVAConfig, "mclea": MCLEAConfig, "meaformer": MEAformerConfig}

__all__ = [
    "EVA",
    "MCLEA",
    "MODELS",
    "MODEL_CONFIGS",
    "AlignmentModel",
    "EVAConfig",
    "MCLEAConfig",
    "MEAformer",
    "MEAformerConfig",
]
