"""The triples of both graphs, as structure encoders read them."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...records import Shown
from ...typing import IntArray
from .adjacency import RelationGraph, relation_graph
from .neighborhood import NeighborSampler

if TYPE_CHECKING:
    from .pyg import EdgeIndex


@dataclass(frozen=True, eq=False, repr=False)
class EntityGraph(Shown):
    """The union of both graphs; no edge joins the two.

    Args:
        edge_index: ``[2, E]``, sorted by target, as ``adjacency`` builds it.
        edge_weight: float32 ``[E]``.
        linked: whether an entity takes part in a triple with another one, bool ``[N]``: its structure is observed.
        triples: (head row, relation, tail row), int32 ``[T, 3]``, read by some encoders only; rows and relations of the
            right graph count on from those of the left one.
        num_relations: R, of both graphs together.
    """

    edge_index: "EdgeIndex"
    edge_weight: Tensor
    linked: Tensor
    triples: IntArray
    num_relations: int

    @cached_property
    def sampler(self) -> NeighborSampler:
        """Cuts neighbourhoods out of the graph."""
        return NeighborSampler(self.edge_index, self.edge_weight)

    @cached_property
    def relation_graph(self) -> RelationGraph:
        """Messages with their relations, on the device of the edges."""
        return relation_graph(self.triples, len(self.linked), self.num_relations).to(self.edge_index.device)

    def to(self, device: str | torch.device) -> "EntityGraph":
        """The same graph with its edges on ``device``."""
        return replace(self, edge_index=self.edge_index.to(device), edge_weight=self.edge_weight.to(device))
