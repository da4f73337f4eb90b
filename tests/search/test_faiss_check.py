"""FAISS files that somebody forged: refused before FAISS follows what is in them."""

import numpy as np
import pytest

from mmkg.errors import InputError
from mmkg.search import IndexConfig, build_index
from mmkg.search.faiss_index import read_faiss
from mmkg.search.faiss_module import import_faiss

ROWS = np.random.default_rng(0).standard_normal((300, 8)).astype(np.float32)


def built(kind):
    return build_index(ROWS, kind=kind, device="cpu", config=IndexConfig(nlist=4, hnsw_m=4))


def first_ids(index):
    faiss = import_faiss()
    lists = faiss.downcast_InvertedLists(index.invlists)
    return faiss.rev_swig_ptr(lists.get_ids(0), lists.list_size(0))


def rows_of(flat):
    flat = import_faiss().downcast_index(flat)
    return import_faiss().rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d)


def entry(value):
    def change(index):
        index.hnsw.entry_point = value

    return change


def level(value):
    def change(index):
        index.hnsw.max_level = value

    return change


def link(value, place=0):
    def change(index):
        import_faiss().rev_swig_ptr(index.hnsw.neighbors.data(), index.hnsw.neighbors.size())[place] = value

    return change


def offset(index):
    import_faiss().rev_swig_ptr(index.hnsw.offsets.data(), index.hnsw.offsets.size())[7] += 1


def levels(index):
    import_faiss().rev_swig_ptr(index.hnsw.levels.data(), index.hnsw.levels.size())[3] += 1


def node_without_the_level(index):
    """A link on level 1 to a node that has level 0 only: FAISS reads the links of another node there."""
    faiss = import_faiss()
    levels, offsets = faiss.vector_to_array(index.hnsw.levels), faiss.vector_to_array(index.hnsw.offsets)
    starts = faiss.vector_to_array(index.hnsw.cum_nneighbor_per_level)
    node = int(np.flatnonzero(levels > 1)[0])
    link(int(np.flatnonzero(levels == 1)[0]), int(offsets[node] + starts[1]))(index)


def ids(value):
    def change(index):
        first_ids(index)[0] = value

    return change


def id_twice(index):
    first_ids(index)[0] = first_ids(index)[1]


def nan(part):
    def change(index):
        rows_of(getattr(index, part) if part else index)[5] = np.nan

    return change


def infinite_vector(index):
    faiss = import_faiss()
    lists = faiss.downcast_InvertedLists(index.invlists)
    faiss.rev_swig_ptr(lists.get_codes(1), 4 * 8).view(np.float32)[0] = np.inf


def centroids(index):
    index.quantizer.add(np.ones((1, 8), np.float32))


GRAPH = "the graph of this index does not fit|FAISS cannot read this index"  # FAISS 1.15.1 checks some of it too
FORGED = [
    ("hnsw", entry(10**6), GRAPH),
    ("hnsw", entry(-5), GRAPH),
    ("hnsw", level(40), GRAPH),
    ("hnsw", link(10**6), GRAPH),
    ("hnsw", link(-7), GRAPH),
    ("hnsw", offset, GRAPH),
    ("hnsw", levels, GRAPH),
    ("hnsw", node_without_the_level, GRAPH),
    ("hnsw", nan("storage"), "vectors of this index must be finite"),
    ("flat", nan(""), "vectors of this index must be finite"),
    ("ivf", nan("quantizer"), "centroids of this index must be finite"),
    ("ivf", infinite_vector, "vectors of this index must be finite"),
    ("ivf", ids(300), "expected ids in 0..299"),
    ("ivf", ids(-1), "expected ids in 0..299"),
    ("ivf", id_twice, "expected each of 300 vectors in one list"),
    ("ivf", centroids, "expected 4 vectors or centroids of width 8"),
]


@pytest.mark.parametrize(("kind", "change", "message"), FORGED, ids=[f"{k}-{i}" for i, (k, _, _) in enumerate(FORGED)])
def test_forged_indexes_are_refused(tmp_path, kind, change, message):
    index = built(kind)
    change(index._index)
    index.write(tmp_path / "index.faiss")
    with pytest.raises(InputError, match=message) as found:
        read_faiss(tmp_path / "index.faiss", kind=kind, metric="cosine", config=index.config)
    assert found.value.path == tmp_path / "index.faiss"


@pytest.mark.parametrize("kind", ["flat", "ivf", "hnsw"])
def test_own_indexes_pass_and_answer_as_before(tmp_path, kind):
    index = built(kind)
    index.write(tmp_path / "index.faiss")
    again = read_faiss(tmp_path / "index.faiss", kind=kind, metric="cosine", config=index.config)
    assert np.array_equal(again.search(ROWS, 3).ids, index.search(ROWS, 3).ids)


def test_lists_of_another_kind_are_refused(tmp_path):
    faiss = import_faiss()
    quantizer = faiss.IndexHNSWFlat(8, 4, faiss.METRIC_INNER_PRODUCT)
    index = faiss.IndexIVFFlat(quantizer, 8, 4, faiss.METRIC_INNER_PRODUCT)
    index.train(ROWS)
    index.add(ROWS)
    faiss.write_index(index, str(tmp_path / "index.faiss"))
    with pytest.raises(InputError, match="expected 4 vectors or centroids of width 8"):
        read_faiss(tmp_path / "index.faiss", kind="ivf", metric="ip", config=IndexConfig())
