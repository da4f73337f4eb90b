import ast
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from mmkg.compute.blas import best_kernel, read_cpu_flags
from mmkg.errors import InputError, UsageError
from mmkg.search import INDEXES, ExactIndex, IndexConfig, Neighbors, build_index
from mmkg.search.csls import csls_augment, mean_top_k
from mmkg.search.neighbors import csls_neighbors

KINDS = sorted(INDEXES)
ROUNDED = {
    "fp16": 1e-3,
    "pq4": 1e-3,
    "sq8": 2e-2,
}  # kinds that store fewer bits than float32, and what scores change by
OLD_KERNELS = {"Prescott", "Nehalem", "Katmai", "Coppermine", "Northwood", "Core2", "Penryn", "Dunnington", "Banias"}


def spread_vectors(seed=0, n=150, d=12):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def naive_neighbors(queries, base, k):  # cosine, one dot product at a time, in double precision
    ids, scores = [], []
    for q in queries.astype(np.float64):
        row = [float(q @ b) / (np.linalg.norm(q) * np.linalg.norm(b)) for b in base.astype(np.float64)]
        order = sorted(range(len(row)), key=lambda j: (-row[j], j))[:k]
        ids.append(order)
        scores.append([row[j] for j in order])
    return np.array(ids), np.array(scores)


