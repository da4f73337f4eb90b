import numpy as np
import pytest
import torch

from mmkg.errors import InputError, UsageError
from mmkg.search import build_index, faiss_index
from mmkg.search.grouped import search_lists
from mmkg.search.lists import sample_rows


def clustered(seed, n, d=8, centres=30, noise=0.3):
    places = np.random.default_rng(99).normal(size=(centres, d))
    rng = np.random.default_rng(seed)
    return (places[rng.integers(0, centres, n)] + noise * rng.normal(size=(n, d))).astype(np.float32)


def unit(rows):
    return rows / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)


def naive_nearest(base, queries, k):
    return np.argsort(-(unit(queries) @ unit(base).T), axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize("k", [1, 4, 50])
def test_lists_are_searched_as_a_loop_over_the_queries_would(k):
    rng = np.random.default_rng(0)
    base, queries = rng.normal(size=(90, 5)).astype(np.float32), rng.normal(size=(40, 5)).astype(np.float32)
    home = rng.integers(0, 12, 90)
    home[home == 7] = 8  # list 7 is empty
    probes = np.stack([rng.permutation(13)[:5] for _ in queries])
    ids, scores = search_lists(
        torch.from_numpy(queries),
        probes,
        lambda n: (torch.from_numpy(np.flatnonzero(home == n)), torch.from_numpy(base[home == n])),
        k,
    )
    for row, lists in enumerate(probes):
        there = np.flatnonzero(np.isin(home, lists))
        wanted = sorted(((float(queries[row].astype(np.float64) @ base[i]), i) for i in there), reverse=True)[:k]
        assert ids[row].tolist() == [i for _, i in wanted] + [-1] * (k - len(wanted))
        np.testing.assert_allclose(scores[row, : len(wanted)], [s for s, _ in wanted], atol=1e-5)
        assert np.isneginf(scores[row, len(wanted) :]).all()


@pytest.mark.parametrize("metric", ["cosine", "ip"])
def test_many_queries_get_the_answers_of_one_at_a_time(metric, monkeypatch):
    base, queries = clustered(1, 3000), clustered(2, 500)
    index = build_index(base, kind="ivf", metric=metric, nlist=40, nprobe=3, device="cpu")
    monkeypatch.setattr(faiss_index, "GROUPED_FROM", 10**9)
    plain = index.search(queries, 7)
    monkeypatch.setattr(faiss_index, "GROUPED_FROM", 0)
    for query_bytes in (1, 3000, 1 << 20):
        monkeypatch.setattr(faiss_index, "QUERY_BYTES", query_bytes)
        grouped = index.search(queries, 7)
        np.testing.assert_allclose(grouped.scores, plain.scores, atol=1e-5)
        assert (grouped.ids == plain.ids).mean() > 0.99  # scores that differ in the last bit may change places


def test_tuning_takes_the_fewest_lists_that_miss_one_in_a_thousand():
    base, queries = clustered(3, 4000, noise=0.8), clustered(4, 2000, noise=0.8)
    index = build_index(base, kind="ivf", nlist=64, device="cpu")
    nprobe = index.tune(queries)
    assert 1 < nprobe < 64 and nprobe & (nprobe - 1) == 0
    exact = naive_nearest(base, queries, 1)[:, 0]
    for lists, enough in ((nprobe, True), (nprobe // 2, False)):
        told = build_index(base, kind="ivf", nlist=64, nprobe=lists, device="cpu")
        missed = (told.search(queries, 1).ids[:, 0] != exact).mean()
        assert (missed <= 0.001) == enough


def test_an_index_is_exact_until_a_large_search_has_tuned_it():
    base, queries = clustered(5, 3000, noise=0.8), clustered(6, 2500, noise=0.8)
    index = build_index(base, kind="ivf", device="cpu")
    assert (index.search(queries[:300], 5).ids == naive_nearest(base, queries[:300], 5)).all()
    assert index.config.nprobe is None
    found = index.search(queries, 1)
    assert index.config.nprobe is not None and index.config.nprobe < index._index.nlist
    assert (found.ids[:, 0] != naive_nearest(base, queries, 1)[:, 0]).mean() <= 0.004
    again = build_index(base, kind="ivf", device="cpu")
    assert again.tune(queries) == index.config.nprobe  # the sample has a seed


def test_only_an_ivf_index_can_be_tuned():
    base = clustered(7, 50)
    with pytest.raises(UsageError, match="only kind 'ivf'"):
        build_index(base, kind="flat", device="cpu").tune(base)
    with pytest.raises(InputError, match="width 8"):
        build_index(base, kind="ivf", device="cpu").tune(base[:, :3])


@pytest.mark.parametrize("kind", ["exact", "flat", "ivf"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_memory_maps_are_base_and_queries(kind, dtype, tmp_path):
    base, queries = clustered(8, 400).astype(dtype), clustered(9, 60).astype(dtype)
    np.save(tmp_path / "base.npy", base)
    np.save(tmp_path / "queries.npy", queries)
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("base", "queries")]
    found = build_index(mapped[0], kind=kind, device="cpu").search(mapped[1], 3)
    assert (found.ids == naive_nearest(base.astype(np.float64), queries.astype(np.float64), 3)).all()


def test_a_bar_is_drawn_on_a_terminal_only(capsys):
    base = clustered(10, 100)
    build_index(base, kind="flat", device="cpu", progress=True).search(base, 1, progress=True)
    assert capsys.readouterr() == ("", "")


def test_tuning_does_not_ask_for_the_rows_that_learned_the_lists():
    """Lists fit the rows they were learned from; asked for just these, tuning would promise too much."""
    size, count = 5000, 500
    learned = np.random.default_rng(0).choice(size, count, replace=False)  # as build_faiss draws with seed 0
    asked = sample_rows(size, count, seed=0)
    expected = count * count / size
    assert abs(len(np.intersect1d(learned, asked)) - expected) < 4 * expected**0.5
    assert (np.diff(asked) > 0).all() and (asked == sample_rows(size, count, seed=0)).all()
