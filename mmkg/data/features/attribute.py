"""The modality ``attribute``: which attributes an entity has, and which frequent values of these."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...modalities import ATTRIBUTE
from ...typing import BoolArray, IntArray
from ..kg import KnowledgeGraph
from ..task import AlignmentTask
from ..texts.packed import Texts
from .config import FeatureConfig
from .modality import Modality
from .surface import label_places, label_values

if TYPE_CHECKING:
    from torch import Tensor

    from ..tensors.tables import SparseTable


def attribute_bag(
    task: AlignmentTask,
    *,
    top: int = 1000,
    values: bool = True,
    all_observed: bool = False,
    before: AlignmentTask | None = None,
) -> "SparseTable":
    """Whether an entity has each of the ``top`` most frequent attributes, 0 or 1.

    With ``values``, a pair name=value is an attribute of its own if at least two entities of *each* graph share it
    (a category). Values that identify a single entity are left to the modality ``value``. For data without values
    this is the published feature.

    Args:
        task: the pair.
        top: largest number of columns.
        values: whether shared name=value pairs count as attributes.
        all_observed: whether an entity without these attributes counts as observed.
        before: the pair whose most frequent attributes have a column; ``None`` = the pair itself.

    Source: EVA, MCLEA and MEAformer codes (``load_attr``) for the names.
    """
    from .bags import bag_table, merged_labels

    left, right = task.left.attributes, task.right.attributes
    labels, columns = merged_labels(left.names, right.names)
    sides = [(left, columns[0], 0), (right, columns[1], task.left.num_entities)]
    rows = np.concatenate([facts.entity + shift for facts, _, shift in sides])
    kinds = np.concatenate([column[facts.attribute] for facts, column, _ in sides])
    if values:
        texts = Texts.chained([Texts.of(left.values), Texts.of(right.values)])
        value_labels, value_rows, value_kinds = _shared_values(rows, kinds, task.left.num_entities, texts, labels)
        rows = np.concatenate([rows, value_rows])
        kinds = np.concatenate([kinds, value_kinds + len(labels)])
        labels = [*labels, *value_labels]
    size = task.left.num_entities + task.right.num_entities
    kept = None if before is None else attribute_bag(before, top=top, values=values).columns
    return bag_table(rows, kinds, labels, size, top=top, binary=True, all_observed=all_observed, columns=kept)


def _shared_values(
    rows: IntArray, kinds: IntArray, num_left: int, texts: Texts, labels: Sequence[str]
) -> tuple[list[str], IntArray, IntArray]:
    """Labels, entity rows and columns of the name=value pairs that at least two entities of each graph share.

    Labels are in order of first appearance.
    """
    with_value = np.arange(len(texts)) if texts.missing is None else np.flatnonzero(~texts.missing)
    if not len(with_value):
        return [], np.empty(0, np.int64), np.empty(0, np.int64)
    distinct, codes = texts.distinct()
    pairs, first, tokens = np.unique(
        kinds[with_value] * len(distinct) + codes[with_value], return_index=True, return_inverse=True
    )
    size = int(rows.max()) + 1
    facts = np.unique(tokens * size + rows[with_value])
    tokens, owners = np.divmod(facts, size)
    counts = [np.bincount(tokens[side], minlength=len(pairs)) for side in (owners < num_left, owners >= num_left)]
    kept = np.flatnonzero((counts[0] >= 2) & (counts[1] >= 2))
    kept = kept[np.argsort(first[kept])]
    column = np.full(len(pairs), -1)
    column[kept] = np.arange(len(kept))
    chosen = column[tokens] >= 0
    places = with_value[first[kept]].tolist()
    names = [f"{labels[kinds[place]]}={texts[place]}" for place in places]
    return names, owners[chosen], column[tokens[chosen]]


def _present(graph: KnowledgeGraph) -> BoolArray:
    found = np.zeros(graph.num_entities, dtype=bool)
    found[graph.attributes.entity] = True
    return found


def _build(task: AlignmentTask, config: FeatureConfig, seed: int, before: AlignmentTask | None = None) -> "SparseTable":
    return attribute_bag(
        task,
        top=config.top_attributes,
        values=config.attribute_values,
        all_observed=config.empty_bags == "observed",
        before=before,
    )


def _matrices(task: AlignmentTask, config: FeatureConfig, before: AlignmentTask | None = None) -> "dict[str, Tensor]":
    """All attributes, whatever ``top_attributes`` is: rare columns do no harm where no weights are learned for them."""
    from .matrices import whole_table

    top = len(task.left.attributes) + len(task.right.attributes)
    return {"attributes": whole_table(attribute_bag(task, top=top, values=config.attribute_values, before=before))}


def _surface(task: AlignmentTask, config: FeatureConfig) -> tuple[str, ...]:
    """Attributes that are names, and of which some values are attributes of their own, see ``attribute_bag``."""
    from .bags import merged_labels

    graphs = (task.left, task.right)
    if not config.attribute_values or not label_values(*graphs):
        return ()
    labels, columns = merged_labels(*(graph.attributes.names for graph in graphs))
    rows, kinds, texts = [], [], []
    for side, (graph, shift) in enumerate(((task.left, 0), (task.right, task.left.num_entities))):
        facts = graph.attributes
        some = np.flatnonzero(np.isin(facts.attribute, label_places(facts)))
        rows.append(facts.entity[some] + shift)
        kinds.append(columns[side][facts.attribute[some]])
        texts.append(Texts.of(facts.values).take(some))
    places = np.concatenate(rows), np.concatenate(kinds)
    found, _, _ = _shared_values(*places, task.left.num_entities, Texts.chained(texts), labels)
    return tuple(sorted(label for label in labels if any(name.startswith(f"{label}=") for name in found)))


def _without(graph: KnowledgeGraph, hidden: BoolArray) -> KnowledgeGraph:
    facts = graph.attributes
    return replace(graph, attributes=facts.take(~hidden[facts.entity]))


MODALITY = Modality(
    ATTRIBUTE,
    _present,
    _build,
    matrices=_matrices,
    without=_without,
    surface=_surface,
    hint="add literals (RDF), more columns (tables) or a file attr_triples_{k} (DBP15K, OpenEA)",
)
