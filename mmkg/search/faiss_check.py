"""Checks of a FAISS index from a file: FAISS follows the ids, links and offsets in it without checking them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import InputError
from ..typing import FloatArray, IntArray
from .vectors import Rows

CHECKED_BYTES = 64 << 20


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


def check_codes(faiss: Any, codes: Any, kind: str, size: int, dim: int, path: Path) -> None:
    """Refuse a scalar quantizer that does not hold ``size`` finite rows of width ``dim`` in the codes of its kind.

    Args:
        faiss: the module.
        codes: ``IndexScalarQuantizer`` from a file.
        kind: ``fp16`` or ``sq8``.
        size: number of rows.
        dim: their width.
        path: its file, for messages.

    Raises:
        InputError: the index is not one that FAISS built.
    """
    bits, each = {"fp16": (faiss.ScalarQuantizer.QT_fp16, 2), "sq8": (faiss.ScalarQuantizer.QT_8bit, 1)}[kind]
    fits = isinstance(codes, faiss.IndexScalarQuantizer) and codes.metric_type == faiss.METRIC_INNER_PRODUCT
    fits = fits and (codes.ntotal, codes.d, codes.sq.d, codes.sq.qtype) == (size, dim, dim, bits)
    fits = fits and size > 0 and dim > 0 and {codes.code_size, codes.sq.code_size} == {each * dim}
    fits = fits and codes.codes.size() == size * each * dim
    fits = fits and codes.sq.trained.size() == (2 * dim if kind == "sq8" else 0)
    if not fits:
        raise InputError(f"expected {size} vectors of width {dim} of kind {kind!r} in this index", path)
    step = max(1, CHECKED_BYTES // (4 * dim))
    for start in range(0, size if kind == "fp16" else 1, step):
        _check_rows(codes.reconstruct_n(start, min(step, size - start)), "vectors", path)
    if kind == "sq8":  # every value is between its column's smallest and largest
        least, spread = faiss.vector_to_array(codes.sq.trained).reshape(2, dim)
        _check_rows(np.stack([least, least + spread]), "ranges of columns", path)


def check_pq(faiss: Any, index: Any, refine: str, path: Path) -> None:
    """Refuse an index of kind pq4 whose parts do not fit each other, or whose values are not finite.

    Args:
        faiss: the module.
        index: ``IndexRefine`` from a file.
        refine: ``fp16`` or ``sq8``, the kind of its stored rows.
        path: its file, for messages.

    Raises:
        InputError: the index is not one that ``build_index`` built.
    """
    size, dim = index.ntotal, index.d
    rotated, rows = faiss.downcast_index(index.base_index), faiss.downcast_index(index.refine_index)
    check_codes(faiss, rows, refine, size, dim, path)
    fits = isinstance(rotated, faiss.IndexPreTransform) and rotated.chain.size() == 1
    fits = fits and (rotated.ntotal, rotated.d) == (size, dim) and rotated.metric_type == index.metric_type
    rotation = faiss.downcast_VectorTransform(rotated.chain.at(0)) if fits else None
    fits = isinstance(rotation, faiss.LinearTransform) and not rotation.have_bias and rotation.is_trained
    codes = faiss.downcast_index(rotated.index) if fits else None
    listed = isinstance(codes, faiss.IndexIVFPQFastScan)
    fits = listed or isinstance(codes, faiss.IndexPQFastScan)
    if not fits:
        raise InputError("expected rotated codes of four bits in this index; build and save it again", path)
    assert rotation is not None and codes is not None
    wide, groups, product = codes.d, codes.pq.M, codes.pq
    fits = (rotation.d_in, rotation.d_out, rotation.A.size()) == (dim, wide, dim * wide) and wide >= dim
    fits = fits and (product.d, product.nbits, product.ksub) == (wide, 4, 16) and groups * product.dsub == wide
    fits = fits and product.centroids.size() == 16 * wide and (codes.ntotal, codes.M, codes.nbits) == (size, groups, 4)
    fits = fits and codes.metric_type == index.metric_type and codes.bbs == 32 and codes.ksub == 16
    fits = fits and codes.M2 == groups + groups % 2 and codes.is_trained and codes.implem == 0
    block = 16 * codes.M2
    if fits and not listed:
        fits = codes.ntotal2 == -(-size // 32) * 32 and codes.codes.size() == codes.ntotal2 // 32 * block
    if not fits:
        raise InputError("the codes of this index do not fit its vectors; build and save the index again", path)
    _check_rows(faiss.vector_to_array(rotation.A).reshape(wide, dim), "rotation", path)
    _check_rows(faiss.vector_to_array(product.centroids).reshape(-1, product.dsub), "centroids", path)
    if listed:
        lists = faiss.downcast_InvertedLists(codes.invlists)
        fits = isinstance(lists, faiss.BlockInvertedLists) and codes.nlist == lists.nlist and codes.nlist > 0
        fits = fits and not codes.by_residual and codes.direct_map.type == 0
        if not fits or (lists.n_per_block, lists.block_size) != (32, block):
            raise InputError(f"expected {codes.nlist} lists of codes in this index", path)
        _check_rows(
            _flat_rows(faiss, faiss.downcast_index(codes.quantizer), codes.nlist, wide, path), "centroids", path
        )
        _check_ids(faiss, lists, size, path)  # FAISS compares the codes of each list with their number as it reads them


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
    _check_ids(faiss, lists, index.ntotal, path)
    for number in range(index.nlist):
        if size := lists.list_size(number):
            codes = faiss.rev_swig_ptr(lists.get_codes(number), size * 4 * index.d)
            _check_rows(codes.view(np.float32).reshape(size, index.d), "vectors", path)


def _check_ids(faiss: Any, lists: Any, total: int, path: Path) -> None:
    """Check that each of ``total`` vectors is in one list."""
    counts = np.zeros(total, np.int64)
    for number in range(lists.nlist):
        if size := lists.list_size(number):
            ids: IntArray = faiss.rev_swig_ptr(lists.get_ids(number), size)
            if ids.min() < 0 or ids.max() >= total:
                raise InputError(f"expected ids in 0..{total - 1} in this index, got {ids.min()}..{ids.max()}", path)
            np.add.at(counts, ids, 1)
    if (counts != 1).any():
        raise InputError(f"expected each of {total} vectors in one list of this index", path)


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
