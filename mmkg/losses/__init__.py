"""Losses: pure functions of tensors that return scalar means."""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from .contrastive import icl, icl_from_similarity, nca
from .distribution import feature_kl, ial_from_similarity
from .hard_contrast import hard_negatives
from .reconstruction import masked_smooth_l1, tag_loss
from .shared_contrast import shared_icl, shared_icl_ial
from .similarity import similarity, stack_normalized
from .weighting import UncertaintyWeights

# contrastive losses of B links by name: (left embeddings [B, d], right embeddings [B, d]) -> scalar mean
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"icl": icl, "nca": partial(nca, alpha=15.0)}

__all__ = [
    "LOSSES",
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
