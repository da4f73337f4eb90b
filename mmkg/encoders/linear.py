"""One linear map, for bags, names and image vectors."""

import torch
from torch import Tensor, nn


class LinearEncoder(nn.Module):
    """``x W + b`` for dense values ``[B, T, d_m]`` and for sparse rows ``[B, d_m]`` alike.

    Starts as ``nn.Linear`` does: U(-1/sqrt(d_m), 1/sqrt(d_m)).

    Source: Lin et al., COLING 2022, Eq. 4; EVA and MEAformer do the same.
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
                return (torch.sparse.mm(values, self.weight) + self.bias)[:, None, :]
        return values @ self.weight + self.bias
