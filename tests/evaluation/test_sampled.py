import numpy as np
import pytest

from mmkg.errors import UsageError
from mmkg.evaluation import evaluate_sample, sampled_ranks


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
