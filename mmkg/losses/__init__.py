"""Losses: pure functions of tensors that return scalar means."""

from .contrastive import icl, icl_from_similarity, nca
from .distribution import ial_from_similarity
from .hard_contrast import hard_negatives
from .shared_contrast import shared_icl, shared_icl_ial
from .similarity import similarity, stack_normalized
from .weighting import UncertaintyWeights

__all__ = [
    "UncertaintyWeights",
    "hard_negatives",
    "ial_from_similarity",
    "icl",
    "icl_from_similarity",
    "nca",
    "shared_icl",
    "shared_icl_ial",
    "similarity",
    "stack_normalized",
]
