"""Pairs of graphs in one PyG ``Data``, as ``torch_geometric.datasets.DBP15K`` holds them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...errors import InputError
from ...typing import FloatArray, IntArray
from ..kg import ImageTable, KnowledgeGraph
from ..links.checked import SEEDS, LabelLinks
from ..links.pairs import PairData
from .pyg import edges_of

BLOCK_ROWS = 4096  # entities whose word vectors are averaged at a time


def pair_of_pyg(data: Any) -> PairData:
    """Both graphs and their links.

    Fields, k = 1 for the left and 2 for the right graph: ``edge_index{k}`` (heads, tails), ``rel{k}`` (relation of each
    edge; equal numbers mean the same relation), ``x{k}`` (features of the entities, ``[N, d]``, or vectors of the words
    of their names, ``[N, W, d]`` with zeros as padding, which are averaged), ``train_y`` and ``test_y`` (left and right
    rows, ``[2, L]``): training links, of which some validate, and test links. Labels are the numbers of the rows.

    Features are the modality ``image``, the only one that takes vectors; a note says so.

    Raises:
        InputError: a field is missing, or has another shape or a row out of range.
    """
    notes: dict[str, int] = {}
    graphs = [_graph(data, k, notes) for k in (1, 2)]
    ends, parts = [np.empty((2, 0), np.int64)], []
    for name, part in (("train_y", SEEDS), ("test_y", "test")):
        if name in data:
            ends.append(_rows(data[name], name, graphs))
            parts += [part] * ends[-1].shape[1]
    left, right = np.concatenate(ends, axis=1)
    lefts, rights = (list(map(str, side.tolist())) for side in (left, right))
    source = Path("train_y and test_y")
    found = [LabelLinks(source, lefts, rights, np.arange(1, len(left) + 1), parts)] if parts else []
    return PairData(graphs[0], graphs[1], found, "pyg", notes)


def _graph(data: Any, k: int, notes: dict[str, int]) -> KnowledgeGraph:
    edges = edges_of(data[f"edge_index{k}"], f"edge_index{k}")
    number = edges.shape[1]
    kinds = np.asarray(data[f"rel{k}"].cpu(), np.int64).ravel() if f"rel{k}" in data else np.zeros(number, np.int64)
    if kinds.shape != (number,):
        raise InputError(f"expected one rel{k} for each of {number} edges, got {len(kinds)}")
    relations, codes = np.unique(kinds, return_inverse=True)
    size, images = int(edges.max(initial=-1)) + 1, None
    if f"x{k}" in data:
        features = _features(data[f"x{k}"], f"x{k}")
        if size > len(features):
            raise InputError(f"expected nodes 0..{len(features) - 1} in edge_index{k}, as many as x{k}, got {size - 1}")
        size, rows = len(features), np.flatnonzero(features.any(axis=1))
        images = ImageTable(rows, features[rows])
        notes[f"x{k}: features, read as the modality image"] = len(rows)
    triples = np.stack([edges[0], codes.reshape(-1), edges[1]], axis=1).astype(np.int64)
    labels = tuple(map(str, range(size)))
    return KnowledgeGraph(labels, tuple(map(str, relations.tolist())), triples, images=images)


def _features(values: Any, name: str) -> FloatArray:
    """Features ``[N, d]``; the mean of those word vectors ``[N, W, d]`` that are not zero."""
    tensor = torch.as_tensor(values).cpu()
    if tensor.dim() not in (2, 3):
        raise InputError(f"expected features [N, d] or [N, W, d] as {name}, got {list(tensor.shape)}")
    if tensor.dim() == 3:
        blocks = []
        for block in tensor.split(BLOCK_ROWS):
            words = (block != 0).any(dim=2).sum(dim=1, keepdim=True).clamp(min=1)
            blocks.append(block.sum(dim=1) / words)
        tensor = torch.cat(blocks) if blocks else tensor.new_zeros(0, tensor.shape[2])
    found: FloatArray = tensor.numpy().astype(np.float32, copy=True)
    return found


def _rows(values: Any, name: str, graphs: list[KnowledgeGraph]) -> IntArray:
    rows = edges_of(values, name)
    for column, graph in zip(rows, graphs, strict=True):
        if int(column.max(initial=-1)) >= graph.num_entities:
            raise InputError(f"expected rows 0..{graph.num_entities - 1} in {name}, got {int(column.max())}")
    return rows
