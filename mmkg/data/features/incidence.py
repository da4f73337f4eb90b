"""Features of a task for methods that are not trained: label propagation and refinement."""

from torch import Tensor

from ..task import AlignmentTask
from ..tensors.graph import EntityGraph
from ..tensors.incidence import Incidence
from ..tensors.tables import Table
from .config import FeatureConfig
from .registry import FEATURES, chosen_modalities


def build_incidence(
    task: AlignmentTask, config: FeatureConfig | None = None, *, seed: int = 0, before: AlignmentTask | None = None
) -> Incidence:
    """Sparse matrices and tables of a task, for the modalities that the configuration names or else all available ones.

    All relations and attributes have a column, whatever ``top_relations`` and ``top_attributes`` are: no weights are
    learned per column, so rare ones do no harm. A repeated triple counts once, self loops do not count.

    Args:
        task: the pair.
        config: settings of the features.
        seed: random seed of filled images.
        before: the pair before it grew, whose modalities and columns are used; see ``Modality.build``.

    Raises:
        UsageError: a modality is unknown, or no entity of the pair has it.
    """
    config = config or FeatureConfig()
    names = chosen_modalities(before or task, config)
    later = () if before is None else (before,)
    matrices: dict[str, Tensor] = {}
    tables: dict[str, Table] = {}
    for name in names:
        modality = FEATURES[name]
        if modality.matrices is not None:
            matrices.update(modality.matrices(task, config, *later))
            continue
        built = modality.build(task, config, seed, *later)
        if isinstance(built, EntityGraph):
            raise TypeError(f"expected a table or matrices of modality {name!r}, got a graph")
        tables[name] = built
    return Incidence(task.left.num_entities, task.right.num_entities, names, tables=tables, **matrices)
