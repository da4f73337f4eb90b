"""The graph as sparse matrices: neighbours, relations and attributes of the entities of both graphs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .tables import Table


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
