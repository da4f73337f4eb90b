"""Hides a share of a modality, to see how a model does without it."""

from dataclasses import replace
from itertools import compress

import numpy as np

from ..compute.seeding import numpy_generator
from ..data.kg import AttributeTriples, ImageTable, KnowledgeGraph
from ..data.presence import has_modality
from ..data.task import AlignmentTask
from ..errors import UsageError, nearest
from ..modalities import ATTRIBUTE, IMAGE, NAME
from ..typing import BoolArray

HIDEABLE = (ATTRIBUTE, IMAGE, NAME)


def hide(
    task: AlignmentTask, modality: str, ratio: float, *, seed: int = 0, linked_only: bool = False
) -> AlignmentTask:
    """Hide a modality of some entities, on both sides, independently of each other.

    With the same seed, what a smaller ratio hides a larger one hides too, so that a curve over ratios
    compares like with like.

    Args:
        task: left as it was.
        modality: ``attribute``, ``image`` or ``name``.
        ratio: share, in [0, 1], of the entities of a side that have the modality.
        seed: of the choice.
        linked_only: take the share of, and hide only among, entities with a known link (as UMAEA makes
            its image ratios).

    Returns:
        The task without them, and with the numbers hidden in its notes.

    Raises:
        UsageError: the modality cannot be hidden, neither side has it, or the ratio is out of range.
    """
    if modality not in HIDEABLE:
        raise UsageError(f"cannot hide {modality!r}; {nearest(modality, HIDEABLE)}")
    if not 0 <= ratio <= 1:
        raise UsageError(f"ratio must be in [0, 1], got {ratio}")
    graphs: list[KnowledgeGraph] = []
    notes = dict(task.notes)
    some = False
    for side, graph in (("left", task.left), ("right", task.right)):
        eligible = has_modality(graph, modality)
        some = some or bool(eligible.any())
        if linked_only:
            linked = np.zeros_like(eligible)
            linked[task.links.all()[:, 0 if side == "left" else 1]] = True
            eligible &= linked
        order = numpy_generator(seed, f"hide {modality} {side}").permutation(np.flatnonzero(eligible))
        hidden = np.zeros_like(eligible)
        hidden[order[: round(ratio * len(order))]] = True
        graphs.append(_without(graph, modality, hidden))
        key = f"{side}: entities with hidden {modality}"
        notes[key] = notes.get(key, 0) + int(hidden.sum())
    if not some:
        raise UsageError(f"cannot hide {modality!r}: no entity of task {task.name!r} has it")
    return replace(task, left=graphs[0], right=graphs[1], notes=notes)


def _without(graph: KnowledgeGraph, modality: str, hidden: BoolArray) -> KnowledgeGraph:
    if modality == NAME and graph.names is not None:
        gone = hidden.tolist()
        return replace(graph, names=tuple(None if gone[row] else name for row, name in enumerate(graph.names)))
    if modality == IMAGE and graph.images is not None:
        kept = ~hidden[graph.images.rows]
        return replace(graph, images=ImageTable(graph.images.rows[kept], graph.images.features[kept]))
    if modality == ATTRIBUTE:
        facts = graph.attributes
        kept = ~hidden[facts.entity]
        values = tuple(compress(facts.values, kept))
        types = None if facts.types is None else tuple(compress(facts.types, kept))
        attributes = AttributeTriples(facts.entity[kept], facts.attribute[kept], facts.names, values, types)
        return replace(graph, attributes=attributes)
    return graph
