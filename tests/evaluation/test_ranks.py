import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmkg.errors import InputError, UsageError
from mmkg.evaluation import Ranks, both_directions, hits_at_k, mean_rank, mrr, score_ranks
from mmkg.evaluation.metrics import all_metrics
from mmkg.evaluation.ranks import ranks


def naive_mean_rank(scores, gold):
    """Mean of the first and the last place that sorting could give the right answer."""
    out = []
    for row, column in zip(scores.tolist(), gold, strict=True):
        first = 1 + sum(other > row[column] for other in row)
        last = sum(other >= row[column] for other in row)
        out.append((first + last) / 2)
    return out


def naive_csls(s, k):  # Conneau et al., Sec. 2.3, in double precision
    rows = np.sort(s, axis=1)[:, -min(k, s.shape[1]) :].mean(axis=1)
    cols = np.sort(s, axis=0)[-min(k, s.shape[0]) :].mean(axis=0)
    return 2 * s - rows[:, None] - cols[None, :]


def cosine(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    return (a / np.linalg.norm(a, axis=1, keepdims=True)) @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T


def normal(seed, n, d):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def test_ranks_worked_by_hand():
    candidates = np.array([[4.0], [3.0], [3.0], [1.0]])
    got = ranks(np.ones((4, 1)), candidates, np.array([0, 1, 2, 3]), normalise=False, device="cpu")
    assert got.better.tolist() == [0, 1, 1, 3] and got.equal.tolist() == [0, 1, 1, 0]
    assert got.mean.tolist() == [1, 2.5, 2.5, 4]


@pytest.mark.parametrize("n", [1, 2, 5, 16, 77])
@pytest.mark.parametrize("csls_k", [0, 3])
def test_a_model_with_constant_output_gets_the_middle_rank(n, csls_k):
    constant = normal(n, 1, 301).repeat(n, axis=0)
    queries = normal(n + 1, 9, 301)
    got = ranks(queries, constant, np.arange(9) % n, csls_k=csls_k, device="cpu")
    assert got.mean.tolist() == [(n + 1) / 2] * 9
    for direction in both_directions(constant, constant, csls_k=csls_k, device="cpu"):
        assert direction.mean.tolist() == [(n + 1) / 2] * n


def test_constant_scores_give_the_middle_rank():
    assert score_ranks(torch.zeros(3, 5), torch.tensor([0, 2, 4])).mean.tolist() == [3, 3, 3]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 25), st.integers(1, 40), st.integers(1, 3), st.integers(0, 4))
def test_ranks_of_tied_and_copied_vectors_equal_counting(seed, num_queries, num_candidates, dim, csls_k):
    rng = np.random.default_rng(seed)  # small whole numbers: products, and means of 1, 2 or 4, are exact
    queries = rng.integers(-1, 2, (num_queries, dim)).astype(np.float32)
    candidates = rng.integers(-1, 2, (num_candidates, dim)).astype(np.float32)
    gold = rng.integers(0, num_candidates, num_queries)
    k = min(csls_k, num_queries)
    csls_k = k if k in (0, 1, 2, 4) else 2
    got = ranks(queries, candidates, gold, csls_k=csls_k, normalise=False, device="cpu")
    scores = (queries @ candidates.T).astype(np.float64)
    if csls_k:
        scores = naive_csls(scores, csls_k)
        scores += np.sort(queries @ candidates.T, axis=1)[:, -csls_k:].mean(axis=1, keepdims=True)  # no row term
    assert got.mean.tolist() == naive_mean_rank(np.round(scores, 9), gold)
    assert score_ranks(np.round(scores, 9), gold).mean.tolist() == got.mean.tolist()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 9), st.integers(0, 5), st.sampled_from([1, 4000, None])
)
def test_ranks_equal_sorting_of_the_whole_matrix(seed, count, dim, csls_k, memory_bytes):
    left, right = normal(seed, count, dim + 1), normal(seed + 1, count, dim + 1)
    scores = cosine(left, right)
    scores = naive_csls(scores, csls_k) if csls_k else scores
    gaps = np.abs(scores - np.diag(scores)[:, None]) + np.eye(count), np.abs(scores - np.diag(scores)) + np.eye(count)
    there, back = both_directions(left, right, csls_k=csls_k, device="cpu", memory_bytes=memory_bytes)
    for got, matrix, gap in ((there, scores, gaps[0]), (back, scores.T, gaps[1].T)):
        clear = gap.min(axis=1) > 1e-5  # closer than float32 can tell apart: either order is right
        place = (np.argsort(-matrix, axis=1) == np.arange(count)[:, None]).argmax(axis=1) + 1
        assert (got.mean[clear] == place[clear]).all()


