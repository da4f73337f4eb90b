"""Base class of structure encoders: free entity embeddings, then rounds of messages over the graph."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

from ..data.tensors.neighborhood import Hop, Neighborhood

if TYPE_CHECKING:
    from ..data.tensors.pyg import EdgeIndex


class StructureEncoder(nn.Module, ABC):
    """Embeds entities by the graph only.

    Args:
        embedding: free embeddings of all entities, ``[N, d]``.
        dim: width of the tokens.
        depth: number of rounds of messages.
    """

    def __init__(self, embedding: nn.Parameter, dim: int, depth: int) -> None:
        super().__init__()
        self.embedding = embedding
        self.dim = dim
        self.depth = depth

    @abstractmethod
    def hop(self, number: int, x: Tensor, hop: Hop) -> Tensor:
        """One round of messages, with its activation.

        Args:
            number: number of the round, from 0.
            x: vectors of the sources, ``[S, d_in]``.
            hop: the edges.

        Returns:
            Vectors of the targets, ``[T, d_out]``.
        """

    def encode(self, neighborhood: Neighborhood, *, sparse_grad: bool = False) -> Tensor:
        """Tokens of the entities at the centre of a neighbourhood, ``[B, dim]``.

        Args:
            neighborhood: neighbourhood of ``depth`` hops.
            sparse_grad: compute a sparse gradient of the embeddings, for optimisers that update its rows only.
        """
        x: Tensor = self.embedding
        if neighborhood.rows is not None:
            x = F.embedding(neighborhood.rows, self.embedding, sparse=sparse_grad)
        for number, hop in enumerate(neighborhood.hops):
            x = self.hop(number, x, hop)
        return x if neighborhood.picks is None else x.index_select(0, neighborhood.picks)

    def forward(self, edge_index: "EdgeIndex", edge_weight: Tensor | None = None) -> Tensor:
        """Tokens of all entities from the whole graph, ``[N, dim]``."""
        return self.encode(Neighborhood(None, (Hop(edge_index, edge_weight),) * self.depth))
