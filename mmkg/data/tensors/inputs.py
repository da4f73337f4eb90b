"""All data of a task that a trained model reads."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...errors import UsageError
from ...modalities import STRUCTURE
from ...records import Shown
from .adjacency import RelationGraph
from .batch import ModalityBatch
from .graph import EntityGraph
from .neighborhood import NeighborSampler
from .sparse import ship
from .tables import Table


@dataclass(frozen=True, eq=False, repr=False)
class EntityInputs(Shown):
    """All data of a task that a model reads: rows 0..num_left-1 are the left graph, the others the right one.

    Args:
        num_left: number of entities of the left graph.
        num_right: number of entities of the right graph.
        tables: one table per modality other than structure, in the order in which modalities are shown.
        graph: the triples, ``None`` without the modality ``structure``.
    """

    num_left: int
    num_right: int
    tables: Mapping[str, Table]
    graph: EntityGraph | None = None

    @property
    def num_entities(self) -> int:
        """N, of both graphs together."""
        return self.num_left + self.num_right

    @property
    def num_relations(self) -> int:
        """R, of both graphs together; 0 without structure."""
        return 0 if self.graph is None else self.graph.num_relations

    @property
    def names(self) -> tuple[str, ...]:
        """The modalities in order: structure, then the tables."""
        return (*([] if self.graph is None else [STRUCTURE]), *self.tables)

    @property
    def dims(self) -> dict[str, int]:
        """Width of the values of each modality; for structure the number of entities."""
        return {name: self.num_entities if name == STRUCTURE else self.tables[name].dim for name in self.names}

    def observed(self, name: str) -> Tensor:
        """Whether each entity has modality ``name``, bool ``[N]``."""
        return self._structure.linked if name == STRUCTURE else self.tables[name].observed

    @property
    def sampler(self) -> NeighborSampler:
        """Cuts neighbourhoods out of the graph."""
        return self._structure.sampler

    @property
    def relation_graph(self) -> RelationGraph:
        """Messages with their relations, on the device of the graph."""
        return self._structure.relation_graph

    @property
    def _structure(self) -> EntityGraph:
        if self.graph is None:
            raise UsageError("these inputs have no structure")
        return self.graph

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
        """The same inputs with the graph on ``device``; tables stay on the host."""
        return self if self.graph is None else replace(self, graph=self.graph.to(device))
