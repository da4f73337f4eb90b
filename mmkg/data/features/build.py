"""Features of a task for models that are trained."""

from ...compute.host import isolated
from ..task import AlignmentTask
from ..tensors.graph import EntityGraph
from ..tensors.inputs import EntityInputs
from ..tensors.tables import Table
from .config import FeatureConfig
from .registry import FEATURES, chosen_modalities


@isolated
def build_inputs(
    task: AlignmentTask, config: FeatureConfig | None = None, *, seed: int = 0, before: AlignmentTask | None = None
) -> EntityInputs:
    """Features of a task, for the modalities that the configuration names or else all available ones.

    Args:
        task: the pair.
        config: settings of the features.
        seed: random seed of filled images.
        before: the pair before it grew, whose modalities and columns are used; see ``Modality.build``.

    Raises:
        UsageError: a modality is unknown, or no entity of the pair has it.
    """
    config = config or FeatureConfig()
    later = () if before is None else (before,)
    graph: EntityGraph | None = None
    tables: dict[str, Table] = {}
    for name in chosen_modalities(before or task, config):
        built = FEATURES[name].build(task, config, seed, *later)
        if isinstance(built, EntityGraph):
            graph = built
        else:
            tables[name] = built
    return EntityInputs(task.left.num_entities, task.right.num_entities, tables, graph)