@pytest.mark.parametrize("csls_k", [0, 1, 3, 100])
def test_both_directions_equal_two_single_ones(csls_k):
    left, right = normal(0, 83, 11), normal(1, 83, 11)
    left[5], right[7], right[60] = left[6], right[8], right[8]  # ties
    there, back = both_directions(left, right, csls_k=csls_k, device="cpu", memory_bytes=6000)
    gold = np.arange(83)
    one, two = (
        ranks(left, right, gold, csls_k=csls_k, device="cpu"),
        ranks(right, left, gold, csls_k=csls_k, device="cpu"),
    )
    assert (there.better == one.better).all() and (there.equal == one.equal).all()
    assert (back.better == two.better).all() and (back.equal == two.equal).all()
    assert there.equal.sum() > 0 or csls_k == 1


@pytest.mark.parametrize("csls_k", [0, 2])
@pytest.mark.parametrize("memory_bytes", [1, 7000, None])
def test_rows_beyond_the_pairs_are_candidates_only(csls_k, memory_bytes):
    rng = np.random.default_rng(0)  # small whole numbers: many ties, and exact products
    left, right = rng.integers(-2, 3, (70, 3)).astype(np.float32), rng.integers(-2, 3, (53, 3)).astype(np.float32)
    scores = (left @ right.T).astype(np.float64)
    scores = naive_csls(scores, csls_k) if csls_k else scores
    there, back = both_directions(
        left, right, pairs=40, csls_k=csls_k, normalise=False, device="cpu", memory_bytes=memory_bytes
    )
    assert there.mean.tolist() == naive_mean_rank(scores[:40], np.arange(40))
    assert back.mean.tolist() == naive_mean_rank(scores.T[:40], np.arange(40))
    with pytest.raises(InputError, match="at most 53 pairs"):
        both_directions(left, right, pairs=54, device="cpu")


@pytest.mark.parametrize("csls_k", [0, 3])
def test_swapping_left_and_right_swaps_the_answer(csls_k):
    left, right = normal(2, 50, 6), normal(3, 50, 6)
    there, back = both_directions(left, right, csls_k=csls_k, device="cpu")
    back_too, there_too = both_directions(right, left, csls_k=csls_k, device="cpu")
    assert (there.mean == there_too.mean).all() and (back.mean == back_too.mean).all()
    assert (there.mean != back.mean).any()


def test_permuting_the_links_permutes_the_ranks():
    left, right = normal(4, 64, 5), normal(5, 64, 5)
    order = np.random.default_rng(0).permutation(64)
    there, back = both_directions(left, right, csls_k=3, device="cpu")
    there_too, back_too = both_directions(left[order], right[order], csls_k=3, device="cpu")
    assert (there.mean[order] == there_too.mean).all() and (back.mean[order] == back_too.mean).all()


def test_a_twin_at_any_noise_below_the_gap_ranks_first():
    left = np.eye(40, dtype=np.float32) + 0.01 * normal(6, 40, 40)
    for csls_k in (0, 3):
        for got in both_directions(left, np.eye(40), csls_k=csls_k, device="cpu"):
            assert got.mean.tolist() == [1] * 40


def test_the_better_candidate_is_the_one_with_the_larger_score():
    candidates = np.array([[1.0, 0.0], [0.9, 0.1], [-1.0, 0.0]])
    got = ranks(np.array([[1.0, 0.0]] * 3), candidates, np.arange(3), device="cpu")
    assert got.mean.tolist() == [1, 2, 3]


