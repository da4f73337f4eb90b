"""Small graphs and pairs, written down entity by entity."""

import numpy as np
import torch

from mmkg.data.kg import AttributeTriples, ImageTable, KnowledgeGraph
from mmkg.data.task import AlignmentTask, LinkSplit

NO_LINKS = LinkSplit(*[np.empty((0, 2), np.int64)] * 3)


def graph(size, *, relations=(), triples=(), facts=(), names=None, images=None):
    """A graph of ``size`` entities; facts are (entity, name, value), images {row: vector}."""
    labels = tuple(dict.fromkeys(name for _, name, _ in facts))
    attributes = AttributeTriples(
        np.array([entity for entity, _, _ in facts], np.int64),
        np.array([labels.index(name) for _, name, _ in facts], np.int64),
        labels,
        tuple(value for _, _, value in facts),
    )
    if images is not None:
        images = ImageTable(np.array(list(images), np.int64), np.array(list(images.values()), np.float32))
    return KnowledgeGraph(
        entities=tuple(f"e{row}" for row in range(size)),
        relations=tuple(relations),
        triples=np.array(triples, np.int64).reshape(-1, 3),
        attributes=attributes,
        names=names,
        images=images,
    )


def pair(left, right):
    return AlignmentTask(left, right, NO_LINKS)


def dense(table, size):
    return table.take(torch.arange(size)).to_dense().numpy()


def full_pair():
    kwargs = {"relations": ["r"], "triples": [(0, 0, 1)], "facts": [(0, "a", None)], "images": {1: [1.0, 2.0]}}
    return pair(graph(3, names=("x", "y", None), **kwargs), graph(2, names=("x", "y"), **kwargs))
