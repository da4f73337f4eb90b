import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmkg.errors import InputError, UsageError
from mmkg.search import Neighbors, build_index, csls_augment, csls_neighbors, mean_top_k, sort_neighbors
from mmkg.search.csls import csls, pair_means
from mmkg.search.tiles import ScorePasses, merge_column_tops, score_tiles, top_values


def naive_csls(s, k):  # Conneau et al., Sec. 2.3 as printed
    out = torch.empty_like(s)
    for i in range(s.shape[0]):
        for j in range(s.shape[1]):
            out[i, j] = 2 * s[i, j] - s[i].topk(k).values.mean() - s[:, j].topk(k).values.mean()
    return out


def unit(seed, n, d):
    return torch.nn.functional.normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_csls_worked_by_hand():
    s = torch.tensor([[1.0, 0.5], [0.5, 0.0]])
    got = csls(s, s.amax(dim=1), s.amax(dim=0))
    assert got.tolist() == [[0.0, -0.5], [-0.5, -1.0]]
    assert s.tolist() == [[1.0, 0.5], [0.5, 0.0]]


def test_csls_keeps_the_perfect_match_first():
    s = torch.eye(4)
    assert csls(s, s.amax(dim=1), s.amax(dim=0)).argmax(dim=1).tolist() == [0, 1, 2, 3]


def test_csls_equals_the_printed_formula():
    left, right = unit(0, 13, 6), unit(1, 21, 6)
    s = left @ right.T
    rows, cols = mean_top_k(left, right, 3, device="cpu"), mean_top_k(right, left, 3, device="cpu")
    got = csls(s, torch.from_numpy(rows), torch.from_numpy(cols))
    torch.testing.assert_close(got, naive_csls(s, 3), atol=1e-5, rtol=0)


def test_csls_refuses_means_of_the_wrong_axis():
    s = torch.zeros(2, 3)
    with pytest.raises(ValueError, match=r"shape \(2,\) and \(3,\)"):
        csls(s, torch.zeros(3), torch.zeros(2))


@pytest.mark.parametrize("kind", ["exact", "flat"])
def test_augmented_search_ranks_and_scores_as_the_full_csls_matrix(kind):
    left, right = unit(2, 40, 8), unit(3, 60, 8)
    queries, base = csls_augment(left, right, 4, device="cpu")
    assert queries.shape == (40, 9) and base.shape == (60, 9)
    found = build_index(base, kind=kind, metric="ip", device="cpu").search(queries, 10)
    found = csls_neighbors(found, mean_top_k(left, right, 4, device="cpu"))
    full = naive_csls(left.double() @ right.double().T, 4)
    wanted = full.topk(10, dim=1)
    assert (found.ids == wanted.indices.numpy()).all()
    np.testing.assert_allclose(found.scores, wanted.values.numpy(), atol=1e-5)


def test_csls_turns_a_hub_away():
    right = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])  # the middle one is near to both queries
    left = torch.tensor([[0.96, 0.28], [0.6, 0.8]])
    plain = build_index(right, kind="exact", device="cpu").search(left, 1)
    queries, base = csls_augment(left, right, 2, device="cpu")
    hub_free = build_index(base, kind="exact", metric="ip", device="cpu").search(queries, 1)
    # cosines: [.96 .936 .28], [.6 .96 .8]; column means: .78 .948 .54
    assert plain.ids[:, 0].tolist() == [0, 1] and hub_free.ids[:, 0].tolist() == [0, 2]


def test_the_mean_of_few_neighbours_is_over_all_there_are():
    base = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    got = mean_top_k(torch.tensor([[1.0, 0.0]]), base, 10, device="cpu")
    assert got.tolist() == [0.5] and got.dtype == np.float32


def test_mean_top_k_does_not_depend_on_the_block():
    left, right = unit(4, 90, 7), unit(5, 500, 7)
    naive = np.sort((left.double() @ right.double().T).numpy(), axis=1)[:, -3:].mean(axis=1)
    for memory_bytes in (1, 50_000, None):
        got = mean_top_k(left, right, 3, device="cpu", memory_bytes=memory_bytes)
        np.testing.assert_allclose(got, naive, atol=1e-6)


def test_csls_errors():
    good = np.eye(3, dtype=np.float32)
    for k in (0, -2, 2.5):
        with pytest.raises(UsageError, match="k must be a whole number >= 1"):
            mean_top_k(good, good, k, device="cpu")
    with pytest.raises(InputError, match="width 3"):
        csls_augment(good, np.eye(4), 2, device="cpu")
    with pytest.raises(InputError, match="right vectors must be finite"):
        csls_augment(good, good * np.nan, 2, device="cpu")
    found = Neighbors(np.zeros((2, 1), np.int64), np.zeros((2, 1), np.float32))
    with pytest.raises(InputError, match="each of 2 queries"):
        csls_neighbors(found, np.zeros(3, np.float32))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 700), st.integers(1, 40), st.booleans())
