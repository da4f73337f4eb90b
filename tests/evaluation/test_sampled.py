import numpy as np
import pytest

from mmkg.errors import UsageError
from mmkg.evaluation import evaluate_sample, sampled_ranks
from mmkg.evaluation.listed import ranks_on_lists
from mmkg.evaluation.ranks import ranks
from mmkg.search import Neighbors
from mmkg.search.both_ways import nearest_both_ways


def pair(seed, sizes=(40, 50), dim=6, number=30):
    rng = np.random.default_rng(seed)
    left, right = (rng.standard_normal((size, dim)).astype(np.float32) for size in sizes)
    links = np.stack([rng.permutation(sizes[0])[:number], rng.permutation(sizes[1])[:number]], axis=1)
    right[links[:, 1]] = left[links[:, 0]] + 0.8 * rng.standard_normal((number, dim)).astype(np.float32)
    return left, right, links


def naive_ranks(queries, base, asked, query_pool, base_pool, k):
    """1 + rivals above; CSLS means over the candidates of the other side, straight off its definition."""
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries.astype(float), base.astype(float))]
    found = []
    for query, gold in asked.tolist():
        scores = {}
        for candidate in base_pool:
            score = float(unit[0][query] @ unit[1][candidate])
            if k:
                near = sorted((float(unit[0][other] @ unit[1][candidate]) for other in query_pool), reverse=True)[:k]
                score = 2 * score - sum(near) / k
            scores[candidate] = score
        found.append(1 + sum(score > scores[gold] for score in scores.values()))
    return found


@pytest.mark.parametrize("kind", ["auto", "exact"])
@pytest.mark.parametrize("candidates", ["test", "all"])
@pytest.mark.parametrize("k", [0, 3])
def test_each_link_is_ranked_among_the_candidates_of_all_links(candidates, k, kind):
    left, right, links = pair(1)
    asked = links[[3, 4, 17, 29]]
    pools = [sorted(links[:, side].tolist()) if candidates == "test" else range((40, 50)[side]) for side in (0, 1)]
    there, back = sampled_ranks(left, right, links, asked, candidates=candidates, csls_k=k, kind=kind)
    assert there.mean.tolist() == naive_ranks(left, right, asked, *pools, k)
    assert back.mean.tolist() == naive_ranks(right, left, asked[:, ::-1], *reversed(pools), k)


def test_the_metrics_are_those_of_the_ranks():
    left, right, links = pair(2)
    asked = links[:10]
    expected = naive_ranks(left, right, asked, range(40), range(50), 0)
    metrics = evaluate_sample(left, right, links, asked, candidates="all", csls_k=0)
    assert metrics["left_to_right"]["hits@1"] == np.mean([rank == 1 for rank in expected])
    assert metrics["left_to_right"]["mrr"] == pytest.approx(np.mean([1 / rank for rank in expected]))
    assert metrics["right_to_left"].keys() == metrics["left_to_right"].keys()


def test_an_entity_may_stand_in_several_links():
    left, right, links = pair(3)
    links = np.concatenate([links, [[links[0, 0], links[1, 1]]]])
    there, _ = sampled_ranks(left, right, links, links[[0, 30]], csls_k=0)
    pool = sorted(set(links[:, 1].tolist()))
    for row, own, other in ((0, 0, 1), (1, 1, 0)):  # each is ranked as if the other were no candidate
        candidates = [each for each in pool if each != links[other, 1]]
        expected = naive_ranks(left, right, np.array([[links[0, 0], links[own, 1]]]), None, candidates, 0)
        assert there.mean[row] == expected[0]


def test_unknown_candidates_are_refused():
    with pytest.raises(UsageError, match="unknown candidates 'tset'; did you mean 'test'"):
        evaluate_sample(*pair(0), pair(0)[2], candidates="tset")


def signs(seed, size, dim=4):
    """Rows of +1 and -1: their cosines are multiples of 1/4, many of them equal, and none is rounded."""
    return np.random.default_rng(seed).choice([-1.0, 1.0], (size, dim)).astype(np.float32)


