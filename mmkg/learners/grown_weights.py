"""The weights of a trained model for a pair that has grown: rows of new entities and relations."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from ..data.kg import KnowledgeGraph
from ..data.task import AlignmentTask
from ..typing import IntArray

EMBEDDING, RELATIONS = "structure.embedding", "structure.relations"


def grown_state(weights: Mapping[str, Tensor], before: AlignmentTask, task: AlignmentTask) -> dict[str, Tensor]:
    """The state of a model, with free embeddings of new entities and relations.

    A new entity gets the mean embedding of its known neighbours, or of all entities if it has none; a new relation gets
    the mean of all relations. All else stays.

    Args:
        weights: state of the model, trained on ``before``.
        before: the pair before it grew.
        task: the pair now; known entities and relations come first in either graph.
    """
    state = dict(weights)
    if EMBEDDING in state:
        sizes = [(then.num_entities, now.num_entities) for then, now in _graphs(before, task)]
        place = _places(sizes)
        table = torch.zeros(sum(now for _, now in sizes), state[EMBEDDING].shape[1])
        table[place] = state[EMBEDDING].float()
        new = np.setdiff1d(np.arange(len(table)), place)
        table[new] = _mean_of_neighbors(task, place, new, table)
        state[EMBEDDING] = table
    if RELATIONS in state:
        sizes = [(len(then.relations), len(now.relations)) for then, now in _graphs(before, task)]
        place = _places(sizes)
        total = sum(now for _, now in sizes)
        both = np.concatenate([place, place + total])  # relations, then their inverses
        table = state[RELATIONS].float().mean(dim=0).repeat(2 * total, 1)
        table[both] = state[RELATIONS].float()
        state[RELATIONS] = table
    return state


def _graphs(before: AlignmentTask, task: AlignmentTask) -> list[tuple[KnowledgeGraph, KnowledgeGraph]]:
    return [(before.left, task.left), (before.right, task.right)]


def _places(sizes: list[tuple[int, int]]) -> IntArray:
    """New positions of what was there before, left then right."""
    return np.concatenate([np.arange(sizes[0][0]), sizes[0][1] + np.arange(sizes[1][0])])


def _mean_of_neighbors(task: AlignmentTask, known: IntArray, rows: IntArray, table: Tensor) -> Tensor:
    """Mean of the rows of known neighbours of some entities, ``[B, d]``; of all known rows for one without any."""
    shift = task.left.num_entities
    triples = np.concatenate([task.left.triples[:, ::2], task.right.triples[:, ::2] + shift])
    ends = np.concatenate([triples, triples[:, ::-1]])
    place = np.full(len(table), -1)
    place[rows] = np.arange(len(rows))
    is_known = np.zeros(len(table), bool)
    is_known[known] = True
    ends = ends[(place[ends[:, 0]] >= 0) & is_known[ends[:, 1]]]
    to, source = torch.from_numpy(place[ends[:, 0]]), torch.from_numpy(ends[:, 1])
    sums = table.new_zeros(len(rows), table.shape[1]).index_add_(0, to, table[source])
    counts = torch.bincount(to, minlength=len(rows))[:, None]
    everywhere = table[torch.from_numpy(known)].mean(dim=0)
    return torch.where(counts > 0, sums / counts.clamp(min=1), everywhere)
