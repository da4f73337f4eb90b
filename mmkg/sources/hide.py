"""Hides a modality of some entities, to measure how a model copes without it."""

from dataclasses import replace

import numpy as np

from ..compute.seeding import numpy_generator
from ..data.features.registry import FEATURES, has_modality
from ..data.kg import KnowledgeGraph
from ..data.task import AlignmentTask
from ..errors import UsageError, nearest


def hide(
    task: AlignmentTask, modality: str, ratio: float, *, seed: int = 0, linked_only: bool = False
) -> AlignmentTask:
    """Hide a modality of some entities, independently on both sides.

    With the same seed, the entities hidden by a smaller ratio are among those hidden by a larger one, so that the
    points of a curve over ratios are comparable.

    Args:
        task: the pair; it is not changed.
        modality: ``attribute``, ``image`` or ``name``.
        ratio: share, in [0, 1], of the entities of a side that have the modality.
        seed: random seed of the choice.
        linked_only: choose only among entities with a known link, and take the share of these (as UMAEA does for
            its image ratios).

    Returns:
        A task without the hidden parts; its notes count the entities.

    Raises:
        UsageError: the modality cannot be hidden, neither side has it, or the ratio is out of range.
    """
    hideable = {name: each.without for name, each in FEATURES.items() if each.without is not None}
    if modality not in hideable:
        raise UsageError(f"cannot hide {modality!r}; {nearest(modality, hideable)}")
    if not 0 <= ratio <= 1:
        raise UsageError(f"ratio must be in [0, 1], got {ratio}")
    graphs: list[KnowledgeGraph] = []
    notes = dict(task.notes)
    some = False
    for side, graph in (("left", task.left), ("right", task.right)):
        eligible = has_modality(graph, modality).copy()
        some = some or bool(eligible.any())
        if linked_only:
            linked = np.zeros_like(eligible)
            linked[task.links.all()[:, 0 if side == "left" else 1]] = True
            eligible &= linked
        order = numpy_generator(seed, f"hide {modality} {side}").permutation(np.flatnonzero(eligible))
        hidden = np.zeros_like(eligible)
        hidden[order[: round(ratio * len(order))]] = True
        graphs.append(hideable[modality](graph, hidden))
        key = f"{side}: entities with hidden {modality}"
        notes[key] = notes.get(key, 0) + int(hidden.sum())
    if not some:
        raise UsageError(f"cannot hide {modality!r}: no entity of task {task.name!r} has it")
    return replace(task, left=graphs[0], right=graphs[1], notes=notes)
