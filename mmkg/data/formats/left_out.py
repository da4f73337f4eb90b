"""Data of a pair that a format has no place for, counted."""

from collections.abc import Collection

import numpy as np

from ..kg import KnowledgeGraph
from ..links.checked import PARTS
from ..parsing.builder import repeated_triples
from ..task import AlignmentTask

# kinds of data that a format may hold; all formats hold triples, attributes and links
NAMES, IMAGES, PICTURES, DISPLAY = "names", "image features", "pictures", "display texts"
TYPES, EMPTY, REPEATS = "datatypes and languages of values", "empty values, which become missing", "repeated triples"
LOOSE, IDS = "entities without triple or attribute", "source ids"
SPLIT = "parts (train, valid, test) of links"


def left_out(task: AlignmentTask, holds: Collection[str]) -> dict[str, int]:
    """Number of items of each kind that a task has and a format does not hold."""
    found: dict[str, int] = {}
    for graph in (task.left, task.right):
        for kind, number in _numbers(graph).items():
            if number and kind not in holds:
                found[kind] = found.get(kind, 0) + number
    parts = [len(getattr(task.links, part)) for part in PARTS]
    if SPLIT not in holds and np.count_nonzero(parts) > 1:
        found[SPLIT] = sum(parts)
    return found


def left_out_text(found: dict[str, int]) -> str:
    """One line about what a writer left out."""
    return "left out: " + ", ".join(f"{kind} ({number:,})" for kind, number in found.items())


def _numbers(graph: KnowledgeGraph) -> dict[str, int]:
    facts = graph.attributes
    alone = np.ones(graph.num_entities, bool)
    alone[graph.triples[:, ::2]] = False
    alone[facts.entity] = False
    return {
        NAMES: sum(map(bool, graph.names or ())),
        IMAGES: 0 if graph.images is None else len(graph.images.rows),
        PICTURES: sum(map(bool, graph.pictures or ())),
        DISPLAY: len(graph.display or ()),
        TYPES: sum(kind is not None for kind in facts.types or ()),
        EMPTY: facts.values.count(""),
        REPEATS: repeated_triples(graph.triples, graph.num_entities, len(graph.relations)),
        LOOSE: int(alone.sum()),
        IDS: 0 if graph.source_ids is None else len(graph.source_ids),
    }
