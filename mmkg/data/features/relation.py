"""The modality ``relation``: which relations an entity takes part in."""

from typing import TYPE_CHECKING

import numpy as np

from ...modalities import RELATION
from ...typing import BoolArray
from ..kg import KnowledgeGraph
from ..task import AlignmentTask
from .config import FeatureConfig
from .modality import Modality

if TYPE_CHECKING:
    from torch import Tensor

    from ..tensors.tables import SparseTable


def relation_bag(
    task: AlignmentTask, *, top: int = 1000, all_observed: bool = False, before: AlignmentTask | None = None
) -> "SparseTable":
    """Counts of the ``top`` most frequent relations of both graphs at each entity, as head or as tail.

    Relations with equal labels share a column. Counts are raw; ties of frequency keep the order of appearance.

    Args:
        task: the pair.
        top: largest number of columns.
        all_observed: whether an entity without these relations counts as observed.
        before: the pair whose most frequent relations have a column; ``None`` = the pair itself.

    Source: EVA, MCLEA and MEAformer codes (``load_relation``).
    """
    from .bags import bag_table, merged_labels

    labels, columns = merged_labels(task.left.relations, task.right.relations)
    triples = [task.left.triples, task.right.triples]
    kinds = np.concatenate([columns[side][t[:, 1]] for side, t in enumerate(triples)])
    shift = task.left.num_entities
    heads = np.concatenate([triples[0][:, 0], triples[1][:, 0] + shift])
    tails = np.concatenate([triples[0][:, 2], triples[1][:, 2] + shift])
    return bag_table(
        np.concatenate([heads, tails]),
        np.concatenate([kinds, kinds]),
        labels,
        shift + task.right.num_entities,
        top=top,
        binary=False,
        all_observed=all_observed,
        columns=None if before is None else relation_bag(before, top=top).columns,
    )


def _present(graph: KnowledgeGraph) -> BoolArray:
    found = np.zeros(graph.num_entities, dtype=bool)
    found[graph.triples[:, 0]] = True
    found[graph.triples[:, 2]] = True
    return found


def _build(task: AlignmentTask, config: FeatureConfig, seed: int, before: AlignmentTask | None = None) -> "SparseTable":
    observed = config.empty_bags == "observed"
    return relation_bag(task, top=config.top_relations, all_observed=observed, before=before)


def _matrices(task: AlignmentTask, config: FeatureConfig, before: AlignmentTask | None = None) -> "dict[str, Tensor]":
    import torch

    from .matrices import count_matrix, distinct_triples

    triples, num_relations = distinct_triples(task)
    head, relation, tail = triples
    shape = (task.left.num_entities + task.right.num_entities, max(num_relations, 1))
    return {
        "heads": count_matrix(head, relation, shape),
        "tails": count_matrix(tail, relation, shape),
        "triples": torch.from_numpy(triples),
    }


MODALITY = Modality(RELATION, _present, _build, matrices=_matrices)