@pytest.mark.parametrize("kind", KINDS)
def test_an_item_is_its_own_nearest_neighbour_at_score_one(kind):
    base = spread_vectors() * np.linspace(0.1, 30, 150, dtype=np.float32)[:, None]
    found = build_index(base, kind=kind, device="cpu").search(base, 3)
    assert found.ids[:, 0].tolist() == list(range(150))
    np.testing.assert_allclose(found.scores[:, 0], 1, atol=ROUNDED.get(kind, 1e-5))
    assert (np.diff(found.scores, axis=1) <= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_an_item_is_its_own_nearest_neighbour_under_csls(kind):
    base = spread_vectors(1)
    queries, augmented = csls_augment(base, base, 5, device="cpu")
    found = build_index(augmented, kind=kind, metric="ip", device="cpu").search(queries, 3)
    true = csls_neighbors(found, mean_top_k(base, base, 5, device="cpu"))
    assert found.ids[:, 0].tolist() == list(range(150))
    unit = base.astype(np.float64) / np.linalg.norm(base, axis=1, keepdims=True)
    cosine = unit @ unit.T
    mean = np.sort(cosine, axis=1)[:, -5:].mean(axis=1)
    np.testing.assert_allclose(true.scores[:, 0], 2 - 2 * mean, atol=ROUNDED.get(kind, 1e-5))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("metric", ["cosine", "ip"])
def test_every_kind_agrees_with_the_naive_search(kind, metric):
    base, queries = spread_vectors(2, 200, 8), spread_vectors(3, 30, 8)
    if metric == "ip":  # rows of one length: the naive cosine is the inner product
        base /= np.linalg.norm(base, axis=1, keepdims=True)
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    found = build_index(base, kind=kind, metric=metric, device="cpu").search(queries, 7)
    ids, scores = naive_neighbors(queries, base, 7)
    assert found.ids.dtype == np.int64 and found.scores.dtype == np.float32
    assert (found.ids[:, 0] == ids[:, 0]).all() and (kind == "sq8" or (found.ids == ids).all())
    np.testing.assert_allclose(found.scores, scores, atol=ROUNDED.get(kind, 1e-5))


def test_inner_product_keeps_the_length_of_a_vector():
    base = np.array([[1, 0], [3, 0], [0, 2]], dtype=np.float32)
    for kind in sorted({*KINDS} - {"sq8"}):
        found = build_index(base, kind=kind, metric="ip", device="cpu").search(np.array([[2.0, 1.0]]), 3)
        assert found.ids.tolist() == [[1, 0, 2]], kind  # 6, 2, 2: the lower row first
        assert found.scores.tolist() == [[6, 2, 2]], kind


@pytest.mark.parametrize("kind", ["exact", "flat"])
@pytest.mark.parametrize("n, k", [(3, 2), (17, 5), (400, 3), (1000, 130), (1500, 7)])
def test_the_lowest_rows_win_among_equals_at_the_last_place(kind, n, k):
    rng = np.random.default_rng(n)
    base = rng.integers(-1, 2, size=(n, 3)).astype(np.float32)  # few distinct rows, zeros among them
    queries = rng.integers(-1, 2, size=(20, 3)).astype(np.float32)
    found = build_index(base, kind=kind, metric="ip", device="cpu").search(queries, k)
    products = queries @ base.T  # whole numbers: exact
    assert (found.ids == np.argsort(-products, axis=1, kind="stable")[:, :k]).all()


@pytest.mark.parametrize("kind", ["exact", "flat"])
@pytest.mark.parametrize("n", [1, 2, 5, 33])
def test_copies_of_one_vector_tie_exactly(kind, n):
    vector = np.random.default_rng(n).normal(size=(1, 601)).astype(np.float32)
    found = build_index(vector.repeat(n, axis=0), kind=kind, device="cpu").search(vector, n)
    assert found.ids.tolist() == [list(range(n))]


def test_a_row_of_zeros_has_cosine_zero_to_all():
    base = np.array([[1, 0], [0, 0], [-1, 0]], dtype=np.float32)
    for kind in KINDS:
        found = build_index(base, kind=kind, device="cpu").search(np.array([[5.0, 0.0]]), 3)
        assert found.ids.tolist() == [[0, 1, 2]], kind
        np.testing.assert_allclose(found.scores, [[1, 0, -1]], atol=ROUNDED.get(kind, 0))


def test_tiny_and_huge_vectors_have_a_cosine():
    base = np.array([[1e-30, 0], [0, 1e14], [3e-25, 4e-25]], dtype=np.float32)
    found = build_index(base, kind="exact", device="cpu").search(np.array([[3e12, 4e12]]), 3)
    assert found.ids.tolist() == [[2, 1, 0]]
    np.testing.assert_allclose(found.scores, [[1, 0.8, 0.6]], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_places_beyond_the_base_are_empty(kind):
    base = spread_vectors(4, 3, 5)
    found = build_index(base, kind=kind, device="cpu").search(base[:1], 5)
    assert found.ids[0, 3:].tolist() == [-1, -1] and sorted(found.ids[0, :3].tolist()) == [0, 1, 2]
    assert np.isneginf(found.scores[0, 3:]).all() and np.isfinite(found.scores[0, :3]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_permuting_the_base_permutes_the_answer(kind):
    base, queries = spread_vectors(5), spread_vectors(6, 20)
    order = np.random.default_rng(0).permutation(150)
    plain = build_index(base, kind=kind, device="cpu").search(queries, 4)
    shuffled = build_index(base[order], kind=kind, device="cpu").search(queries, 4)
    assert (order[shuffled.ids] == plain.ids).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("metric", ["cosine", "ip"])
def test_search_leaves_its_input_alone_and_keeps_its_own_copy(kind, metric):
    base, queries = spread_vectors(7), spread_vectors(8, 20)
    base_before, queries_before = base.copy(), queries.copy()
    index = build_index(base, kind=kind, metric=metric, device="cpu")
    found = index.search(queries, 4)
    assert (base == base_before).all() and (queries == queries_before).all()
    base[:] = 0
    assert (index.search(queries, 4).ids == found.ids).all()


@pytest.mark.parametrize("kind", KINDS)
def test_any_layout_of_the_same_numbers_gives_the_same_answer(kind, tmp_path):
    base, queries = spread_vectors(9), spread_vectors(10, 20)
    wanted = build_index(base, kind=kind, device="cpu").search(queries, 4)
    np.save(tmp_path / "base.npy", base)
    frozen = base.copy()
    frozen.flags.writeable = False
    forms = {
        "float64": base.astype(np.float64),
        "column order": np.asfortranarray(base),
        "every other column": np.repeat(base, 2, axis=1)[:, ::2],
        "read-only": frozen,
        "memmap": np.load(tmp_path / "base.npy", mmap_mode="r"),
        "tensor": torch.from_numpy(base.copy()),
        "tensor with gradient": torch.from_numpy(base.copy()).requires_grad_(),
        "transposed tensor": torch.from_numpy(base.T.copy()).T,
    }
    for name, form in forms.items():
        assert (build_index(form, kind=kind, device="cpu").search(queries, 4).ids == wanted.ids).all(), name
    one = build_index(base, kind=kind, device="cpu").search(queries[3:4], 4)
    assert (one.ids == wanted.ids[3:4]).all()


BAD_VECTORS = {
    "nan": np.array([[1, 2, 3], [1, np.nan, 3]], dtype=np.float32),
    "infinity": np.array([[1, 2, 3], [1, -np.inf, 3]], dtype=np.float32),
    "beyond float32": np.array([[1, 2, 3], [1, 1e300, 3]]),
    "one dimension": np.ones(3, dtype=np.float32),
    "three dimensions": np.ones((1, 2, 3), dtype=np.float32),
    "no rows": np.empty((0, 3), dtype=np.float32),
    "no columns": np.empty((2, 0), dtype=np.float32),
    "objects": np.array([[1, None, 3]], dtype=object),
    "text": np.array([["a", "b", "c"]]),
    "complex": np.ones((2, 3), dtype=np.complex64),
    "sparse tensor": torch.eye(3).to_sparse(),
    "bool tensor": torch.ones(2, 3, dtype=torch.bool),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", sorted(BAD_VECTORS))
def test_bad_vectors_are_refused_as_base_and_as_queries(kind, case):
    with pytest.raises(InputError, match="base vectors must"):
        build_index(BAD_VECTORS[case], kind=kind, device="cpu")
    index = build_index(np.eye(3, dtype=np.float32), kind=kind, device="cpu")
    with pytest.raises(InputError, match="queries must"):
        index.search(BAD_VECTORS[case], 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_row_is_named_and_other_widths_and_counts_are_refused(kind):
    with pytest.raises(InputError, match="1 rows break this, first row 1"):
        build_index(BAD_VECTORS["nan"], kind=kind, device="cpu")
    index = build_index(np.eye(3, dtype=np.float32), kind=kind, device="cpu")
    with pytest.raises(InputError, match="width 3"):
        index.search(np.ones((1, 4)), 1)
    for k in (0, -1, 1.5, True, None):
        with pytest.raises(UsageError, match="k must be a whole number >= 1"):
            index.search(np.ones((1, 3)), k)


def test_unknown_names_are_refused_with_the_nearest_one():
    base = np.eye(3, dtype=np.float32)
    with pytest.raises(UsageError, match="did you mean 'hnsw'"):
        build_index(base, kind="hsnw")
    with pytest.raises(UsageError, match="did you mean 'cosine'"):
        build_index(base, metric="cosinus")
    with pytest.raises(UsageError, match="did you mean 'nprobe'"):
        build_index(base, nprobes=3)
    with pytest.raises(UsageError, match="nlist: input should be greater than or equal to 1, got 0"):
        build_index(base, nlist=0)
    with pytest.raises(UsageError, match="not as both"):
        build_index(base, config=IndexConfig(), nprobe=3)
    for device in ("gpu", "mps", 3.5):
        with pytest.raises(UsageError, match="device must be"):
            build_index(base, device=device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_missing_cuda_device_is_refused_in_words():
    for kind in KINDS:
        with pytest.raises(UsageError, match="cuda|hnsw"):
            build_index(np.eye(3, dtype=np.float32), kind=kind, device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA")
@pytest.mark.parametrize("kind", ["auto", "exact", "flat"])
def test_cuda_gives_the_answer_of_the_cpu(kind):
    base, queries = spread_vectors(11, 500), spread_vectors(12, 40)
    wanted = build_index(base, kind="exact", device="cpu").search(queries, 5)
    found = build_index(base, kind=kind, device="cuda").search(queries, 5)
    assert (found.ids == wanted.ids).all()
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-5)


def test_an_object_with_search_is_returned_as_it_is():
    class Mine:
        def search(self, queries, k):
            return Neighbors(np.zeros((len(queries), k), np.int64), np.zeros((len(queries), k), np.float32))

    mine = Mine()
    assert build_index(np.eye(2), kind=mine) is mine
    for wrong in (Mine, object(), None):
        with pytest.raises(UsageError, match="object with search"):
            build_index(np.eye(2), kind=wrong)


def test_ivf_that_reads_one_list_finds_less_than_one_that_reads_all():
    base = spread_vectors(13, 2000, 16)
    exact = build_index(base, kind="exact", device="cpu").search(base[:200], 10).ids
    shares = []
    for nprobe in (1, 40):
        found = build_index(base, kind="ivf", nlist=40, nprobe=nprobe, device="cpu").search(base[:200], 10).ids
        shares.append(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact, found, strict=True)]))
    assert shares[0] < 0.8 and shares[1] == 1


def test_block_size_does_not_change_a_bit():
    base, queries = spread_vectors(14, 333, 17), spread_vectors(15, 77, 17)
    wanted = ExactIndex(base, device="cpu").search(queries, 9)
    for memory_bytes in (1, 30_000, 10**9):
        found = ExactIndex(base, device="cpu", memory_bytes=memory_bytes).search(queries, 9)
        assert (found.ids == wanted.ids).all() and (found.scores == wanted.scores).all()


def run_python(code, **environment):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    ).stdout.split()


def test_importing_search_loads_neither_torch_nor_faiss():
    code = "import sys, mmkg.search, mmkg.search.neighbors; print('torch' in sys.modules, 'faiss' in sys.modules)"
    assert run_python(code) == ["False", "False"]
    code = (
        "import sys; from mmkg.search import INDEXES, IndexConfig, Neighbors, build_index, load_index, sort_neighbors\n"
        "print(sorted({'torch', 'faiss', 'scipy'} & set(sys.modules)))"
    )
    assert run_python(code) == ["[]"]


@pytest.mark.skipif("avx2" not in read_cpu_flags(), reason="this CPU has no AVX2")
def test_no_loaded_blas_runs_a_kernel_from_before_avx():
    code = (
        "import os, numpy as np; from mmkg.search import build_index; from mmkg.compute.blas import blas_kernels;"
        "build_index(np.eye(4), kind='flat'); assert 'OPENBLAS_CORETYPE' not in os.environ;"
        "print(*[('faiss' in b['library'], b['api'], b['kernel']) for b in blas_kernels()], sep='\\n')"
    )
    clean = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
    out = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, env=clean
    )
    loaded = [ast.literal_eval(line) for line in out.stdout.splitlines()]
    kernels = {kernel for _, api, kernel in loaded if api == "openblas"}
    assert kernels and not kernels & OLD_KERNELS, loaded
    of_faiss = {kernel for in_faiss, api, kernel in loaded if in_faiss and api == "openblas"}
    assert of_faiss <= {best_kernel(read_cpu_flags())}, loaded


@pytest.mark.parametrize(
    "flags, kernel",
    [
        ("fpu sse3", None),
        ("sse3 avx2", None),
        ("avx2 fma", "Haswell"),
        ("avx2 fma avx512f", "Haswell"),
        ("avx2 fma avx512f avx512dq avx512bw avx512vl", "SkylakeX"),
        ("", None),
    ],
)
def test_the_kernel_fits_the_cpu(flags, kernel):
    assert best_kernel(set(flags.split())) == kernel
