"""Which entities have which modality."""

import numpy as np

from ..errors import UsageError, nearest
from ..modalities import ATTRIBUTE, IMAGE, MODALITIES, NAME, RELATION, STRUCTURE, TEXT, VALUE
from ..typing import BoolArray
from .kg import KnowledgeGraph


def has_modality(graph: KnowledgeGraph, modality: str) -> BoolArray:
    """Whether each entity has anything to show in a modality, ``[n]``.

    Structure needs a triple with another entity; for relations a self loop is enough.

    Raises:
        UsageError: no such modality.
    """
    there = np.zeros(graph.num_entities, dtype=bool)
    if modality == STRUCTURE:
        return graph.has_triple
    if modality == RELATION:
        there[graph.triples[:, 0]] = True
        there[graph.triples[:, 2]] = True
    elif modality == ATTRIBUTE:
        there[graph.attributes.entity] = True
    elif modality == VALUE:
        said = np.fromiter((value is not None for value in graph.attributes.values), bool, len(graph.attributes))
        there[graph.attributes.entity[said]] = True
    elif modality == IMAGE:
        if graph.images is not None:
            there[graph.images.rows] = True
    elif modality in (NAME, TEXT):
        if graph.names is not None:
            there[:] = [bool(name) for name in graph.names]
    else:
        raise UsageError(f"no modality is called {modality!r}; {nearest(modality, MODALITIES)}")
    return there
