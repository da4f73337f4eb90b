"""The modality ``image``: feature vectors of pictures."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...compute.seeding import numpy_generator
from ...errors import InputError
from ...modalities import IMAGE
from ...typing import BoolArray
from ..kg import ImageTable, KnowledgeGraph
from ..task import AlignmentTask
from .config import FeatureConfig, ImageFill
from .modality import Modality

if TYPE_CHECKING:
    from ..tensors.tables import DenseTable

LARGEST = 1e15  # the square of a larger number may exceed float32


def image_table(task: AlignmentTask, *, fill: ImageFill = "mask", seed: int = 0) -> "DenseTable":
    """Image vectors of both graphs, scaled to unit length when they are taken.

    A vector of zeros counts as no image. ``fill="gaussian"`` gives every entity without an image a random vector with
    the mean and standard deviation, per dimension, of the real ones, and counts it as observed, as the published codes
    do. As long as fewer than about 60 % of the entities have an image, this makes a model worse than no images at all.

    Args:
        task: the pair.
        fill: treatment of entities without an image.
        seed: random seed of ``gaussian``.

    Raises:
        InputError: the features of the two graphs differ in width.
    """
    from ..tensors.tables import DenseTable, row_lengths

    sides = [(graph.images, shift) for graph, shift in ((task.left, 0), (task.right, task.left.num_entities))]
    parts = [images.features for images, _ in sides if images is not None]
    dims = {part.shape[1] for part in parts}
    if len(dims) > 1:
        raise InputError(f"image features of both graphs must have one width, got {sorted(dims)}")
    size = task.left.num_entities + task.right.num_entities
    rows = np.concatenate([images.rows + shift for images, shift in sides if images is not None])
    lengths = np.concatenate([row_lengths(part) for part in parts])
    real = lengths > 0
    if fill == "gaussian":
        vectors = np.concatenate(parts)[real]
        if len(vectors) and (largest := np.abs(vectors).max()) > LARGEST:  # their length does not count
            vectors, lengths = vectors / largest, lengths / largest
        gaps = np.setdiff1d(np.arange(size), rows[real])
        noise = numpy_generator(seed, "image noise").standard_normal((len(gaps), vectors.shape[1]), dtype=np.float32)
        parts = [vectors, vectors.mean(axis=0) + vectors.std(axis=0) * noise]
        rows, lengths = np.concatenate([rows[real], gaps]), np.concatenate([lengths[real], row_lengths(parts[1])])
        real = np.ones(len(rows), bool)
    position = np.full(size, -1)
    position[rows[real]] = np.flatnonzero(real)
    return DenseTable(position, parts, divisor=np.maximum(lengths, np.float32(1e-12)))


def _present(graph: KnowledgeGraph) -> BoolArray:
    found = np.zeros(graph.num_entities, dtype=bool)
    if graph.images is not None:
        found[graph.images.rows] = True
    return found


def _build(task: AlignmentTask, config: FeatureConfig, seed: int, before: AlignmentTask | None = None) -> "DenseTable":
    return image_table(task, fill=config.fill_images, seed=seed)


def _without(graph: KnowledgeGraph, hidden: BoolArray) -> KnowledgeGraph:
    if graph.images is None:
        return graph
    kept = ~hidden[graph.images.rows]
    return replace(graph, images=ImageTable(graph.images.rows[kept], graph.images.features[kept]))


MODALITY = Modality(
    IMAGE,
    _present,
    _build,
    without=_without,
    gives_seeds=True,
    hint="add a column image with paths (tables); data.images takes a folder or table of pictures, or features",
)
