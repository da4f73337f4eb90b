"""The modality ``value``: numbers, dates and texts of attributes."""

from typing import TYPE_CHECKING

import numpy as np

from ...modalities import VALUE
from ...typing import BoolArray
from ..kg import KnowledgeGraph
from ..task import AlignmentTask
from ..texts.packed import Texts
from .config import FeatureConfig
from .modality import Modality
from .surface import label_values
from .values import is_empty

if TYPE_CHECKING:
    from ..tensors.tables import SparseTable


def value_table(task: AlignmentTask, *, top: int = 20_000, before: AlignmentTask | None = None) -> "SparseTable":
    """Values of both graphs as evidence, see ``value_evidence``: the closer two values, the larger the product.

    Args:
        task: the pair.
        top: largest number of columns.
        before: the pair whose values say what is compared; ``None`` = the pair itself.
    """
    from ..tensors.tables import SparseTable
    from .evidence import value_evidence

    if before is None:
        return SparseTable(value_evidence(task, top=top).matrix)
    matrix = value_evidence(before, top=top, later=task).matrix
    known = (before.left.num_entities, before.right.num_entities)
    new = sum(known)  # the first row of a new entity
    more = task.left.num_entities - known[0]
    left = [np.arange(known[0]), new + np.arange(more)]
    right = [known[0] + np.arange(known[1]), np.arange(new + more, matrix.shape[0])]
    return SparseTable(matrix[np.concatenate([*left, *right])])


def _present(graph: KnowledgeGraph) -> BoolArray:
    facts = graph.attributes
    values = Texts.of(facts.values)
    given = np.flatnonzero(values.given)
    with_value = given[np.array([not is_empty(value) for value in values.take(given)], bool)]
    found = np.zeros(graph.num_entities, dtype=bool)
    found[facts.entity[with_value]] = True
    return found


def _build(task: AlignmentTask, config: FeatureConfig, seed: int, before: AlignmentTask | None = None) -> "SparseTable":
    return value_table(task, top=config.top_values, before=before)


def _surface(task: AlignmentTask, config: FeatureConfig) -> tuple[str, ...]:
    return label_values(task.left, task.right)


MODALITY = Modality(VALUE, _present, _build, surface=_surface)
