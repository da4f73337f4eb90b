"""Everything that a trained model reads of a task."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ...errors import UsageError
from ...modalities import MODALITIES, STRUCTURE
from ...typing import IntArray
from .adjacency import RelationGraph, relation_graph
from .batch import ModalityBatch
from .neighborhood import NeighborSampler
from .sparse import ship
from .tables import Table


@dataclass
class EntityInputs:
    """Everything a model reads of a task: rows 0..num_left-1 are the left graph, the rest the right one.

    Args:
        num_left: entities of the left graph.
        num_right: entities of the right graph.
        tables: one table per modality other than structure.
        edge_index: union of both graphs, ``[2, E]``, sorted by target; ``None`` without structure.
        edge_weight: float32 ``[E]``.
        linked: whether an entity takes part in a triple, bool ``[N]``: its structure is observed.
        triples: (head row, relation, tail row) of both graphs, int64 ``[T, 3]``; ``None`` without structure.
        num_relations: R, of both graphs; those of the right one come after those of the left one.
    """

    num_left: int
    num_right: int
    tables: Mapping[str, Table]
    edge_index: Tensor | None = None
    edge_weight: Tensor | None = None
    linked: Tensor | None = None
    triples: IntArray | None = None
    num_relations: int = 0

    @property
    def num_entities(self) -> int:
        """N, of both graphs together."""
        return self.num_left + self.num_right

    @property
    def names(self) -> tuple[str, ...]:
        """Modalities at hand, in the order of ``mmkg.typing.MODALITIES``, then any other."""
        names = [*([STRUCTURE] if self.edge_index is not None else []), *self.tables]
        return tuple(sorted(names, key=lambda name: MODALITIES.index(name) if name in MODALITIES else len(MODALITIES)))

    @property
    def dims(self) -> dict[str, int]:
        """Width of the values of each modality; for structure the number of entities."""
        return {name: self.num_entities if name == STRUCTURE else self.tables[name].dim for name in self.names}

    def observed(self, name: str) -> Tensor:
        """Whether each entity has modality ``name``, bool ``[N]``."""
        if name == STRUCTURE:
            assert self.linked is not None
            return self.linked
        return self.tables[name].observed

    @cached_property
    def sampler(self) -> NeighborSampler:
        """Cuts neighbourhoods out of the graph."""
        if self.edge_index is None or self.edge_weight is None:
            raise UsageError("these inputs have no structure")
        return NeighborSampler(self.edge_index, self.edge_weight)

    @cached_property
    def relation_graph(self) -> RelationGraph:
        """Messages with their relations, where the graph is."""
        if self.triples is None or self.edge_index is None:
            raise UsageError("these inputs have no structure")
        return relation_graph(self.triples, self.num_entities, self.num_relations).to(self.edge_index.device)

    def batch(self, rows: Tensor, device: str | torch.device = "cpu") -> ModalityBatch:
        """Values and masks of some entities, for every modality but structure."""
        rows = rows.cpu()
        values, valid, observed = {}, {}, {}
        for name, table in self.tables.items():
            values[name] = ship(table.take(rows), device)
            observed[name] = ship(table.observed.index_select(0, rows)[:, None], device)
            valid[name] = torch.ones_like(observed[name])
        return ModalityBatch(values, valid, observed)

    def graph_to(self, device: str | torch.device) -> "EntityInputs":
        """The same inputs with the graph on ``device``; tables stay where they are."""
        if self.edge_index is None or self.edge_weight is None:
            return self
        return EntityInputs(
            self.num_left,
            self.num_right,
            self.tables,
            self.edge_index.to(device),
            self.edge_weight.to(device),
            self.linked,
            self.triples,
            self.num_relations,
        )
