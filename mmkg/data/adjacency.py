"""The union of both graphs as one PyG edge index, with the published weights."""

import numpy as np
import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from ..typing import IntArray


def adjacency(triples: IntArray, num_entities: int, *, directed: bool = False) -> tuple[EdgeIndex, Tensor]:
    """Symmetric, normalised adjacency of a multigraph, as GCN-Align and its successors build it.

    A pair (head, tail) weighs as many triples as join it, in both directions; self-loop triples are left
    out, each entity gets one self loop of weight 1, and the result is ``D^-1/2 A D^-1/2``.

    Args:
        triples: (head row, relation, tail row), int64 ``[T, 3]``.
        num_entities: N.
        directed: keep only tail -> head messages (for tests and experiments).

    Returns:
        Edge index ``[2, E]``, each pair once, sorted by target, and float32 weights ``[E]``.

    Source:
        Wang et al., EMNLP 2018, Sec. 3.2, in the simplified form of the EVA, MCLEA and MEAformer codes.
    """
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