def test_given_column_means_are_used():
    queries, candidates = np.array([[1.0, 0.0]]), np.array([[1.0, 0.0], [0.8, 0.6]])
    got = ranks(queries, candidates, np.array([0]), csls_k=1, col_mean=np.array([1.5, 0.2], np.float32), device="cpu")
    assert got.mean.tolist() == [2]  # 2 - 1.5 < 1.6 - .2
    with pytest.raises(InputError, match="each of 2 candidates"):
        ranks(queries, candidates, np.array([0]), csls_k=1, col_mean=np.zeros(3, np.float32), device="cpu")


def test_input_is_left_alone():
    left, right = normal(7, 20, 4), normal(8, 20, 4)
    before = left.copy(), right.copy()
    both_directions(left, right, csls_k=3, device="cpu")
    ranks(left, right, np.arange(20), csls_k=3, normalise=False, device="cpu")
    tensors = torch.from_numpy(left), torch.from_numpy(right)
    both_directions(*tensors, csls_k=3, normalise=False, device="cpu")
    assert (left == before[0]).all() and (right == before[1]).all()


@pytest.mark.parametrize(
    "gold, message",
    [
        (np.array([0, 3]), r"must be in 0..2, got 0..3"),
        (np.array([-1, 0]), r"must be in 0..2, got -1..0"),
        (np.array([0]), "each of 2 queries"),
        (np.array([0.0, 1.0]), "each of 2 queries"),
        (np.array([[0], [1]]), "each of 2 queries"),
    ],
)
def test_gold_that_is_not_there_is_refused(gold, message):
    with pytest.raises(InputError, match=message):
        ranks(np.eye(3)[:2], np.eye(3), gold, device="cpu")
    with pytest.raises(InputError, match=message):
        score_ranks(np.zeros((2, 3)), gold)


def test_bad_vectors_are_refused():
    good = np.eye(3)
    for bad, message in ((good * np.nan, "finite"), (good[:, :2], "width"), (good[0], "shape"), (good[:0], "at least")):
        with pytest.raises(InputError, match=message):
            ranks(bad, good, np.zeros(len(bad), int), device="cpu")
        with pytest.raises(InputError, match="finite|width|shape|at least"):
            both_directions(good, bad, device="cpu")
    with pytest.raises(InputError, match="as many left as right"):
        both_directions(good, good[:2], device="cpu")
    with pytest.raises(UsageError, match="csls_k"):
        both_directions(good, good, csls_k=-1, device="cpu")
    with pytest.raises(InputError, match="NaN"):
        score_ranks(np.array([[np.nan]]), np.array([0]))


def test_metrics_worked_by_hand():
    got = Ranks(np.array([0, 0, 4, 11]), np.array([0, 1, 1, 0]))  # ranks 1, 1.5, 5.5, 12
    assert hits_at_k(got, 1) == 0.25 and hits_at_k(got, 5) == 0.5 and hits_at_k(got, 10) == 0.75
    assert mrr(got) == pytest.approx((1 + 1 / 1.5 + 1 / 5.5 + 1 / 12) / 4)
    assert mean_rank(got) == 5
    assert list(all_metrics(got)) == ["hits@1", "hits@5", "hits@10", "mrr", "mr"]


def test_metrics_refuse_nothing_and_bad_k():
    empty = Ranks(np.empty(0, np.int64), np.empty(0, np.int64))
    with pytest.raises(InputError, match="at least one"):
        mrr(empty)
    with pytest.raises(UsageError, match="hits@k"):
        hits_at_k(Ranks(np.zeros(1, np.int64), np.zeros(1, np.int64)), 0)


@pytest.mark.slow
def test_memory_stays_at_a_block_and_not_the_matrix():
    code = (
        "import resource, sys, torch; from mmkg.evaluation import both_directions;"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "left = torch.randn(12000, 16); both_directions(left[:500], left[:500], csls_k=3); before = peak();"
        "there, back = both_directions(left, left, csls_k=3, memory_bytes=8 << 20);"
        "print(there.mean.max(), back.mean.max(), peak() - before)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert out[:2] == ["1.0", "1.0"]
    per_kib = 1024 if sys.platform == "darwin" else 1
    assert int(out[2]) / per_kib < 200_000  # KiB; the whole matrix has 562,500
