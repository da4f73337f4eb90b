"""A linear encoder for bags, names and image vectors."""

import torch
from torch import Tensor, nn


class LinearEncoder(nn.Module):
    """``x W + b``, for dense values ``[B, T, d_m]`` and for sparse rows ``[B, d_m]``.

    Initialised like ``nn.Linear``: U(-1/sqrt(d_m), 1/sqrt(d_m)).

    Args:
        in_dim: width d_m of the values.
        dim: width d of the tokens.

    Source: Lin et al., COLING 2022, Eq. 4; also in EVA and MEAformer.
    """

    def __init__(self, in_dim: int, dim: int) -> None:
        super().__init__()
        self.dim = dim
        bound = in_dim**-0.5
        self.weight = nn.Parameter(torch.empty(in_dim, dim).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(dim).uniform_(-bound, bound))

    def forward(self, values: Tensor) -> Tensor:
        """Tokens ``[B, T, d]``; T = 1 for sparse rows."""
        if values.layout == torch.sparse_csr:
            with torch.autocast(values.device.type, enabled=False):  # no sparse product in bfloat16
                tokens: Tensor = torch.sparse.mm(values, self.weight) + self.bias
                return tokens[:, None, :]
        return values @ self.weight + self.bias
