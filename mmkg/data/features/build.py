"""What each entity carries, as tables one can take rows from: bags, name n-grams, image vectors."""

import numpy as np
import torch

from ...errors import UsageError, nearest
from ...modalities import ATTRIBUTE, IMAGE, MODALITIES, NAME, RELATION, STRUCTURE, TEXT, VALUE
from ..presence import has_modality
from ..task import AlignmentTask
from ..tensors.adjacency import adjacency
from ..tensors.inputs import EntityInputs
from ..tensors.tables import Table
from .bags import attribute_bag, relation_bag
from .config import FeatureConfig
from .evidence import value_table
from .image import image_table
from .name import name_table, text_table


def available_modalities(task: AlignmentTask, config: FeatureConfig | None = None) -> tuple[str, ...]:
    """Modalities of which the pair holds anything, in the order of ``mmkg.typing.MODALITIES``.

    There is ``text`` only if the configuration names an encoder.
    """
    graphs = (task.left, task.right)
    known = [name for name in MODALITIES if name != TEXT or (config is not None and config.text_encoder)]
    return tuple(name for name in known if any(has_modality(graph, name).any() for graph in graphs))


def chosen_modalities(task: AlignmentTask, config: FeatureConfig) -> tuple[str, ...]:
    """Modalities to use, those asked for or else all that the pair holds, in the order of ``mmkg.typing.MODALITIES``.

    Raises:
        UsageError: a modality is unknown, or the data have nothing of it.
    """
    at_hand = available_modalities(task, config)
    for name in config.modalities:
        if name not in MODALITIES:
            raise UsageError(f"unknown modality {name!r}; {nearest(name, MODALITIES)}")
        if name not in at_hand:
            hint = "; give features.text_encoder" if name == TEXT and not config.text_encoder else ""
            raise UsageError(f"{task.name} has no {name}; it has {', '.join(at_hand)}{hint}")
    return tuple(name for name in at_hand if not config.modalities or name in config.modalities)


def build_inputs(task: AlignmentTask, config: FeatureConfig | None = None, *, seed: int = 0) -> EntityInputs:
    """Features of a task for the modalities asked for.

    Raises:
        UsageError: a modality is unknown, or the data have nothing of it.
    """
    config = config or FeatureConfig()
    chosen = chosen_modalities(task, config)
    tables: dict[str, Table] = {}
    if RELATION in chosen:
        tables[RELATION] = relation_bag(task, top=config.top_relations)
    if ATTRIBUTE in chosen:
        tables[ATTRIBUTE] = attribute_bag(task, top=config.top_attributes, values=config.attribute_values)
    if config.empty_bags == "observed":
        for table in tables.values():
            table.observed = torch.ones_like(table.observed)
    if VALUE in chosen:
        tables[VALUE] = value_table(task, top=config.top_values)
    if IMAGE in chosen:
        tables[IMAGE] = image_table(task, fill=config.fill_images, seed=seed)
    if NAME in chosen:
        tables[NAME] = name_table(task, sizes=config.ngram_sizes, top=config.top_ngrams, form=config.name_form)
    if TEXT in chosen:
        tables[TEXT] = text_table(task, config.text_encoder, form=config.name_form, cache=config.text_cache)
    inputs = EntityInputs(task.left.num_entities, task.right.num_entities, tables)
    if STRUCTURE in chosen:
        shift = np.array([inputs.num_left, len(task.left.relations), inputs.num_left])
        inputs.triples = triples = np.concatenate([task.left.triples, task.right.triples + shift])
        inputs.num_relations = len(task.left.relations) + len(task.right.relations)
        inputs.edge_index, inputs.edge_weight = adjacency(triples, inputs.num_entities)
        inputs.linked = torch.from_numpy(np.concatenate([task.left.has_triple, task.right.has_triple]))
    return inputs