@pytest.mark.parametrize("csls_k", [0, 4])
@pytest.mark.parametrize("k", [1, 4, 10, 80])
@pytest.mark.parametrize("make", [signs, lambda seed, size: np.random.default_rng(seed).normal(size=(size, 6))])
def test_lists_of_neighbours_give_the_same_ranks(make, k, csls_k, monkeypatch):
    left, right = make(1, 60), make(2, 80)
    draw = np.random.default_rng(3)
    links = np.unique(np.stack([draw.integers(0, 60, 90), draw.integers(0, 80, 90)], axis=1), axis=0)
    right[links[::2, 1]] = left[links[::2, 0]]  # the right answer is near in half of them
    expected = sampled_ranks(left, right, links, links, candidates="all", csls_k=csls_k, device="cpu")
    found = nearest_both_ways(left, right, k, csls_k=csls_k, device="cpu")
    counted = []

    def count(queries, *values, **options):
        counted.append(len(queries))
        return ranks(queries, *values, **options)

    monkeypatch.setattr("mmkg.evaluation.sampled.ranks", count)
    lists = (found.left, found.right)
    got = sampled_ranks(
        left, right, links, links, candidates="all", csls_k=csls_k, means=found.means, lists=lists, device="cpu"
    )
    assert got[0] == expected[0] and got[1] == expected[1]
    assert sum(counted) < 2 * len(links) or make is signs or k == 1  # one neighbour never tells whether it has equals
    assert k < 80 or not counted  # all candidates are listed


def test_only_what_lists_do_not_determine_is_scored():
    lists = Neighbors(np.array([[3, 1, 0], [2, 0, 4]]), np.array([[0.9, 0.9, 0.2], [0.5, 0.1, 0.1]], np.float32))
    queries, gold = np.array([0, 0, 0, 1, 1, 1]), np.array([1, 0, 4, 2, 4, 3])
    found, known = ranks_on_lists(lists, queries, gold, num_candidates=6)
    assert known.tolist() == [True, False, False, True, False, False]
    assert found.better[known].tolist() == [0, 0] and found.equal[known].tolist() == [1, 0]
    others = (np.array([0, 3]), np.array([3, 5]))  # 3 is right too where 1 is ranked; 5 is on no list
    found, known = ranks_on_lists(lists, queries, gold, num_candidates=6, others=others)
    assert found.equal[known].tolist() == [0, 0]
    found, known = ranks_on_lists(lists, queries, gold, num_candidates=3)  # the lists hold all
    assert known.tolist() == [True, True, False, True, True, False]


def test_a_right_answer_that_an_approximate_list_lacks_ranks_behind_the_list():
    left, right, links = pair(6)
    full = nearest_both_ways(left, right, 4, csls_k=3, device="cpu")
    ids, scores = full.left.ids.copy(), full.left.scores.copy()
    first = np.flatnonzero(ids[links[:, 0], 0] == links[:, 1])
    lost = links[first[:5], 0]
    ids[lost, :3], scores[lost, :3] = ids[lost, 1:], scores[lost, 1:]  # the search missed the nearest
    ids[lost, 3], scores[lost, 3] = -1, -np.inf
    lists = Neighbors(ids, scores), full.right
    options = {"candidates": "all", "means": full.means, "device": "cpu"}
    exact, _ = sampled_ranks(left, right, links, links, lists=(full.left, full.right), **options)
    trusted, _ = sampled_ranks(left, right, links, links, lists=lists, **options)
    found, _ = sampled_ranks(left, right, links, links, lists=lists, complete=False, **options)
    assert (exact.better[first] == 0).all() and (trusted.better == exact.better).all()
    assert (found.better[first[:5]] == 3).all()  # behind the three that the list has
    others = np.setdiff1d(np.arange(len(links)), first[:5])
    listed = (ids[links[others, 0]] == links[others, 1][:, None]).any(axis=1)
    assert (found.better[others[listed]] == exact.better[others[listed]]).all()
    assert (found.better[others[~listed]] == np.maximum(exact.better[others[~listed]], 4)).all()
