"""The modality ``value``: numbers, dates and texts of attributes."""

import numpy as np

from ...modalities import VALUE
from ...typing import BoolArray
from ..kg import KnowledgeGraph
from ..task import AlignmentTask
from ..tensors.tables import SparseTable
from .config import FeatureConfig
from .evidence import value_evidence
from .modality import Modality
from .values import is_empty


def value_table(task: AlignmentTask, *, top: int = 20_000) -> SparseTable:
    """Values of both graphs as evidence, see ``value_evidence``: the closer two values, the larger the product."""
    return SparseTable(value_evidence(task, top=top).matrix)


def _present(graph: KnowledgeGraph) -> BoolArray:
    facts = graph.attributes
    with_value = np.fromiter((not is_empty(value) for value in facts.values), bool, len(facts))
    found = np.zeros(graph.num_entities, dtype=bool)
    found[facts.entity[with_value]] = True
    return found


def _build(task: AlignmentTask, config: FeatureConfig, seed: int) -> SparseTable:
    return value_table(task, top=config.top_values)


MODALITY = Modality(VALUE, _present, _build)
