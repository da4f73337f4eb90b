"""Loss weights that are learned from homoscedastic uncertainty."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


class UncertaintyWeights(nn.Module):
    """``sum over terms of exp(-s) L + s``, one learned log-variance s per term, all starting at 0.

    Args:
        names: terms that can come; a term that does not come adds nothing.

    Source:
        Kendall et al., CVPR 2018. MCLEA's and MEAformer's papers print ``L / α² + log α``; their codes
        have ``s = log α²`` and add s, that is 2 log α, and this follows the codes.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.log_variance = nn.Parameter(torch.zeros(len(self.names)))

    def forward(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each weighted term under its name."""
        return {
            name: torch.exp(-s) * losses[name] + s
            for name, s in zip(self.names, self.log_variance, strict=True)
            if name in losses
        }
