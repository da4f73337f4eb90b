import json

import numpy as np
import pytest

from mmkg.errors import InputError, UsageError
from mmkg.evaluation import Protocol, evaluate, link_ranks


def unit(seed, n, d):
    rows = np.random.default_rng(seed).normal(size=(n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def naive_ranks(left, right, links, left_pool, right_pool, k):
    """Ranks from left to right over the whole matrix of the pools."""
    pooled = left[left_pool] @ right[right_pool].T
    out = []
    for a, b in links:
        scores = left[a] @ right[right_pool].T
        if k:
            scores = 2 * scores - np.sort(pooled, axis=0)[-k:].mean(axis=0)
        own = scores[list(right_pool).index(b)]
        out.append(1 + int((scores > own).sum()))
    return out


@pytest.mark.parametrize("csls_k", [0, 3])
@pytest.mark.parametrize("candidates", ["test", "all"])
def test_link_ranks_equal_the_naive_protocol(candidates, csls_k):
    left, right = unit(0, 30, 5), unit(1, 40, 5)
    links = np.stack([np.random.default_rng(2).permutation(30)[:12], np.random.default_rng(3).permutation(40)[:12]], 1)
    pools = (links[:, 0], links[:, 1]) if candidates == "test" else (np.arange(30), np.arange(40))
    there, back = link_ranks(left, right, links, candidates=candidates, csls_k=csls_k, device="cpu")
    assert there.mean.tolist() == naive_ranks(left, right, links, *pools, csls_k)
    assert back.mean.tolist() == naive_ranks(right, left, links[:, ::-1], *pools[::-1], csls_k)


@pytest.mark.parametrize("memory_bytes", [1, 3000])
@pytest.mark.parametrize("links", ["one to one", "many to many"])
def test_the_memory_for_scores_does_not_change_a_rank(links, memory_bytes):
    left, right = unit(8, 60, 4), unit(9, 70, 4)
    left[7], right[9], right[50] = left[8], right[10], right[10]  # ties
    rng = np.random.default_rng(1)
    pairs = np.stack([rng.permutation(60)[:30], rng.permutation(70)[:30]], 1)
    pairs = pairs if links == "one to one" else np.concatenate([pairs, pairs[:5, :1] + np.array([[0, 0]])])
    for candidates in ("test", "all"):
        wanted = link_ranks(left, right, pairs, candidates=candidates, device="cpu")
        got = link_ranks(left, right, pairs, candidates=candidates, device="cpu", memory_bytes=memory_bytes)
        for a, b in zip(wanted, got, strict=True):
            assert (a.better == b.better).all() and (a.equal == b.equal).all()


def test_metrics_of_known_ranks():
    right = np.eye(4)
    left = np.array([[1, 0.2, 0, 0], [1, 0.9, 0, 0], [0, 0, 1, 0.3], [0.1, 0, 0, 1]])
    got = evaluate(left, right, np.stack([np.arange(4)] * 2, 1), csls_k=0, device="cpu")
    assert got["left_to_right"] == {"hits@1": 0.75, "hits@5": 1.0, "hits@10": 1.0, "mrr": 0.875, "mr": 1.25}
    assert got["right_to_left"]["hits@1"] == 1.0


def test_all_candidates_are_harder_than_those_of_the_links():
    right = np.eye(4)
    left = np.array([[0.5, 1, 0, 0], [0, 0, 1, 0]])
    links = np.array([[0, 0], [1, 2]])  # right row 1 is nobody's answer, and nearest to left row 0
    easy = evaluate(left, right, links, csls_k=0, device="cpu")["left_to_right"]["hits@1"]
    hard = evaluate(left, right, links, candidates="all", csls_k=0, device="cpu")["left_to_right"]["hits@1"]
    assert (easy, hard) == (1.0, 0.5)


def test_the_order_of_the_links_changes_nothing():
    left, right = unit(4, 20, 3), unit(5, 20, 3)
    links = np.stack([np.random.default_rng(0).permutation(20), np.random.default_rng(1).permutation(20)], 1)
    shuffled = links[np.random.default_rng(2).permutation(20)]
    a, b = evaluate(left, right, links, device="cpu"), evaluate(left, right, shuffled, device="cpu")
    for direction in a:
        assert a[direction] == pytest.approx(b[direction])


def test_an_entity_in_two_links_is_ranked_for_each():
    left, right = np.array([[1.0, 0.1]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    there, back = link_ranks(left, right, np.array([[0, 0], [0, 1]]), csls_k=0, device="cpu")
    assert there.mean.tolist() == [1, 1] and back.mean.tolist() == [1, 1]


def test_swapping_the_graphs_swaps_the_directions():
    left, right, links = unit(6, 25, 4), unit(7, 35, 4), np.stack([np.arange(25), np.arange(25) + 5], 1)
    for candidates in ("test", "all"):
        a = evaluate(left, right, links, candidates=candidates, device="cpu")
        b = evaluate(right, left, links[:, ::-1].copy(), candidates=candidates, device="cpu")
        assert a["left_to_right"] == b["right_to_left"] and a["right_to_left"] == b["left_to_right"]
        assert a["left_to_right"] != a["right_to_left"]


@pytest.mark.parametrize(
    "links, message",
    [
        (np.array([[0, 3]]), "right rows of links must be in 0..2"),
        (np.array([[-1, 0]]), "left rows of links must be in 0..2"),
        (np.empty((0, 2), np.int64), "at least one link"),
        (np.array([0, 1]), "at least one link"),
        (np.array([[0.0, 1.0]]), "at least one link"),
    ],
)
def test_bad_links_are_refused(links, message):
    with pytest.raises(InputError, match=message):
        evaluate(np.eye(3), np.eye(3), links, device="cpu")


def test_other_bad_input_is_refused():
    links = np.array([[0, 0], [1, 1]])
    with pytest.raises(UsageError, match="did you mean 'test'"):
        evaluate(np.eye(3), np.eye(3), links, candidates="tests", device="cpu")
    with pytest.raises(InputError, match="right embeddings must have width 3"):
        evaluate(np.eye(3), np.eye(4), links, device="cpu")
    with pytest.raises(InputError, match="left embeddings must be finite"):
        evaluate(np.eye(3) * np.nan, np.eye(3), links, device="cpu")


def test_a_protocol_says_what_was_done():
    protocol = Protocol(
        modalities=("structure", "name"), surface_names=True, num_train=3, num_valid=1, num_test=6, seed=7
    )
    text = protocol.describe()
    for part in ("test links", "CSLS k=3", "structure, name", "not iterative", "with names", "validation", "3 train"):
        assert part in text
    assert "TEST" in Protocol(selection="test").describe() and "no CSLS" in Protocol(csls_k=0).describe()
    assert "\n" not in text and "all entities" in Protocol(candidates="all").describe()
    values = json.loads(json.dumps(protocol.as_dict()))
    assert values["modalities"] == ["structure", "name"] and values["directions"] == ["left_to_right", "right_to_left"]
    assert values["seed"] == 7 and values["num_test"] == 6


def test_a_protocol_refuses_words_nobody_knows():
    with pytest.raises(UsageError, match="did you mean 'validation'"):
        Protocol(selection="valid")
    with pytest.raises(UsageError, match="unknown candidates 'none'"):
        Protocol(candidates="none")
    with pytest.raises(UsageError, match="csls_k"):
        Protocol(csls_k=-1)
