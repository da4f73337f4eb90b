"""The modality ``structure``: which entities are joined by triples."""

from typing import TYPE_CHECKING

import numpy as np

from ...modalities import STRUCTURE
from ...typing import BoolArray
from ..kg import KnowledgeGraph
from ..task import AlignmentTask
from .config import FeatureConfig
from .modality import Modality

if TYPE_CHECKING:
    from torch import Tensor

    from ..tensors.graph import EntityGraph


def entity_graph(task: AlignmentTask) -> "EntityGraph":
    """The triples of both graphs; relations with equal labels stay apart."""
    import torch

    from ..tensors.adjacency import adjacency
    from ..tensors.graph import EntityGraph

    num_left = task.left.num_entities
    shift = np.array([num_left, len(task.left.relations), num_left])
    triples = np.concatenate([task.left.triples, task.right.triples + shift])
    edge_index, edge_weight = adjacency(triples, num_left + task.right.num_entities)
    linked = torch.from_numpy(np.concatenate([task.left.has_triple, task.right.has_triple]))
    num_relations = len(task.left.relations) + len(task.right.relations)
    return EntityGraph(edge_index, edge_weight, linked, triples.astype(np.int32), num_relations)


def _present(graph: KnowledgeGraph) -> BoolArray:
    return graph.has_triple


def _build(task: AlignmentTask, config: FeatureConfig, seed: int, before: AlignmentTask | None = None) -> "EntityGraph":
    return entity_graph(task)


def _matrices(task: AlignmentTask, config: FeatureConfig, before: AlignmentTask | None = None) -> "dict[str, Tensor]":
    from .matrices import count_matrix, distinct_triples

    size = task.left.num_entities + task.right.num_entities
    (head, _, tail), _ = distinct_triples(task)
    rows, cols = np.concatenate([head, tail]), np.concatenate([tail, head])
    return {"neighbors": count_matrix(rows, cols, (size, size))}


MODALITY = Modality(STRUCTURE, _present, _build, matrices=_matrices)
