"""Replacements for a modality that an item lacks; by default the modality is masked.

A generator learns to predict a modality from the items that have it, and predicts it for those that lack it.

The published codes replace the raw image feature by noise instead; this is ``FeatureConfig.fill_images``.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data.tensors.batch import ModalityBatch
from .pool import mean_pool


class NoFill(nn.Module):
    """Leaves a missing modality masked: it gets weight 0 and no attention."""

    def __init__(self, dims: Mapping[str, int]) -> None:
        super().__init__()

    def forward(self, batch: ModalityBatch) -> ModalityBatch:
        """The unchanged batch."""
        return batch


class LearnedToken(nn.Module):
    """Replaces a missing modality by a learned vector, one per modality, and counts it as observed.

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


class TokenGenerator(nn.Module):
    """Predicts the token of each modality from those of all others, and replaces a missing modality by the prediction.

    The prediction does not read the modality itself, so that its difference from the true token, over the items that
    have the modality, is a loss (``masked_smooth_l1`` of unit vectors in the aligners).

    Args:
        dims: width d of each modality's tokens.
        hidden_dim: inner width.
    """

    def __init__(self, dims: Mapping[str, int], hidden_dim: int = 128) -> None:
        super().__init__()
        self.names = tuple(dims)
        self.networks = nn.ModuleDict()
        for name, dim in dims.items():
            width = sum(other_dim for other, other_dim in dims.items() if other != name) + len(dims) - 1
            self.networks[name] = nn.Sequential(nn.Linear(width, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, dim))

    def predict(self, batch: ModalityBatch) -> dict[str, Tensor]:
        """The token of each modality predicted from the others, ``[B, d]``; no gradient reaches the others."""
        batch = batch.select(self.names)
        present = batch.present
        pooled = {name: F.normalize(mean_pool(batch, name), dim=-1).detach() for name in self.names}
        found = {}
        for name in self.names:
            others = [column for column, other in enumerate(self.names) if other != name]
            parts = [pooled[self.names[column]] for column in others]
            found[name] = self.networks[name](torch.cat([*parts, present[:, others].to(parts[0].dtype)], dim=-1))
        return found

    def put(self, batch: ModalityBatch, predicted: Mapping[str, Tensor]) -> ModalityBatch:
        """The batch with ``predicted`` in place of each missing modality of items that have at least one other."""
        batch = batch.select(self.names)
        present = batch.present
        values, observed = {}, {}
        for column, name in enumerate(self.names):
            missing = (~present[:, column] & present.any(dim=1))[:, None] & batch.valid[name]
            values[name] = torch.where(missing[..., None], predicted[name][:, None, :], batch.values[name])
            observed[name] = batch.observed[name] | missing
        return ModalityBatch(values, batch.valid, observed)

    def forward(self, batch: ModalityBatch) -> ModalityBatch:
        """Tokens ``[B, T, d]`` with gaps filled."""
        return self.put(batch, self.predict(batch))


FILLS = {"none": NoFill, "token": LearnedToken, "generator": TokenGenerator}
