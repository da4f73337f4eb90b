import itertools

import numpy as np
import pytest
import torch

from mmkg.errors import InputError, UsageError
from mmkg.matching import MATCHERS, Matching
from mmkg.matching.hungarian import hungarian
from mmkg.search import INDEXES
from mmkg.search.both_ways import nearest_both_ways

NAMES = sorted(name for name, each in MATCHERS.items() if not each.edges)
KINDS = sorted(INDEXES)


def normal(seed, n, d):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def unit(rows):
    rows = rows.astype(np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def naive_scores(left, right, k):  # Conneau et al., Sec. 2.3
    s = unit(left) @ unit(right).T
    if k == 0:
        return s
    rows = np.sort(s, axis=1)[:, -min(k, s.shape[1]) :].mean(axis=1)
    cols = np.sort(s, axis=0)[-min(k, s.shape[0]) :].mean(axis=0)
    return 2 * s - rows[:, None] - cols[None, :]


def naive_greedy(scores):
    pairs = {}
    left, right = set(range(scores.shape[0])), set(range(scores.shape[1]))
    while left and right:
        i, j = max(itertools.product(left, right), key=lambda pair: scores[pair])
        pairs[i] = j
        left.remove(i)
        right.remove(j)
    return pairs


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("csls_k", [0, 3])
def test_every_item_is_matched_to_itself(name, kind, csls_k):
    base = normal(0, 60, 8)
    got = MATCHERS[name](base, base, k=5, csls_k=csls_k, kind=kind, device="cpu")
    assert got.pairs.tolist() == [[i, i] for i in range(60)]
    rounding = {"fp16": 1e-3, "sq8": 1e-2, "pq4": 1e-3}.get(kind, 1e-5)  # of kinds that keep rows in fewer bits
    np.testing.assert_allclose(got.score, np.diag(naive_scores(base, base, csls_k)), atol=rounding)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("csls_k", [0, 3])
def test_a_planted_permutation_is_found(name, csls_k):
    right = normal(1, 80, 16)
    order = np.random.default_rng(2).permutation(80)
    left = 3 * right[order] + 0.1 * normal(3, 80, 16)
    got = MATCHERS[name](left, right, k=5, csls_k=csls_k, device="cpu")
    assert got.left.tolist() == list(range(80)) and got.right.tolist() == order.tolist()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("csls_k", [0, 2])
def test_swapping_left_and_right_swaps_the_answer(name, csls_k):
    left, right = normal(4, 40, 5), normal(5, 55, 5)
    there = MATCHERS[name](left, right, k=4, csls_k=csls_k, device="cpu")
    back = MATCHERS[name](right, left, k=4, csls_k=csls_k, device="cpu")
    assert sorted(map(tuple, there.pairs.tolist())) == sorted((j, i) for i, j in back.pairs.tolist())
    assert len(there) > 5


@pytest.mark.parametrize("name", NAMES)
def test_permuting_the_rows_permutes_the_pairs(name):
    left, right = normal(6, 40, 5), normal(7, 40, 5)
    a, b = np.random.default_rng(0).permutation(40), np.random.default_rng(1).permutation(40)
    plain = MATCHERS[name](left, right, k=40, device="cpu")
    shuffled = MATCHERS[name](left[a], right[b], k=40, device="cpu")
    assert {(a[i], b[j]) for i, j in shuffled.pairs} == {tuple(pair) for pair in plain.pairs.tolist()}


@pytest.mark.parametrize("csls_k", [0, 3])
def test_greedy_over_all_candidates_equals_the_naive_loop(csls_k):
    left, right = normal(8, 17, 4), normal(9, 12, 4)
    scores = naive_scores(left, right, csls_k)
    got = MATCHERS["greedy"](left, right, k=17, csls_k=csls_k, device="cpu")
    assert dict(got.pairs.tolist()) == naive_greedy(scores)
    np.testing.assert_allclose(got.score, scores[got.left, got.right], atol=1e-5)


@pytest.mark.parametrize("csls_k", [0, 3])
def test_mutual_pairs_are_each_others_best(csls_k):
    left, right = normal(10, 50, 4), normal(11, 45, 4)
    scores = naive_scores(left, right, csls_k)
    wanted = [(i, j) for i in range(50) for j in range(45) if scores[i].argmax() == j and scores[:, j].argmax() == i]
    got = MATCHERS["mutual"](left, right, csls_k=csls_k, device="cpu")
    assert [tuple(pair) for pair in got.pairs.tolist()] == wanted and 0 < len(wanted) < 45


@pytest.mark.parametrize("n1, n2", [(1, 1), (2, 5), (4, 4), (6, 4), (6, 6)])
@pytest.mark.parametrize("csls_k", [0, 2])
def test_hungarian_has_the_largest_total_of_all_matchings(n1, n2, csls_k):
    left, right = normal(12 + n1, n1, 3), normal(20 + n2, n2, 3)
    scores = naive_scores(left, right, csls_k)
    if n1 <= n2:
        best = max(sum(scores[i, p[i]] for i in range(n1)) for p in itertools.permutations(range(n2), n1))
    else:
        best = max(sum(scores[p[j], j] for j in range(n2)) for p in itertools.permutations(range(n1), n2))
    got = MATCHERS["hungarian"](left, right, csls_k=csls_k, device="cpu")
    assert len(got) == min(n1, n2)
    assert float(got.score.sum()) == pytest.approx(best, abs=1e-4)


def test_hungarian_gives_up_a_best_pair_for_a_better_whole():
    right = np.array([[1.0, 0.0], [0.6, 0.8]])
    left = np.array([[0.9, 0.436], [1.0, -0.1]])  # greedy takes (1, 0), .995, and leaves (0, 1)
    right_of = {name: MATCHERS[name](left, right, csls_k=0, device="cpu").right.tolist() for name in NAMES}
    assert right_of["hungarian"] == [1, 0] and right_of["greedy"] == [1, 0]
    left = np.array([[1.0, 0.0], [0.8, -0.6]])  # cosines: [1 .6], [.8 0]: 1 + 0 < .6 + .8
    right_of = {name: MATCHERS[name](left, right, csls_k=0, device="cpu").right.tolist() for name in NAMES}
    assert right_of == {"hungarian": [1, 0], "greedy": [0, 1], "mutual": [0], "sinkhorn": [1, 0]}


@pytest.mark.parametrize("n1, n2, k", [(4, 4, 1), (5, 6, 1), (6, 4, 2), (6, 6, 3)])
@pytest.mark.parametrize("csls_k", [0, 2])
def test_hungarian_on_candidates_has_the_largest_total_above_the_lowest_score(n1, n2, k, csls_k):
    left, right = normal(40 + n1, n1, 3), normal(50 + n2, n2, 3)
    scores = naive_scores(left, right, csls_k)
    listed = np.zeros((n1, n2), dtype=bool)
    np.put_along_axis(listed, np.argsort(-scores, axis=1)[:, :k], True, axis=1)
    np.put_along_axis(listed, np.argsort(-scores, axis=0)[:k], True, axis=0)
    gain = np.where(listed, scores - (-4 if csls_k else -1), 0)  # a pair that is not listed brings nothing
    wide = np.pad(gain, ((0, 0), (0, n1)))
    best = max(sum(wide[i, p[i]] for i in range(n1)) for p in itertools.permutations(range(n2 + min(n1, 2)), n1))
    got = MATCHERS["hungarian"](left, right, k=k, csls_k=csls_k, device="cpu")
    assert listed[got.left, got.right].all()
    assert float(gain[got.left, got.right].sum()) == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_above_the_flat_limit_means_and_neighbours_come_from_the_index(name, monkeypatch):
    monkeypatch.setattr("mmkg.search.index.LARGEST_FLAT", 100)
    right = normal(60, 700, 12)
    left = right + 0.05 * normal(61, 700, 12)
    got = MATCHERS[name](left, right, k=5, kind="auto", device="cpu")
    assert (got.left == got.right).all() and len(got) == 700
    exact = MATCHERS[name](left, right, k=5, kind="exact", device="cpu")
    np.testing.assert_allclose(got.score, exact.score, atol=1e-5)  # few queries: all lists are read


@pytest.mark.parametrize("name", NAMES)
def test_equal_rows_are_matched_one_to_one_in_row_order(name):
    same = np.ones((5, 3), dtype=np.float32)
    got = MATCHERS[name](same, same, k=5, csls_k=0, device="cpu")
    wanted = [[0, 0]] if name in ("mutual", "sinkhorn") else [[i, i] for i in range(5)]
    if name == "hungarian":
        assert sorted(got.right.tolist()) == list(range(5))
    else:
        assert got.pairs.tolist() == wanted
    again = MATCHERS[name](same, same, k=5, csls_k=0, device="cpu")
    assert (got.pairs == again.pairs).all()


@pytest.mark.parametrize("name", NAMES)
def test_input_is_left_alone_and_may_be_a_tensor(name):
    left, right = normal(30, 20, 4), normal(31, 20, 4)
    before = left.copy(), right.copy()
    got = MATCHERS[name](left, right, device="cpu")
    assert (left == before[0]).all() and (right == before[1]).all()
    again = MATCHERS[name](torch.from_numpy(left), torch.from_numpy(right).double(), device="cpu")
    assert (got.pairs == again.pairs).all() and (got.score == again.score).all()


@pytest.mark.parametrize("name", NAMES)
def test_bad_input_is_refused(name):
    good = np.eye(3, dtype=np.float32)
    match = MATCHERS[name]
    for bad, message in ((good * np.nan, "finite"), (good[:, :2], "width 3"), (good[0], "shape"), (good[:0], "least")):
        with pytest.raises(InputError, match=f"right vectors must.*{message}"):
            match(good, bad, device="cpu")
    with pytest.raises(UsageError, match="k must be"):
        match(good, good, k=0, device="cpu")
    with pytest.raises(UsageError, match="csls_k must be"):
        match(good, good, csls_k=-1, device="cpu")


def test_hungarian_refuses_a_matrix_beyond_its_memory():
    with pytest.raises(UsageError, match="'greedy' or 'mutual'"):
        hungarian(normal(0, 100, 2), normal(1, 100, 2), memory_bytes=79_999, device="cpu")
    assert len(hungarian(normal(0, 100, 2), normal(1, 100, 2), memory_bytes=80_000, device="cpu")) == 100


def test_a_matching_refuses_what_is_not_one_to_one():
    rows, scores = np.array([0, 2]), np.zeros(2, np.float32)
    assert Matching(rows, np.array([5, 1]), scores).pairs.tolist() == [[0, 5], [2, 1]]
    for left, right in (([0, 0], [1, 2]), ([2, 0], [1, 2]), ([0, 2], [1, 1])):
        with pytest.raises(ValueError, match="unique"):
            Matching(np.array(left), np.array(right), scores)
    with pytest.raises(ValueError, match="one length"):
        Matching(rows, np.array([1]), scores)
    with pytest.raises(ValueError, match="float32"):
        Matching(rows, rows, scores.astype(np.float64))


def test_a_matching_can_be_thinned_by_confidence():
    whole = Matching(np.array([0, 2]), np.array([5, 1]), np.array([0.1, 0.9], np.float32))
    sure = whole.with_confidence(np.array([0.2, 0.8]))
    kept = sure.keep(sure.confidence > 0.5)
    assert kept.pairs.tolist() == [[2, 1]] and kept.confidence.tolist() == [np.float32(0.8)]
    assert whole.confidence is None and len(whole.keep(np.array([False, False]))) == 0


@pytest.mark.parametrize("name", NAMES)
def test_given_means_take_the_place_of_those_of_csls(name):
    left, right = normal(7, 12, 5), normal(8, 14, 5)
    cosine = unit(left) @ unit(right).T
    means = (
        np.sort(cosine, axis=1)[:, -3:].mean(axis=1).astype(np.float32),
        np.sort(cosine, axis=0)[-3:].mean(axis=0).astype(np.float32),
    )
    given, found = (MATCHERS[name](left, right, k=14, csls_k=3, means=some) for some in (means, None))
    assert np.array_equal(given.pairs, found.pairs) and given.score == pytest.approx(found.score, abs=1e-5)
    shifted = MATCHERS[name](left, right, k=14, csls_k=3, means=(means[0] + 1, means[1] + 2))
    assert np.array_equal(shifted.pairs, found.pairs) and shifted.score == pytest.approx(found.score - 3, abs=1e-5)
    with pytest.raises(InputError, match="expected means of 12 left and 14 right rows"):
        MATCHERS[name](left, right, csls_k=3, means=means[::-1])


@pytest.mark.parametrize("name", NAMES)
def test_neighbours_that_are_known_are_not_searched(name, monkeypatch):
    left, right = normal(70, 50, 6), normal(71, 40, 6)
    found = nearest_both_ways(left, right, 5, csls_k=3, device="cpu")
    expected = MATCHERS[name](left, right, k=5, device="cpu")
    longer = MATCHERS[name](left, right, k=8, device="cpu", lists=(found.left, found.right), means=found.means)
    assert longer.pairs.tolist() == MATCHERS[name](left, right, k=8, device="cpu").pairs.tolist()
    with pytest.raises(InputError, match="neighbours of 50 left and 40 right rows, got those of 40 and 50"):
        MATCHERS[name](left, right, k=5, device="cpu", lists=(found.right, found.left))
    monkeypatch.setattr("mmkg.matching.candidates.build_index", None)
    monkeypatch.setattr("mmkg.search.both_ways.both_ways_of_rows", None)
    got = MATCHERS[name](left, right, k=5, device="cpu", lists=(found.left, found.right), means=found.means)
    assert (got.pairs == expected.pairs).all() and (got.score == expected.score).all()
