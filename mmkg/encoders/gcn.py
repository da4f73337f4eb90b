"""Graph convolution over the normalised adjacency: the structure encoder of EVA."""

import torch
from torch import Tensor, nn

from ..data.tensors.neighborhood import Hop
from ..data.tensors.pyg import EdgeIndex, GCNConv
from .structure import StructureEncoder
from .weighted_sum import weighted_sum


class FusedGCNConv(GCNConv):
    """PyG's ``GCNConv`` on a normalised adjacency, with the fused neighbour sum.

    Args:
        in_channels: width of the input.
        out_channels: width of the output.
    """

    SUPPORTS_FUSED_EDGE_INDEX = True

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, normalize=False, add_self_loops=False)

    def reset_parameters(self) -> None:
        """Draw weight and bias from U(-1/sqrt(out), 1/sqrt(out)), as in the codes of Kipf and EVA."""
        super().reset_parameters()
        bound = self.out_channels**-0.5
        nn.init.uniform_(self.lin.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def message_and_aggregate(self, edge_index: EdgeIndex, x: Tensor, edge_weight: Tensor) -> Tensor:
        """``message`` and its sum in one step."""
        return weighted_sum(x, edge_index, edge_weight)


class GCNEncoder(StructureEncoder):
    """Free entity embeddings, then two graph convolutions with ReLU between them.

    Args:
        num_entities: N, of both graphs together.
        dims: widths of the embeddings, the hidden layer and the output; (400, 400, 200) in EVA.

    Source: Liu et al., AAAI 2021, Sec. 3.2: ``A ReLU(A X W1 + b1) W2 + b2``.
    """

    def __init__(self, num_entities: int, dims: tuple[int, int, int] = (400, 400, 200)) -> None:
        super().__init__(nn.Parameter(torch.randn(num_entities, dims[0]) * num_entities**-0.5), dims[-1], len(dims) - 1)
        self.layers = nn.ModuleList(FusedGCNConv(a, b) for a, b in zip(dims, dims[1:], strict=False))

    def hop(self, number: int, x: Tensor, hop: Hop) -> Tensor:
        """One convolution with the weights of the hop."""
        out: Tensor = self.layers[number](x, hop.edge_index, hop.edge_weight)
        return out.relu() if number + 1 < self.depth else out
