"""Loss weights that are learned from homoscedastic uncertainty."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


class UncertaintyWeights(nn.Module):
    """``sum over terms of exp(-s) L + s``, one learned log-variance s per term, all starting at 0.

    Args:
        names: all possible terms; one that is absent from a batch adds nothing.

    Source:
        Kendall et al., CVPR 2018. The papers of MCLEA and MEAformer print ``L / α² + log α``. Their code has
        ``s = log α²`` and adds s, that is 2 log α; this class follows the code.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.log_variance = nn.Parameter(torch.zeros(len(self.names)))

    def forward(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weighted terms by name; losses in, losses out, scalars each."""
        return {
            name: torch.exp(-s) * losses[name] + s
            for name, s in zip(self.names, self.log_variance, strict=True)
            if name in losses
        }
