"""FUSE: tokens of several modalities, some of which may be missing, become one embedding."""

from .attention import CrossModalBlock, PairwiseAttention, SequenceBlock, SequenceEncoder, attend
from .combine import joint_scale, modality_shares, weighted_concat
from .common_space import PairwiseCommonSpace
from .fill import FILLS, LearnedToken, NoFill, TokenGenerator
from .heads import FusionHead, GlobalFusion, MetaModalityFusion
from .output import FusionOutput
from .pool import GatedRecurrentPool, SigmoidAttentionPool, mean_pool
from .reconstruct import Reconstructor
from .tag import AddedTag, ConcatenatedTag, TagHead, tag_bits
from .weights import GlobalWeights, masked_softmax, meta_modality_weights

__all__ = [
    "FILLS",
    "AddedTag",
    "ConcatenatedTag",
    "CrossModalBlock",
    "FusionHead",
    "FusionOutput",
    "GatedRecurrentPool",
    "GlobalFusion",
    "GlobalWeights",
    "LearnedToken",
    "MetaModalityFusion",
    "NoFill",
    "PairwiseAttention",
    "PairwiseCommonSpace",
    "Reconstructor",
    "SequenceBlock",
    "SequenceEncoder",
    "SigmoidAttentionPool",
    "TagHead",
    "TokenGenerator",
    "attend",
    "joint_scale",
    "masked_softmax",
    "mean_pool",
    "meta_modality_weights",
    "modality_shares",
    "tag_bits",
    "weighted_concat",
]
