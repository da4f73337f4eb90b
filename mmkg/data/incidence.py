"""Who touches what, as sparse matrices: neighbours, relations and attributes of the entities of both graphs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ..typing import ATTRIBUTE, IMAGE, NAME, RELATION, STRUCTURE, TEXT, VALUE, IntArray
from .batch import sparse_rows
from .features import (
    FeatureConfig,
    SparseTable,
    Table,
    attribute_bag,
    chosen_modalities,
    image_table,
    merged_relations,
    name_table,
    text_table,
    value_table,
)
from .task import AlignmentTask


@dataclass(frozen=True)
class Incidence:
    """What a task holds, for methods that pass something along it; rows as in ``EntityInputs``.

    Args:
        num_left, num_right: entities of either graph.
        names: modalities at hand, in the order of ``mmkg.typing.MODALITIES``.
        neighbors: number of triples that join two entities, either way round, sparse CSR float32 ``[N, N]``,
            symmetric. ``None`` without structure.
        heads, tails: number of triples of each relation that an entity is head, or tail, of, sparse CSR
            float32 ``[N, R]``; relations with equal labels share a column. ``None`` without relations.
        triples: head, column of the relation, and tail, int64 ``[3, T]``; ``None`` without relations.
        attributes: which attributes an entity has, sparse CSR float32 0/1 ``[N, A]``; ``None`` without.
        tables: values, image vectors, name n-grams and text vectors, as far as there are any.
    """

    num_left: int
    num_right: int
    names: tuple[str, ...]
    neighbors: Tensor | None
    heads: Tensor | None
    tails: Tensor | None
    triples: Tensor | None
    attributes: Tensor | None
    tables: Mapping[str, Table]

    @property
    def num_entities(self) -> int:
        """N, of both graphs together."""
        return self.num_left + self.num_right

    def to(self, device: str | torch.device) -> "Incidence":
        """The same with the matrices on ``device``; tables stay where they are."""
        matrices: dict[str, Any] = {}
        for name in ("neighbors", "heads", "tails", "triples", "attributes"):
            matrix = getattr(self, name)
            matrices[name] = None if matrix is None else matrix.to(device)
        return replace(self, **matrices)


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
