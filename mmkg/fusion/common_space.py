"""A common space for every pair of modalities."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


class PairwiseCommonSpace(nn.Module):
    """``C_i = [x_i W_ij] over all j != i``, with one matrix ``W_ij = W_ji`` per pair.

    Args:
        names: M modalities; a single one is returned unchanged.
        dim: width d of tokens, a multiple of M - 1.

    Raises:
        ValueError: M - 1 does not divide ``dim``.

    Source: Zeng et al., SIGIR 2022 (TATE), Sec. 3.4 ("2-2 projection").
    """

    def __init__(self, names: Sequence[str], dim: int) -> None:
        super().__init__()
        self.names = tuple(names)
        others = len(self.names) - 1
        if others and dim % others:
            raise ValueError(f"expected a width that {others} divides, got {dim}")
        self.maps = nn.ModuleDict(
            {
                self._pair(first, second): nn.Linear(dim, dim // others, bias=False)
                for place, first in enumerate(self.names)
                for second in self.names[place + 1 :]
            }
        )

    def forward(self, tokens: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Tokens in the common spaces, per modality ``[B, T, d] -> [B, T, d]``."""
        if len(self.names) == 1:
            return dict(tokens)
        return {
            name: torch.cat(
                [self.maps[self._pair(name, other)](tokens[name]) for other in self.names if other != name], dim=-1
            )
            for name in self.names
        }

    def _pair(self, first: str, second: str) -> str:
        return "|".join(sorted((first, second), key=self.names.index))
