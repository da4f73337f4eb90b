"""Diagonal graph attention, the structure encoder of MCLEA and MEAformer."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric import EdgeIndex
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import softmax

from .weighted_sum import weighted_sum


class DiagonalGATConv(MessagePassing):
    """One attention layer whose projection is a diagonal matrix; heads are averaged.

    ``h = x * w_k``; ``e_ij = exp(-LeakyReLU(a_k . [h_i || h_j]))``, normalised over the neighbours j of i;
    ``out_i = mean_k sum_j e_ij h_j``. The score of an edge is the sum of one number per end, so nothing
    of size edges x width is made.

    Args:
        dim: width d of input and output.
        num_heads: K.
        negative_slope: of the LeakyReLU.

    Source:
        Li et al., EMNLP 2019 (KECG), Eq. 1-3, as coded in MCLEA and MEAformer, minus sign included.
    """

    SUPPORTS_FUSED_EDGE_INDEX = True

    def __init__(self, dim: int, num_heads: int = 2, negative_slope: float = 0.2) -> None:
        super().__init__(aggr="add")
        self.negative_slope = negative_slope
        self.scale = nn.Parameter(torch.empty(num_heads, dim))
        self.attention = nn.Parameter(torch.empty(num_heads, 2, dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Diagonals start at 1, attention vectors at U(-1/sqrt(2d), 1/sqrt(2d))."""
        bound = (2 * self.scale.shape[1]) ** -0.5
        nn.init.ones_(self.scale)
        nn.init.uniform_(self.attention, -bound, bound)

    def forward(self, x: Tensor, edge_index: EdgeIndex) -> Tensor:
        """``x`` [N, d] and an edge index sorted by target -> [N, d]."""
        (offsets, source), _ = edge_index.get_csc()
        target = torch.arange(len(x), device=x.device).repeat_interleave(offsets.diff(), output_size=len(source))
        ends = x @ (self.attention * self.scale[:, None, :]).flatten(0, 1).t()  # [N, 2 K]: target end, source end
        logits = ends[:, 0::2].index_select(0, target) + ends[:, 1::2].index_select(0, source)
        weights = softmax(-F.leaky_relu(logits, self.negative_slope), ptr=offsets)  # [E, K]
        heads = [
            self.propagate(edge_index, x=x * scale, weight=weight.contiguous())
            for scale, weight in zip(self.scale, weights.unbind(dim=1), strict=True)
        ]
        return torch.stack(heads).mean(dim=0) if len(heads) > 1 else heads[0]

    def message(self, x_j: Tensor, weight: Tensor) -> Tensor:
        """Weighted neighbour, for tools that look at single messages; training takes the fused path."""
        return weight[:, None] * x_j

    def message_and_aggregate(self, edge_index: EdgeIndex, x: Tensor, weight: Tensor) -> Tensor:
        """Fused ``message`` and sum."""
        return weighted_sum(x, edge_index, weight)


class GATEncoder(nn.Module):
    """Free entity embeddings passed through diagonal attention layers, ELU between them.

    Args:
        num_entities: N, of both graphs together.
        dim: width d.
        num_layers: 2 in the papers.
        num_heads: 2 in the papers.

    Source: Lin et al., COLING 2022, Sec. 3.2; embeddings start at N(0, 1/sqrt(N)) as in the codes.
    """

    def __init__(self, num_entities: int, dim: int, num_layers: int = 2, num_heads: int = 2) -> None:
        super().__init__()
        self.dim = dim
        self.embedding = nn.Parameter(torch.randn(num_entities, dim) * num_entities**-0.5)
        self.layers = nn.ModuleList(DiagonalGATConv(dim, num_heads) for _ in range(num_layers))

    def forward(self, edge_index: EdgeIndex, edge_weight: Tensor | None = None) -> Tensor:
        """All entities, ``[N, d]``; attention learns its own weights, ``edge_weight`` is not read."""
        x: Tensor = self.embedding
        for depth, layer in enumerate(self.layers):
            x = layer(x, edge_index)
            if depth + 1 < len(self.layers):
                x = F.elu(x)
        return x
