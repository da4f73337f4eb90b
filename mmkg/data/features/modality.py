"""The record of one modality: which entities have it, and how it becomes numbers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...typing import BoolArray
from ..kg import KnowledgeGraph
from ..task import AlignmentTask
from .config import FeatureConfig

if TYPE_CHECKING:
    from torch import Tensor

    from ..tensors.graph import EntityGraph
    from ..tensors.tables import Table

Build = Callable[..., "Table | EntityGraph"]  # (task, config, seed[, before])
Matrices = Callable[..., "Mapping[str, Tensor]"]  # (task, config[, before])


@dataclass(frozen=True)
class Modality:
    """One modality of the entities; ``mmkg.data.features.registry.FEATURES`` lists all.

    Args:
        name: its name in settings, results and reports.
        present: whether each entity of a graph has the modality, bool ``[n]``.
        build: features of the entities of both graphs, left ones first, from a task, the settings and a random seed:
            a table, or for structure the graph itself. For new entities of a run it gets
            the pair before it grew as a last argument, whose entities are the first rows of either graph: what columns
            mean, and frequencies, are those of that pair, so that the model of the run can read the features.
        matrices: fields of ``Incidence`` that label propagation reads in place of a table, from the same arguments but
            the seed; ``None`` = the table.
        without: a copy of a graph in which the entities of a mask, bool ``[n]``, lack the modality; ``None`` if it
            cannot be hidden.
        gives_seeds: whether the vectors of both graphs are comparable, so that the most similar pairs can serve as
            seed links (``data.seeds_from``).
        reads_names: whether the features are computed from entity names; results then count as using surface names.
        surface: attributes of a task whose values enter the features and are names of entities, from the task and the
            settings; results then count as using surface names, too. ``None`` = no values enter.
        setting: field of ``FeatureConfig`` without which the modality is not built; empty = it needs none.
        hint: how to add the modality to a pair; ``{k}`` stands for 1 (left graph) or 2 (right graph).
    """

    name: str
    present: Callable[[KnowledgeGraph], BoolArray]
    build: Build
    matrices: Matrices | None = None
    without: Callable[[KnowledgeGraph, BoolArray], KnowledgeGraph] | None = None
    gives_seeds: bool = False
    reads_names: bool = False
    surface: Callable[[AlignmentTask, FeatureConfig], tuple[str, ...]] | None = None
    setting: str = ""
    hint: str = ""

    def is_enabled(self, config: FeatureConfig | None) -> bool:
        """Whether the settings allow the modality to be built."""
        return not self.setting or (config is not None and bool(getattr(config, self.setting)))
