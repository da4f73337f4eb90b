"""The list of modalities. To add one, write its file and add it to ``FEATURES``."""

from collections.abc import Iterable

from ...errors import InputError, UsageError, nearest
from ...typing import BoolArray
from ..kg import KnowledgeGraph
from ..task import AlignmentTask
from . import attribute, image, name, relation, structure, text, value
from .config import FeatureConfig
from .modality import Modality

# In the order in which modalities are built, joined and shown.
FEATURES: dict[str, Modality] = {
    each.name: each
    for each in (
        structure.MODALITY,
        relation.MODALITY,
        attribute.MODALITY,
        value.MODALITY,
        image.MODALITY,
        name.MODALITY,
        text.MODALITY,
    )
}


def has_modality(graph: KnowledgeGraph, modality: str) -> BoolArray:
    """Whether each entity has a modality, bool ``[n]``.

    Structure needs a triple with another entity; for relations a self loop is enough.

    Raises:
        UsageError: no such modality.
    """
    if modality not in FEATURES:
        raise UsageError(f"no modality is called {modality!r}; {nearest(modality, FEATURES)}")
    return FEATURES[modality].present(graph)


def available_modalities(task: AlignmentTask, config: FeatureConfig | None = None) -> tuple[str, ...]:
    """Modalities that at least one entity of the pair has, in the order of ``FEATURES``.

    ``text`` is available only if the configuration names an encoder.
    """
    enabled = [each for each in FEATURES.values() if each.is_enabled(config)]
    return tuple(each.name for each in enabled if any(each.present(graph).any() for graph in (task.left, task.right)))


def chosen_modalities(task: AlignmentTask, config: FeatureConfig) -> tuple[str, ...]:
    """Modalities to use, in the order of ``FEATURES``: those that the configuration names, or all available ones.

    Raises:
        UsageError: a modality is unknown, or no entity of the pair has it.
        InputError: no entity of the pair has any modality.
    """
    available = available_modalities(task, config)
    if not available:
        raise InputError(
            f"{task.name} has nothing to learn from: no triple between two entities, no attribute, no name and "
            "no image on either side; add one of these to the data"
        )
    for wanted in config.modalities:
        if wanted not in FEATURES:
            raise UsageError(f"unknown modality {wanted!r}; {nearest(wanted, FEATURES)}")
        if wanted not in available:
            modality = FEATURES[wanted]
            hint = "" if modality.is_enabled(config) else f"; give features.{modality.setting}"
            raise UsageError(f"{task.name} has no {wanted}; it has {', '.join(available)}{hint}")
    return tuple(each for each in available if not config.modalities or each in config.modalities)


def use_names(modalities: Iterable[str]) -> bool:
    """Whether any of the modalities is computed from entity names."""
    return any(FEATURES[each].reads_names for each in modalities if each in FEATURES)


def surface_values(task: AlignmentTask, config: FeatureConfig, modalities: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Attributes whose values enter as names of entities, by modality; modalities without such values are left out."""
    known = [FEATURES[each] for each in modalities if each in FEATURES]
    found = {each.name: each.surface(task, config) for each in known if each.surface is not None}
    return {name: attributes for name, attributes in found.items() if attributes}