def test_top_values_are_the_largest_of_each_row(seed, rows, width, k, tied):
    k = min(k, width)
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 5, (rows, width)) if tied else rng.normal(size=(rows, width))
    matrix = torch.from_numpy(scores.astype(np.float32))
    for form in (matrix, matrix.T.contiguous().T):
        values, columns = top_values(form, k)
        assert (values.numpy() == -np.sort(-matrix.numpy(), axis=1)[:, :k]).all()
        assert (matrix.gather(1, columns) == values).all()
        assert all(len(set(row)) == k for row in columns.tolist())


@pytest.mark.parametrize("n, q, d", [(1, 1, 1), (5, 7, 3), (16, 33, 300), (47, 15, 601)])
def test_tiles_hold_all_scores_once_and_equal_vectors_score_equally(n, q, d):
    rng = torch.Generator().manual_seed(n)
    queries, base = torch.randn(q, d, generator=rng), torch.randn(1, d, generator=rng).repeat(n, 1)
    seen = []
    for start, tile in score_tiles(queries, base, memory_bytes=1):
        assert (tile == tile[:, :1]).all()
        torch.testing.assert_close(tile, (queries[start : start + len(tile)].double() @ base.double().T).float())
        seen += range(start, start + len(tile))
    assert seen == list(range(q))


def test_sort_neighbors_orders_by_score_then_id_and_puts_the_missing_last():
    ids, scores = np.array([[4, -1, 2, 9, 1]]), np.array([[0.5, 9.0, 0.5, 0.7, -3e38]])
    found = sort_neighbors(ids, scores)
    assert found.ids.tolist() == [[9, 2, 4, 1, -1]]
    assert found.scores[0, -1] == -np.inf and found.scores[0, 1] == 0.5
    assert ids.tolist() == [[4, -1, 2, 9, 1]] and scores[0, 1] == 9.0


def test_neighbors_are_sorted_row_by_row_whatever_the_blocks(monkeypatch):
    draw = np.random.default_rng(0)
    ids, scores = draw.integers(-1, 20, (11, 6)), draw.integers(0, 3, (11, 6)).astype(np.float32)
    expected = [
        sorted(zip(*row, strict=True), key=lambda pair: (pair[0] < 0, -pair[1], pair[0]))
        for row in zip(ids.tolist(), scores.tolist(), strict=True)
    ]
    monkeypatch.setattr("mmkg.search.neighbors.SORTED_ROWS", 4)
    found = sort_neighbors(ids, scores)
    assert found.ids.tolist() == [[name for name, _ in row] for row in expected]


def test_neighbors_refuses_other_types_and_shapes():
    with pytest.raises(ValueError, match="one shape"):
        Neighbors(np.zeros((2, 1), np.int64), np.zeros((2, 2), np.float32))
    with pytest.raises(ValueError, match="int64 ids"):
        Neighbors(np.zeros((2, 1), np.int32), np.zeros((2, 1), np.float32))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 150), st.integers(1, 30), st.integers(1, 5), st.booleans())
def test_merged_tiles_hold_the_largest_of_each_column(seed, rows, width, k, tied):
    k = min(k, rows)
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 5, (rows, width)) if tied else rng.normal(size=(rows, width))
    scores = scores.astype(np.float32)
    best = torch.full((width, k), -torch.inf)
    for tile in torch.from_numpy(scores).split(int(rng.integers(1, rows + 1))):
        merge_column_tops(best, tile)
    assert (best.numpy().T == -np.sort(-scores, axis=0)[:k]).all()


@pytest.mark.parametrize("memory_bytes", [1, 9000, None])
def test_passes_give_the_same_scores_each_time_kept_or_not(memory_bytes):
    left, right = unit(6, 50, 7), unit(7, 41, 7)
    passes = ScorePasses(left, right, memory_bytes=memory_bytes)
    seen = [torch.cat([tile.clone() for _, tile in passes]) for _ in range(3)]
    torch.testing.assert_close(seen[0], (left.double() @ right.double().T).float())
    assert (seen[0] == seen[1]).all() and (seen[0] == seen[2]).all()


@pytest.mark.parametrize("memory_bytes", [1, 9000, None])
@pytest.mark.parametrize("k", [1, 3, 100])
def test_pair_means_are_those_of_both_axes_of_the_matrix(k, memory_bytes):
    left, right = unit(8, 60, 5), unit(9, 43, 5)
    scores = (left.double() @ right.double().T).numpy()
    rows, cols = pair_means(ScorePasses(left, right, memory_bytes=memory_bytes), k)
    np.testing.assert_allclose(rows, np.sort(scores, axis=1)[:, -k:].mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(cols, np.sort(scores, axis=0)[-k:].mean(axis=0), atol=1e-6)
