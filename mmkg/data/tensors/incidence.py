"""The graphs as sparse matrices: neighbours, relations and attributes of the entities of both."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ...records import Shown
from .tables import Table

MATRICES = ("neighbors", "heads", "tails", "triples", "attributes")


@dataclass(frozen=True, eq=False, repr=False)
class Incidence(Shown):
    """All data of a task that label propagation and refinement read; rows as in ``EntityInputs``.

    Args:
        num_left, num_right: number of entities of either graph.
        names: the modalities, in the order in which they are shown.
        neighbors: number of triples that join two entities, in either direction, sparse CSR float32 ``[N, N]``,
            symmetric; ``None`` without structure.
        heads, tails: number of triples of each relation in which an entity is the head, or the tail, sparse CSR
            float32 ``[N, R]``; relations with equal labels share a column; ``None`` without relations.
        triples: head, column of the relation, and tail, int64 ``[3, T]``; ``None`` without relations.
        attributes: which attributes an entity has, sparse CSR float32 0/1 ``[N, A]``; ``None`` without attributes.
        tables: one table for each other modality: values, image vectors, name n-grams, text vectors.
    """

    num_left: int
    num_right: int
    names: tuple[str, ...]
    neighbors: Tensor | None = None
    heads: Tensor | None = None
    tails: Tensor | None = None
    triples: Tensor | None = None
    attributes: Tensor | None = None
    tables: Mapping[str, Table] = field(default_factory=dict)

    @property
    def num_entities(self) -> int:
        """N, of both graphs together."""
        return self.num_left + self.num_right

    def to(self, device: str | torch.device) -> "Incidence":
        """The same with the matrices on ``device``; tables stay on the host."""
        matrices: dict[str, Any] = {}
        for name in MATRICES:
            matrix = getattr(self, name)
            matrices[name] = None if matrix is None else matrix.to(device)
        return replace(self, **matrices)
