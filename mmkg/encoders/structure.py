"""What every structure encoder does: free entity embeddings, then rounds of messages over the graph."""

from abc import ABC, abstractmethod

import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric import EdgeIndex

from ..data.tensors.neighborhood import Hop, Neighborhood


class StructureEncoder(nn.Module, ABC):
    """Embeddings of entities out of the graph alone.

    Args:
        embedding: free embeddings of all entities, ``[N, d]``.
        dim: width of the tokens.
        depth: rounds of messages.
    """

    def __init__(self, embedding: nn.Parameter, dim: int, depth: int) -> None:
        super().__init__()
        self.embedding = embedding
        self.dim = dim
        self.depth = depth

    @abstractmethod
    def hop(self, number: int, x: Tensor, hop: Hop) -> Tensor:
        """One round of messages, with its activation: sources ``[S, d_in]`` -> targets ``[T, d_out]``."""

    def encode(self, neighborhood: Neighborhood, *, sparse_grad: bool = False) -> Tensor:
        """Tokens of the entities that a neighbourhood is around, ``[B, dim]``.

        Args:
            neighborhood: of ``depth`` hops.
            sparse_grad: give the embeddings a sparse gradient, for optimisers that touch its rows only.
        """
        x: Tensor = self.embedding
        if neighborhood.rows is not None:
            x = F.embedding(neighborhood.rows, self.embedding, sparse=sparse_grad)
        for number, hop in enumerate(neighborhood.hops):
            x = self.hop(number, x, hop)
        return x if neighborhood.picks is None else x.index_select(0, neighborhood.picks)

    def forward(self, edge_index: EdgeIndex, edge_weight: Tensor | None = None) -> Tensor:
        """All entities over the whole graph at once, ``[N, dim]``."""
        return self.encode(Neighborhood(None, (Hop(edge_index, edge_weight),) * self.depth))
