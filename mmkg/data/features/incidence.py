"""Who touches what, as sparse matrices: neighbours, relations and attributes of the entities of both graphs."""

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ...modalities import ATTRIBUTE, IMAGE, NAME, RELATION, STRUCTURE, TEXT, VALUE
from ...typing import IntArray
from ..task import AlignmentTask
from ..tensors.incidence import Incidence
from ..tensors.sparse import sparse_rows
from ..tensors.tables import SparseTable, Table
from .bags import attribute_bag, merged_relations
from .build import chosen_modalities
from .config import FeatureConfig
from .evidence import value_table
from .image import image_table
from .name import name_table, text_table


def build_incidence(task: AlignmentTask, config: FeatureConfig | None = None, *, seed: int = 0) -> Incidence:
    """Sparse matrices of a task for the modalities asked for.

    All relations and attributes have a column, whatever ``top_relations`` and ``top_attributes`` say: nothing is
    learnt per column, so that rare ones do no harm. Triples that come twice count once, self loops not at all.

    Raises:
        UsageError: a modality is unknown, or the data have nothing of it.
    """
    config = config or FeatureConfig()
    names = chosen_modalities(task, config)
    num_left, num_right = task.left.num_entities, task.right.num_entities
    num_entities = num_left + num_right
    labels, columns = merged_relations(task)
    triples = np.concatenate(
        [
            np.stack([graph.triples[:, 0] + shift, columns[side][graph.triples[:, 1]], graph.triples[:, 2] + shift], 1)
            for side, (graph, shift) in enumerate(((task.left, 0), (task.right, num_left)))
        ]
    )
    head, relation, tail = np.unique(triples[triples[:, 0] != triples[:, 2]], axis=0).T
    neighbors = heads = tails = joined = attributes = None
    if STRUCTURE in names:
        rows, cols = np.concatenate([head, tail]), np.concatenate([tail, head])
        neighbors = _counts(rows, cols, (num_entities, num_entities))
    if RELATION in names:
        shape = (num_entities, max(len(labels), 1))
        heads, tails = _counts(head, relation, shape), _counts(tail, relation, shape)
        joined = torch.from_numpy(np.stack([head, relation, tail]))
    if ATTRIBUTE in names:
        top = len(task.left.attributes) + len(task.right.attributes)
        attributes = _whole(attribute_bag(task, top=top, values=config.attribute_values))
    tables: dict[str, Table] = {}
    if VALUE in names:
        tables[VALUE] = value_table(task, top=config.top_values)
    if IMAGE in names:
        tables[IMAGE] = image_table(task, fill=config.fill_images, seed=seed)
    if NAME in names:
        tables[NAME] = name_table(task, sizes=config.ngram_sizes, top=config.top_ngrams, form=config.name_form)
    if TEXT in names:
        tables[TEXT] = text_table(task, config.text_encoder, form=config.name_form, cache=config.text_cache)
    return Incidence(num_left, num_right, names, neighbors, heads, tails, joined, attributes, tables)


def _counts(rows: IntArray, cols: IntArray, shape: tuple[int, int]) -> Tensor:
    return _tensor(sparse.coo_matrix((np.ones(len(rows), np.float32), (rows, cols)), shape=shape).tocsr())


def _tensor(matrix: sparse.csr_matrix) -> Tensor:
    """CSR with ascending columns, equal places summed."""
    matrix.sum_duplicates()
    return _whole(SparseTable(matrix))


def _whole(table: SparseTable) -> Tensor:
    return sparse_rows(table.offsets, table.indices, table.data, (len(table.offsets) - 1, table.dim))
