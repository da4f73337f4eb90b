"""Image vectors."""

from typing import Literal

import numpy as np
import torch

from ...compute.seeding import numpy_generator
from ...errors import InputError
from ..task import AlignmentTask
from ..tensors.tables import DenseTable, _norms
from .bags import _num_entities

ImageFill = Literal["mask", "gaussian"]


def image_table(task: AlignmentTask, *, fill: ImageFill = "mask", seed: int = 0) -> DenseTable:
    """Image vectors of both graphs, each of unit length when it is taken; the two must have one width.

    ``fill="gaussian"`` gives every entity without an image a random vector with the mean and deviation,
    per dimension, of those that have one, and passes it off as observed, as the published codes do. It
    makes a model worse than no images at all while fewer than about 60 % of the entities have one.
    """
    sides = [(graph.images, shift) for graph, shift in ((task.left, 0), (task.right, task.left.num_entities))]
    parts = [images.features for images, _ in sides if images is not None]
    dims = {part.shape[1] for part in parts}
    if len(dims) > 1:
        raise InputError(f"image features of both graphs must have one width, got {sorted(dims)}")
    rows = np.concatenate([images.rows + shift for images, shift in sides if images is not None])
    norms = np.concatenate([_norms(part) for part in parts])
    shown = norms > 0  # a vector of zeros is no image
    if fill == "gaussian":
        vectors = np.concatenate(parts)[shown]
        gaps = np.setdiff1d(np.arange(_num_entities(task)), rows[shown])
        noise = numpy_generator(seed, "image noise").standard_normal((len(gaps), vectors.shape[1]), dtype=np.float32)
        parts = [vectors, vectors.mean(axis=0) + vectors.std(axis=0) * noise]
        rows, norms = np.concatenate([rows[shown], gaps]), np.concatenate([norms[shown], _norms(parts[1])])
        shown = np.ones(len(rows), bool)
    table = DenseTable(rows, parts, _num_entities(task), divisor=np.maximum(norms, np.float32(1e-12)))
    table.position[torch.from_numpy(rows[~shown])] = -1
    table.observed = table.position >= 0
    return table
