"""Codes of four bits with exact rescoring: recall against all pairs, tuning, files."""

import numpy as np
import pytest

from mmkg.errors import InputError
from mmkg.search import build_index, csls_augment, load_index, save_index
from mmkg.search.faiss_module import import_faiss
from mmkg.search.pq_index import RESCORED_CHOICES, grouped_columns


def planted(size, dim, *, clusters, noise, seed=0):
    """Unit rows in clusters and noisy copies of them; equal row numbers are counterparts."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((clusters, dim))[rng.integers(0, clusters, size)] + 0.6 * rng.standard_normal(
        (size, dim)
    )
    sides = [rows + noise * rng.standard_normal((size, dim)), rows]
    return [(side / np.linalg.norm(side, axis=1, keepdims=True)).astype(np.float32) for side in sides]


@pytest.fixture(scope="module")
def clustered():
    return planted(12_000, 48, clusters=60, noise=0.15)


def nearest(queries, base):
    return (queries.astype(np.float64) @ base.T.astype(np.float64)).argmax(axis=1)


def test_a_tuned_index_loses_one_nearest_row_in_a_thousand(clustered):
    left, right = clustered
    index = build_index(right, kind="pq4")
    nprobe = index.tune(left)
    assert 1 <= nprobe <= index._codes.nlist // 8 and index.config.rescored in RESCORED_CHOICES
    found = index.search(left[:4000], 3)
    assert (found.ids[:, 0] == nearest(left[:4000], right)).mean() >= 0.998
    exact = (left[:4000, None] * right[found.ids]).sum(axis=2)
    np.testing.assert_allclose(found.scores, exact, atol=1e-3)  # 16-bit rows
    assert (np.diff(found.scores, axis=1) <= 0).all()


def test_csls_vectors_are_found_too(clustered):
    queries, base = csls_augment(clustered[0][:3000], clustered[1], 3, device="cpu")
    found = build_index(base, kind="pq4", metric="ip").search(queries, 1)  # 2,000 queries or more tune it
    assert (found.ids[:, 0] == nearest(queries, base)).mean() >= 0.998


def test_lists_are_dropped_where_they_lose_too_much():
    rng = np.random.default_rng(2)  # queries without any near row: lists say nothing about them
    base, queries = (rng.standard_normal((size, 32)).astype(np.float32) for size in (11_000, 2500))
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    index = build_index(base, kind="pq4")
    assert index._lists
    assert index.tune(queries) == 1 and not index._lists
    assert (index.search(queries, 1).ids[:, 0] == nearest(queries, base)).mean() >= 0.997


def test_what_is_set_is_not_tuned(clustered):
    index = build_index(clustered[1], kind="pq4", nprobe=3, rescored=40)
    assert len(index.tuning_rows(5000)) == 0 and index.tune(clustered[0]) == 3
    assert (index.config.nprobe, index.config.rescored) == (3, 40)
    assert len(build_index(clustered[1], kind="pq4", nprobe=3).tuning_rows(5000)) == 2000


def test_few_rows_are_scored_one_and_all():
    rng = np.random.default_rng(3)
    for size, dim in ((1, 1), (5, 2), (15, 7), (200, 4)):
        base = rng.standard_normal((size, dim)).astype(np.float32)
        found = build_index(base, kind="pq4", metric="ip").search(base, size)
        expected = np.argsort(-(base @ base.astype(np.float16).astype(np.float32).T), axis=1, kind="stable")
        assert (found.ids == expected).all()


def test_wide_vectors_have_at_most_400_groups():
    # 16-bit sums of more groups overflow: 900 groups ranked the counterparts of real vectors at random
    assert [grouped_columns(dim) for dim in (1, 3, 300, 301, 1200, 1201)] == [
        (1, 3),
        (1, 3),
        (100, 300),
        (101, 303),
        (400, 1200),
        (301, 1204),
    ]
    left, right = planted(600, 1300, clusters=6, noise=0.3, seed=4)
    found = build_index(right, kind="pq4", nlist=1, rescored=16).search(left, 1)
    assert (found.ids[:, 0] == np.arange(600)).all()


@pytest.mark.parametrize("refine", ["fp16", "sq8"])
@pytest.mark.parametrize("lists", [True, False])
def test_a_saved_index_answers_as_before(tmp_path, clustered, refine, lists):
    index = build_index(clustered[1], kind="pq4", refine=refine, rescored=32, nprobe=2)
    if not lists:
        index._drop_lists()
    save_index(index, tmp_path / "index.faiss")
    again = load_index(tmp_path / "index.faiss").index
    assert again.config == index.config and again._lists == lists
    before, after = index.search(clustered[0][:300], 5), again.search(clustered[0][:300], 5)
    assert (before.ids == after.ids).all() and (before.scores == after.scores).all()


def value(name, number):
    def change(index):
        setattr(index._codes, name, number)

    return change


def nan_centroid(index):
    import_faiss().rev_swig_ptr(index._codes.pq.centroids.data(), 16)[3] = np.nan


def nan_rotation(index):
    import_faiss().rev_swig_ptr(index._rotation.A.data(), 16)[3] = np.nan


def short_rotation(index):
    index._rotation.A.resize(7)


def nan_coarse(index):
    faiss = import_faiss()
    coarse = faiss.downcast_index(index._codes.quantizer)
    faiss.rev_swig_ptr(coarse.get_xb(), 8)[2] = np.nan


def id_twice(index):
    faiss = import_faiss()
    lists = faiss.downcast_InvertedLists(index._codes.invlists)
    number = next(n for n in range(lists.nlist) if lists.list_size(n) > 1)
    names = faiss.rev_swig_ptr(lists.get_ids(number), 2)
    names[0] = names[1]


def foreign_id(index):
    faiss = import_faiss()
    lists = faiss.downcast_InvertedLists(index._codes.invlists)
    number = next(n for n in range(lists.nlist) if lists.list_size(n))
    faiss.rev_swig_ptr(lists.get_ids(number), 1)[0] = 1 << 40


def infinite_row(index):
    view = import_faiss().rev_swig_ptr(index._rows.codes.data(), 2)
    view[:] = [0x00, 0x7C]


def fewer_rows(index):
    index._rows.ntotal -= 1


def residual(index):
    index._codes.by_residual = True


FORGED = [value("M2", 2), value("bbs", 64), value("implem", 1), nan_centroid, nan_rotation]
FORGED += [short_rotation, nan_coarse, id_twice, foreign_id, infinite_row, fewer_rows, residual]


@pytest.mark.parametrize("change", FORGED, ids=lambda change: change.__name__)
def test_forged_files_are_refused(tmp_path, change):
    base = np.random.default_rng(5).standard_normal((400, 8)).astype(np.float32)
    index = build_index(base, kind="pq4", nlist=4)
    change(index)
    save_index(index, tmp_path / "index.faiss")
    with pytest.raises(InputError, match="this index") as found:
        load_index(tmp_path / "index.faiss")
    assert found.value.path == tmp_path / "index.faiss"
