"""MODELS: one paper per file; to add one, add its file and one line in ``registry``."""

from typing import TYPE_CHECKING

from ..compute.process import lazy_names

if TYPE_CHECKING:
    from .combined import CombinedConfig
    from .dual_amn import DualAMN, DualAMNConfig
    from .eva import EVA, EVAConfig
    from .mclea import MCLEA, MCLEAConfig
    from .meaformer import MEAformer, MEAformerConfig
    from .model import AlignmentModel
    from .propagation import Propagation, PropagationConfig
    from .refinement import RefinementConfig, spread_matches
    from .registry import AUTO, MODELS, ModelEntry, trained_models

_HOME = {
    "AUTO": ".registry",
    "EVA": ".eva",
    "MCLEA": ".mclea",
    "MODELS": ".registry",
    "AlignmentModel": ".model",
    "CombinedConfig": ".combined",
    "DualAMN": ".dual_amn",
    "DualAMNConfig": ".dual_amn",
    "EVAConfig": ".eva",
    "MCLEAConfig": ".mclea",
    "MEAformer": ".meaformer",
    "MEAformerConfig": ".meaformer",
    "ModelEntry": ".registry",
    "Propagation": ".propagation",
    "PropagationConfig": ".propagation",
    "RefinementConfig": ".refinement",
    "spread_matches": ".refinement",
    "trained_models": ".registry",
}

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

__getattr__ = lazy_names(__name__, _HOME)
