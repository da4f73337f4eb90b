"""Diagonal graph attention: the structure encoder of MCLEA and MEAformer."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data.tensors.neighborhood import Hop
from ..data.tensors.pyg import EdgeIndex, MessagePassing, softmax
from .structure import StructureEncoder
from .weighted_sum import weighted_sum


class DiagonalGATConv(MessagePassing):
    """One attention layer with a diagonal projection matrix; heads are averaged.

    ``h = x * w_k``; ``e_ij = exp(-LeakyReLU(a_k . [h_i || h_j]))``, normalised over the neighbours j of i;
    ``out_i = mean_k sum_j e_ij h_j``. The score of an edge is the sum of one number per end, and the
    diagonal is applied after the sum, so that no tensor of size edges x width is needed.

    Args:
        dim: width d of input and output.
        num_heads: number of heads K.
        negative_slope: slope of the LeakyReLU for negative inputs.

    Source:
        Li et al., EMNLP 2019 (KECG), Eq. 1-3, as in the codes of MCLEA and MEAformer, including the minus sign.
    """

    SUPPORTS_FUSED_EDGE_INDEX = True

    def __init__(self, dim: int, num_heads: int = 2, negative_slope: float = 0.2) -> None:
        super().__init__(aggr="add", node_dim=0)
        self.negative_slope = negative_slope
        self.scale = nn.Parameter(torch.empty(num_heads, dim))
        self.attention = nn.Parameter(torch.empty(num_heads, 2, dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set diagonals to 1 and draw attention vectors from U(-1/sqrt(2d), 1/sqrt(2d))."""
        bound = (2 * self.scale.shape[1]) ** -0.5
        nn.init.ones_(self.scale)
        nn.init.uniform_(self.attention, -bound, bound)

    def forward(self, x: Tensor | tuple[Tensor, Tensor], edge_index: EdgeIndex) -> Tensor:
        """Pass messages along an edge index sorted by target.

        Args:
            x: ``[N, d]``, or sources ``[S, d]`` and targets ``[T, d]``.
            edge_index: ``[2, E]``.

        Returns:
            ``[N, d]``, or ``[T, d]``.
        """
        sources, targets = (x, x) if isinstance(x, Tensor) else x
        (offsets, source), _ = edge_index.get_csc()
        target = torch.arange(len(targets), device=targets.device)
        target = target.repeat_interleave(offsets.diff(), output_size=len(source))
        towards, away = (self.attention * self.scale[:, None, :]).unbind(dim=1)  # [K, d] each
        logits = (targets @ towards.t()).index_select(0, target) + (sources @ away.t()).index_select(0, source)
        weights = softmax(-F.leaky_relu(logits, self.negative_slope), target, num_nodes=len(targets))  # [E, K]
        out: Tensor = self.propagate(edge_index, x=(sources, targets), weight=weights)
        return out

    def message(self, x_j: Tensor, weight: Tensor) -> Tensor:
        """Weighted neighbours, for tools that inspect single messages; training uses the fused path."""
        return (weight[:, :, None] * self.scale * x_j[:, None, :]).mean(dim=1)

    def message_and_aggregate(self, edge_index: EdgeIndex, x: tuple[Tensor, Tensor], weight: Tensor) -> Tensor:
        """``message`` and its sum in one step."""
        return weighted_sum(x[0], edge_index, weight, self.scale / len(self.scale))


class GATEncoder(StructureEncoder):
    """Free entity embeddings, then diagonal attention layers with ELU between them.

    Args:
        num_entities: N, of both graphs together.
        dim: width d.
        num_layers: number of layers, 2 in the papers.
        num_heads: number of heads, 2 in the papers.

    Source: Lin et al., COLING 2022, Sec. 3.2; embeddings are drawn from N(0, 1/sqrt(N)) as in the codes.
    """

    def __init__(self, num_entities: int, dim: int, num_layers: int = 2, num_heads: int = 2) -> None:
        super().__init__(nn.Parameter(torch.randn(num_entities, dim) * num_entities**-0.5), dim, num_layers)
        self.layers = nn.ModuleList(DiagonalGATConv(dim, num_heads) for _ in range(num_layers))

    def hop(self, number: int, x: Tensor, hop: Hop) -> Tensor:
        """One layer; attention computes its own weights and ignores those of the hop."""
        out: Tensor = self.layers[number]((x, hop.of_targets(x)), hop.edge_index)
        return F.elu(out) if number + 1 < self.depth else out
