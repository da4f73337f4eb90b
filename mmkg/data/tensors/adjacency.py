"""The union of both graphs as one PyG edge index, with the published weights."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ...typing import IntArray

if TYPE_CHECKING:
    from .pyg import EdgeIndex


@dataclass(frozen=True, eq=False)
class RelationGraph:
    """Every triple as two messages, tail -> head and head -> tail, with a separate relation for each direction.

    Args:
        neighbours: (source, target) of each message, ``[2, E]``, sorted by target; a pair may repeat.
        relations: (relation, target) of each message, in the same order.
    """

    neighbours: "EdgeIndex"
    relations: "EdgeIndex"

    @property
    def num_entities(self) -> int:
        """N."""
        return int(self.neighbours.get_sparse_size(1))

    @property
    def num_relations(self) -> int:
        """Number of relations, both directions counted, 2 R."""
        return int(self.relations.get_sparse_size(0))

    def to(self, device: str | torch.device) -> "RelationGraph":
        """The same on another device."""
        return RelationGraph(self.neighbours.to(device), self.relations.to(device))


def relation_graph(triples: IntArray, num_entities: int, num_relations: int) -> RelationGraph:
    """Messages of a multigraph, each distinct triple once; self-loop triples are left out.

    Args:
        triples: (head row, relation, tail row), int32 or int64 ``[T, 3]``.
        num_entities: N.
        num_relations: R. A message tail -> head has the relation of the triple, a message head -> tail has that
            relation plus R.
    """
    from .pyg import EdgeIndex

    between = np.unique(triples[triples[:, 0] != triples[:, 2]], axis=0)
    head, relation, tail = between.T
    source, target = np.concatenate([tail, head]), np.concatenate([head, tail])
    relation = np.concatenate([relation, relation + num_relations])
    order = np.lexsort((relation, source, target))

    def index(origin: IntArray, size: int) -> "EdgeIndex":
        pairs = torch.from_numpy(np.stack([origin[order], target[order]]).astype(np.int64, copy=False))
        return EdgeIndex(pairs, sparse_size=(size, num_entities), sort_order="col")

    return RelationGraph(index(source, num_entities), index(relation, 2 * num_relations))


def adjacency(triples: IntArray, num_entities: int, *, directed: bool = False) -> "tuple[EdgeIndex, Tensor]":
    """Symmetric, normalised adjacency of a multigraph, as GCN-Align and its successors build it.

    The weight of a pair is the number of triples that join it, in both directions. Self-loop triples are left
    out, each entity gets one self loop of weight 1, and the result is ``D^-1/2 A D^-1/2``.

    Args:
        triples: (head row, relation, tail row), int64 ``[T, 3]``.
        num_entities: N.
        directed: keep only messages tail -> head (for tests and experiments).

    Returns:
        Edge index ``[2, E]``, each pair once, sorted by target, and float32 weights ``[E]``.

    Source:
        Wang et al., EMNLP 2018, Sec. 3.2, in the simplified form of the EVA, MCLEA and MEAformer codes.
    """
    from .pyg import EdgeIndex

    between = triples[triples[:, 0] != triples[:, 2]]
    source, target = between[:, 2], between[:, 0]
    if not directed:
        source, target = np.concatenate([source, target]), np.concatenate([target, source])
    loops = np.arange(num_entities, dtype=np.int64)
    keys = np.concatenate([target, loops]) * num_entities + np.concatenate([source, loops])
    keys, counts = np.unique(keys, return_counts=True)
    target, source = np.divmod(keys, num_entities)
    degree = np.bincount(target, weights=counts, minlength=num_entities)
    scale = 1 / np.sqrt(degree)
    weight = (counts * scale[target] * scale[source]).astype(np.float32)
    edge_index = EdgeIndex(
        torch.from_numpy(np.stack([source, target])),
        sparse_size=(num_entities, num_entities),
        sort_order="col",
        is_undirected=not directed,
    )
    return edge_index, torch.from_numpy(weight)
