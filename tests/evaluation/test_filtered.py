"""Entities with several counterparts: each link is ranked without the other right answers to its query."""

import numpy as np
import pytest
import torch

import mmkg
from mmkg.errors import InputError
from mmkg.evaluation import (
    Protocol,
    answers_to,
    choose_weights,
    counterpart_figures,
    evaluate,
    known_pairs,
    link_ranks,
    listed_ranks,
    matching_figures,
    other_answers,
    sampled_ranks,
    several_answers,
)
from mmkg.evaluation.reweigh import LinkScores

RNG = np.random.default_rng


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def drawn(seed, sizes=(18, 25), dim=4, number=30, copies=True):
    """Vectors of two sides with ties, and distinct links of which many share an end."""
    rng = RNG(seed)
    left, right = (unit(rng.standard_normal((size, dim))) for size in sizes)
    if copies:
        left[3], right[5], right[9] = left[2], right[4], right[8]
    pairs = np.unique(rng.integers(0, [sizes[0] - 3, sizes[1] - 4], (number, 2)), axis=0)
    return left, right, rng.permutation(pairs)


def naive(queries, base, ranked, known, query_pool, base_pool, k):
    """Rank by a loop: 1 + better + equal / 2 among the candidates that are no other right answer."""
    table = {(a, b): float(queries[a] @ base[b]) for a in query_pool for b in base_pool}
    mean = {b: np.sort([table[a, b] for a in query_pool])[-k:].mean() if k else 0.0 for b in base_pool}
    ranks = []
    for a, gold in ranked:
        score = {b: (2 * table[a, b] if k else table[a, b]) - mean[b] for b in base_pool}
        others = [score[b] - score[gold] for b in base_pool if b != gold and (a, b) not in known]
        equal = sum(abs(other) < 1e-6 for other in others)
        ranks.append(1 + sum(other >= 1e-6 for other in others) + equal / 2)
    return ranks


