"""Stand-ins for a modality that an item lacks; by default there is none and the modality is masked.

The published codes fill the raw image feature with noise instead; that is ``FeatureConfig.fill_images``.
"""

from collections.abc import Mapping

import torch
from torch import nn

from ..data.batch import ModalityBatch


class NoFill(nn.Module):
    """Leaves a missing modality missing: it gets weight 0 and no attention."""

    def __init__(self, dims: Mapping[str, int]) -> None:
        super().__init__()

    def forward(self, batch: ModalityBatch) -> ModalityBatch:
        """The batch as it is."""
        return batch


class LearnedToken(nn.Module):
    """Puts one learned vector per modality where an item lacks it, and counts it as observed.

    Args:
        dims: width d of each modality's tokens.
    """

    def __init__(self, dims: Mapping[str, int]) -> None:
        super().__init__()
        self.tokens = nn.ParameterDict({name: nn.Parameter(torch.randn(dim) * dim**-0.5) for name, dim in dims.items()})

    def forward(self, batch: ModalityBatch) -> ModalityBatch:
        """Tokens ``[B, T, d]`` with gaps filled; padding stays padding."""
        values = {
            name: torch.where(batch.observed[name][..., None], batch.values[name], self.tokens[name])
            for name in batch.names
        }
        return ModalityBatch(values, batch.valid, {name: torch.ones_like(batch.observed[name]) for name in batch.names})


FILLS = {"none": NoFill, "token": LearnedToken}
