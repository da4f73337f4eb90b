"""MODELS: one paper per file; to add one, add its file and one line here."""

from . import combined, dual_amn, eva, mclea, meaformer, propagation
from .combined import CombinedConfig
from .dual_amn import DualAMN, DualAMNConfig
from .eva import EVA, EVAConfig
from .mclea import MCLEA, MCLEAConfig
from .meaformer import MEAformer, MEAformerConfig
from .model import AlignmentModel
from .propagation import Propagation, PropagationConfig
from .refinement import RefinementConfig, spread_matches
from .registry import AUTO, MODELS, ModelEntry, trained_models

MODELS["combined"] = combined.ENTRY
MODELS["dual-amn"] = dual_amn.ENTRY
MODELS["eva"] = eva.ENTRY
MODELS["mclea"] = mclea.ENTRY
MODELS["meaformer"] = meaformer.ENTRY
MODELS["propagation"] = propagation.ENTRY

__all__ = [
    "AUTO",
    "EVA",
    "MCLEA",
    "MODELS",
    "AlignmentModel",
    "CombinedConfig",
    "DualAMN",
    "DualAMNConfig",
    "EVAConfig",
    "MCLEAConfig",
    "MEAformer",
    "MEAformerConfig",
    "ModelEntry",
    "Propagation",
    "PropagationConfig",
    "RefinementConfig",
    "spread_matches",
    "trained_models",
]