@pytest.mark.parametrize("candidates", ["test", "all"])
@pytest.mark.parametrize("k", [0, 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_way_to_rank_links_equals_the_loop(candidates, k, seed):
    left, right, links = drawn(seed)
    extra = drawn(seed + 10, copies=False)[2][:6]  # known from elsewhere
    pools = [
        sorted(set(links[:, side])) if candidates == "test" else range(len(x)) for side, x in ((0, left), (1, right))
    ]
    for known in (None, extra):
        true = {tuple(pair) for pair in [*links.tolist(), *([] if known is None else known.tolist())]}
        flipped = {pair[::-1] for pair in true}
        expected = (
            naive(left, right, links.tolist(), true, *pools, k),
            naive(right, left, links[:, ::-1].tolist(), flipped, *pools[::-1], k),
        )
        for memory_bytes in (None, 1):
            got = link_ranks(
                left,
                right,
                links,
                candidates=candidates,
                csls_k=k,
                device="cpu",
                known=known,
                memory_bytes=memory_bytes,
            )
            assert [each.mean.tolist() for each in got] == list(expected)
        few = RNG(0).permutation(len(links))[:7]
        got = sampled_ranks(left, right, links, links[few], candidates=candidates, csls_k=k, device="cpu", known=known)
        for ranks, whole in zip(got, expected, strict=True):
            assert ranks.mean.tolist() == [whole[place] for place in few]


@pytest.mark.parametrize("share", [0.2, 0.6, 1.0])
def test_lists_of_scores_are_filtered_as_the_loop_does(share):
    rng = RNG(4)
    _, _, gold = drawn(2)
    size = (18, 25)
    listed = np.argwhere(rng.random(size) < share)
    scores = rng.integers(0, 4, len(listed)).astype(np.float64)
    table = {tuple(pair): score for pair, score in zip(listed.tolist(), scores.tolist(), strict=True)}
    true = {tuple(pair) for pair in gold.tolist()}
    expected = []
    for row, own in gold.tolist():
        mine = table.get((row, own), -1.0)  # those not listed tie below all that are
        others = [table.get((row, col), -1.0) for col in range(size[1]) if col != own and (row, col) not in true]
        expected.append(1 + sum(other > mine for other in others) + sum(other == mine for other in others) / 2)
    others = other_answers(gold[:, 0], gold[:, 1], known_pairs(gold))
    got = listed_ranks(*listed.T, scores, gold, num_rows=size[0], num_candidates=size[1], others=others)
    assert got.mean.tolist() == expected


@pytest.mark.parametrize("k", [0, 3])
@pytest.mark.parametrize("several", [2, 3])
def test_perfect_vectors_are_perfect_with_several_counterparts(k, several):
    left = np.eye(8)
    right = np.repeat(left, several, axis=0)
    links = np.stack([np.repeat(np.arange(8), several), np.arange(8 * several)], axis=1)
    for pairs, sides in ((links, (left, right)), (links[:, ::-1].copy(), (right, left))):
        for candidates in ("test", "all"):
            figures = mmkg.evaluate(*sides, pairs, candidates=candidates, csls_k=k, device="cpu")
            for direction in figures.values():
                assert direction == {"hits@1": 1.0, "hits@5": 1.0, "hits@10": 1.0, "mrr": 1.0, "mr": 1.0}


def test_a_known_training_link_is_no_competitor():
    left, right = np.eye(2, 3), np.array([[1.0, 0, 0], [0.9, 0.1, 0], [0, 1, 0]])
    links = np.array([[0, 1], [1, 2]])
    plain = evaluate(left, right, links, candidates="all", csls_k=0, device="cpu")["left_to_right"]
    known = np.array([[0, 0]])
    filtered = evaluate(left, right, links, candidates="all", csls_k=0, device="cpu", known=known)["left_to_right"]
    assert (plain["hits@1"], filtered["hits@1"]) == (0.5, 1.0)


def test_one_to_one_links_keep_their_ranks_whatever_else_is_known():
    left, right, _ = drawn(5, copies=False)
    links = np.stack([RNG(1).permutation(18)[:10], RNG(2).permutation(25)[:10]], axis=1)
    rest = np.stack([np.setdiff1d(np.arange(18), links[:, 0]), np.setdiff1d(np.arange(25), links[:, 1])[:8]], axis=1)
    for candidates in ("test", "all"):
        a = link_ranks(left, right, links, candidates=candidates, device="cpu")
        b = link_ranks(left, right, links, candidates=candidates, device="cpu", known=rest)
        for one, other in zip(a, b, strict=True):
            assert (one.better == other.better).all() and (one.equal == other.equal).all()


def test_known_links_are_distinct_pairs_and_checked():
    a, b = np.array([[3, 1], [0, 2], [3, 1]]), np.array([[0, 0]], np.int32)
    assert known_pairs(a, None, b).tolist() == [[0, 0], [0, 2], [3, 1]]
    assert known_pairs(None).shape == known_pairs(np.empty((0, 2), np.int64)).shape == (0, 2)
    assert several_answers(known_pairs(a, b)) and not several_answers(known_pairs(a))
    assert several_answers(np.array([[0, 4], [1, 4]])) and not several_answers(np.empty((0, 2), np.int64))
    for wrong in (np.array([1, 2]), np.array([[0.0, 1.0]]), np.array([[0, -1]])):
        with pytest.raises(InputError, match="known links"):
            evaluate(np.eye(2), np.eye(2), np.array([[0, 0]]), known=wrong, device="cpu")


def test_nothing_to_rank_is_one_clear_error():
    none = np.empty((0, 2), np.int64)
    with pytest.raises(InputError, match="at least one link to rank"):
        sampled_ranks(np.eye(2), np.eye(2), np.array([[0, 0]]), none, device="cpu")
    one = np.array([[0, 0]])
    for links, ranked in ((none, one), (one, np.array([[1, 1]]))):
        with pytest.raises(InputError, match="every ranked link among the links"):
            sampled_ranks(np.eye(2), np.eye(2), links, ranked, device="cpu")
    for known in (np.array([[0, 2]]), np.array([[5, 0]])):
        for rank in (link_ranks, lambda left, right, links, **more: sampled_ranks(left, right, links, links, **more)):
            with pytest.raises(InputError, match=r"rows of known links must be in 0\.\.1"):
                rank(np.eye(2), np.eye(2), one, known=known, candidates="all", device="cpu")
    assert listed_ranks(*none.T, np.empty(0), none, num_rows=2, num_candidates=2).mean.tolist() == []


def test_weights_are_chosen_without_counting_other_right_answers():
    """Left 0 has the answers 0 and 1, which the part ``a`` finds; ``b`` puts 1 and then 2 before 0."""
    left = torch.eye(2, 3)
    a, b = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 1, 0]]), torch.tensor([[0.0, 0, 1], [1, 0, 0], [0.6, 0.8, 0]])
    links = np.array([[0, 0], [0, 1], [1, 2]])
    ways = [
        LinkScores(torch.from_numpy(links[:1]), links),
        LinkScores(torch.from_numpy(links[:1, ::-1].copy()), links[:, ::-1]),
    ]
    for name, part in (("a", a), ("b", b)):
        ways[0].add(name, left[:1], part)
        ways[1].add(name, part[:1], left)
    assert [way.reciprocal_ranks({"a": 1.0, "b": 0.0}).tolist() for way in ways] == [[1.0], [1.0]]
    assert ways[0].reciprocal_ranks({"a": 0.0, "b": 1.0}).tolist() == [0.5]  # 2 is before 0, and 1 does not count
    assert choose_weights({"a": left}, {"a": a}, links[:1], known=links) == {"a": 1.0}


def test_recall_counts_links_and_any_counterpart_is_right():
    links = np.array([[0, 0], [0, 1], [1, 2], [4, 5]])
    pairs = np.array([[0, 1], [1, 3], [2, 4]])
    found, right, present = answers_to(pairs, links, np.array([0, 1, 2, 3, 4]))
    assert found.tolist() == [True, True, True, False, False]
    assert right.tolist() == [True, False, False, False, False]
    assert present.tolist() == [True, True, False, False, True]
    first = answers_to(np.array([[0, 0]]), links, np.array([0]))[1]
    assert first.tolist() == [True]  # either of the two
    figures = counterpart_figures(found, right, present, links=np.array([2, 1, 0, 0, 1]))
    assert (figures["precision"], figures["recall"], figures["f1"]) == (1 / 3, 1 / 4, 2 / 7)
    assert matching_figures(pairs[:2], links)["recall"] == 1 / 4


def test_a_protocol_is_filtered_only_if_it_says_so():
    assert "filtered" not in Protocol().describe()
    assert "the other right answers to a query are no candidates" in Protocol(filtered=True).describe()
    assert "recall per link" in Protocol(filtered=True).describe()
