"""Checks of a FAISS index from a file: FAISS follows the ids, links and offsets in it without checking them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import InputError
from ..typing import FloatArray, IntArray
from .vectors import Rows


def check_content(faiss: Any, index: Any, kind: str, path: Path) -> None:
    """Refuse an index whose parts do not fit each other, or whose vectors are not finite.

    Args:
        faiss: the module.
        index: of kind flat, ivf or hnsw, as ``faiss.read_index`` returned it.
        kind: its kind.
        path: its file, for messages.

    Raises:
        InputError: the index is not one that FAISS built.
    """
    if index.ntotal < 1 or index.d < 1:
        raise InputError(f"expected an index with vectors, got {index.ntotal} of width {index.d}", path)
    if kind == "flat":
        _check_rows(_flat_rows(faiss, index, index.ntotal, index.d, path), "vectors", path)
    elif kind == "ivf":
        _check_lists(faiss, index, path)
    else:
        storage = faiss.downcast_index(index.storage)
        _check_rows(_flat_rows(faiss, storage, index.ntotal, index.d, path), "vectors", path)
        _check_graph(faiss.vector_to_array, index.hnsw, index.ntotal, path)


def _flat_rows(faiss: Any, flat: Any, size: int, dim: int, path: Path) -> FloatArray:
    """The rows of a flat index of a given size, not copied."""
    fits = isinstance(flat, faiss.IndexFlat) and (flat.ntotal, flat.d) == (size, dim)
    if not fits or flat.codes.size() != size * dim * 4 or flat.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise InputError(f"expected {size} vectors or centroids of width {dim} in this index", path)
    rows: FloatArray = faiss.rev_swig_ptr(flat.get_xb(), size * dim).reshape(size, dim)
    return rows


def _check_lists(faiss: Any, index: Any, path: Path) -> None:
    lists = faiss.downcast_InvertedLists(index.invlists)
    fits = isinstance(lists, faiss.ArrayInvertedLists) and index.nlist == lists.nlist and index.nlist > 0
    if not fits or {lists.code_size, index.code_size} != {4 * index.d} or index.direct_map.type != 0:
        raise InputError(f"expected {index.nlist} lists of vectors of width {index.d} in this index", path)
    centroids = _flat_rows(faiss, faiss.downcast_index(index.quantizer), index.nlist, index.d, path)
    _check_rows(centroids, "centroids", path)
    counts = np.zeros(index.ntotal, np.int64)
    for number in range(index.nlist):
        size = lists.list_size(number)
        if size:
            ids: IntArray = faiss.rev_swig_ptr(lists.get_ids(number), size)
            if ids.min() < 0 or ids.max() >= index.ntotal:
                raise InputError(
                    f"expected ids in 0..{index.ntotal - 1} in this index, got {ids.min()}..{ids.max()}", path
                )
            np.add.at(counts, ids, 1)
            codes = faiss.rev_swig_ptr(lists.get_codes(number), size * 4 * index.d)
            _check_rows(codes.view(np.float32).reshape(size, index.d), "vectors", path)
    if (counts != 1).any():
        raise InputError(f"expected each of {index.ntotal} vectors in one list of this index", path)


def _check_graph(array_of: Any, graph: Any, size: int, path: Path) -> None:
    """Check levels, offsets and links of an HNSW graph."""
    levels, offsets = array_of(graph.levels), array_of(graph.offsets).astype(np.int64)
    links, starts = array_of(graph.neighbors), array_of(graph.cum_nneighbor_per_level).astype(np.int64)
    entry, top = int(graph.entry_point), int(graph.max_level)
    fits = len(levels) == size and len(offsets) == size + 1 and len(starts) > 1 and starts[0] == 0
    fits = fits and bool((np.diff(starts) >= 0).all()) and 0 <= entry < size
    fits = fits and 1 <= int(levels.min()) and int(levels.max()) < len(starts) and top == int(levels.max()) - 1
    fits = fits and int(levels[entry]) - 1 == top and offsets[0] == 0
    fits = fits and bool((np.diff(offsets) == starts[levels]).all()) and offsets[-1] == len(links)
    fits = fits and (len(links) == 0 or (int(links.min()) >= -1 and int(links.max()) < size))
    for level in range(1, top + 1) if fits else ():
        nodes = np.flatnonzero(levels > level)
        places = offsets[nodes, None] + np.arange(starts[level], starts[level + 1])
        ends = links[places]
        fits = fits and bool((levels[ends[ends >= 0]] > level).all())  # a link to a node without this level
    if not fits:
        raise InputError("the graph of this index does not fit its vectors; build and save the index again", path)


def _check_rows(rows: FloatArray, what: str, path: Path) -> None:
    try:
        Rows(torch.from_numpy(rows), f"{what} of this index", normalise=False)
    except InputError as error:
        raise InputError(error.reason, path) from None
