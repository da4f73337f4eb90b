"""FUSE: tokens of several modalities, any of them missing, become one embedding."""

from .attention import CrossModalBlock
from .combine import joint_scale, modality_shares, weighted_concat
from .fill import FILLS, LearnedToken, NoFill
from .heads import GlobalFusion, MetaModalityFusion
from .output import FusionOutput
from .pool import mean_pool
from .weights import GlobalWeights, masked_softmax, meta_modality_weights

__all__ = [
    "FILLS",
    "CrossModalBlock",
    "FusionOutput",
    "GlobalFusion",
    "GlobalWeights",
    "LearnedToken",
    "MetaModalityFusion",
    "NoFill",
    "joint_scale",
    "masked_softmax",
    "mean_pool",
    "meta_modality_weights",
    "modality_shares",
    "weighted_concat",
]
