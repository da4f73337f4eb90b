"""The modality ``name``: character n-grams of entity names."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...modalities import NAME
from ...typing import BoolArray
from ..kg import KnowledgeGraph
from ..task import AlignmentTask
from ..texts.packed import Texts
from .config import FeatureConfig
from .modality import Modality
from .text_encoder import TextForm, normalized

if TYPE_CHECKING:
    from ..tensors.tables import SparseTable


def name_table(
    task: AlignmentTask,
    *,
    sizes: Sequence[int] = (1, 2, 3),
    top: int = 10_000,
    form: TextForm = "nfkc",
    before: AlignmentTask | None = None,
) -> "SparseTable":
    """Character n-grams of the names of both graphs, TF-IDF weighted, rows of unit length.

    Args:
        task: the pair.
        sizes: lengths of the n-grams.
        top: largest number of columns.
        form: Unicode form, see ``normalized``.
        before: the pair whose names say which n-grams have a column, and how rare they are; ``None`` = the pair itself.
    """
    from ..tensors.tables import SparseTable
    from .ngrams import ngram_matrix

    texts = names_of(task)
    if form != "plain":
        texts = [text if text is None else normalized(text, form).casefold() for text in texts]
    counted = None
    if before is not None:
        sides = ((task.left, before.left), (task.right, before.right))
        counted = np.concatenate([np.arange(now.num_entities) < then.num_entities for now, then in sides])
    return SparseTable(ngram_matrix(texts, sizes=sizes, top=top, counted=counted))


def names_of(task: AlignmentTask) -> list[str | None]:
    """Names of the entities of both graphs, left ones first; ``None`` where an entity has none."""
    return [text for graph in (task.left, task.right) for text in (graph.names or [None] * graph.num_entities)]


def has_name(graph: KnowledgeGraph) -> BoolArray:
    """Whether each entity has a name that is not empty, bool ``[n]``."""
    if graph.names is None:
        return np.zeros(graph.num_entities, dtype=bool)
    return Texts.of(graph.names).given


def _build(task: AlignmentTask, config: FeatureConfig, seed: int, before: AlignmentTask | None = None) -> "SparseTable":
    sizes, top, form = config.ngram_sizes, config.top_ngrams, config.name_form
    return name_table(task, sizes=sizes, top=top, form=form, before=before)


def _without(graph: KnowledgeGraph, hidden: BoolArray) -> KnowledgeGraph:
    if graph.names is None:
        return graph
    return replace(graph, names=Texts.of(graph.names).take_or_none(np.where(hidden, -1, np.arange(len(hidden)))))


MODALITY = Modality(
    NAME,
    has_name,
    _build,
    without=_without,
    gives_seeds=True,
    reads_names=True,
    hint="add rdfs:label (RDF), a column name (tables), data.names (DBP15K), or take words of ids: data.names_from=ids",
)
