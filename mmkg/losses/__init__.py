"""Losses: pure functions of tensors that return scalar means."""

from .contrastive import icl, icl_from_similarity, nca
from .distribution import feature_kl, ial_from_similarity
from .hard_contrast import hard_negatives
from .reconstruction import masked_smooth_l1, tag_loss
from .shared_contrast import shared_icl, shared_icl_ial
from .similarity import similarity, stack_normalized
from .weighting import UncertaintyWeights

__all__ = [
    "UncertaintyWeights",
    "feature_kl",
    "hard_negatives",
    "ial_from_similarity",
    "icl",
    "icl_from_similarity",
    "masked_smooth_l1",
    "nca",
    "shared_icl",
    "shared_icl_ial",
    "similarity",
    "stack_normalized",
    "tag_loss",
]
