"""Matches that keep neighbours together: where embeddings cannot tell two entities, their neighbours can."""

import numpy as np
import pytest
import torch

import mmkg
from mmkg.errors import InputError, UsageError
from mmkg.matching import MATCHERS
from mmkg.matching.gromov_wasserstein import agreement, gromov_wasserstein, normalised
from mmkg.matching.sinkhorn import sinkhorn

PLAIN = {"csls_k": 0, "device": "cpu"}


def neighbours(edges, row):
    found = {b if a == row else a for a, b in edges if row in (a, b)} - {row}
    return found


def naive(edges, pairs, weights, left, right):  # the formula of the docstring, pair by pair
    likely = {pair: weight for pair, weight in zip(pairs, weights, strict=True) if weight >= 0.01}
    mine, theirs = neighbours(edges[0], left), neighbours(edges[1], right)

    def share(side, around, row):
        values = {each: len(neighbours(edges[side], each)) ** -0.25 for each in around}
        return values[row] / sum(value**2 for value in values.values()) ** 0.5

    return sum(share(0, mine, a) * likely.get((a, b), 0.0) * share(1, theirs, b) for a in mine for b in theirs)


def test_agreement_is_that_of_a_loop_over_neighbours(monkeypatch):
    monkeypatch.setattr("mmkg.matching.gromov_wasserstein.BLOCK_PAIRS", 7)
    draw = np.random.default_rng(0)
    edges = [draw.integers(9, size=(20, 2)), draw.integers(8, size=(15, 2))]
    places = np.sort(draw.choice(72, 40, replace=False))
    rows, cols, weights = places // 8, places % 8, draw.random(40) * (draw.random(40) < 0.7)
    found = agreement(*(normalised(each, size) for each, size in zip(edges, (9, 8), strict=True)), rows, cols, weights)
    pairs = list(zip(rows.tolist(), cols.tolist(), strict=True))
    expected = [naive([each.tolist() for each in edges], pairs, weights, *pair) for pair in pairs]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    assert found.max() > 0.1


def test_neighbours_that_all_match_agree_fully_and_none_not_at_all():
    edges = np.array([[0, 1], [0, 2], [1, 2], [3, 0], [3, 0], [1, 1]])
    order = np.array([2, 0, 3, 1])
    sides = normalised(edges, 4), normalised(order[edges], 4)
    np.testing.assert_allclose(agreement(*sides, np.arange(4), order, np.ones(4)), 1, rtol=1e-6)
    assert agreement(*sides, np.arange(4), order, np.zeros(4)).tolist() == [0] * 4
    assert normalised(edges, 5)[4].nnz == 0


@pytest.fixture
def alike():
    """Entities 4 and 5 have one vector, and 0 or 2 as neighbour; the others have their own. Right rows are shuffled."""
    left = np.eye(6, dtype=np.float32)
    left[5] = left[4]
    edges = np.array([[0, 4], [2, 5], [1, 3]])
    order = np.array([3, 0, 2, 1, 5, 4])  # right row of each left one
    right = np.empty_like(left)
    right[order] = left
    return left, right, (edges, order[edges]), order


def test_only_neighbours_tell_two_entities_with_one_vector(alike):
    left, right, edges, order = alike
    found = gromov_wasserstein(left, right, edges=edges, **PLAIN)
    assert dict(found.pairs.tolist()) == dict(enumerate(order.tolist()))
    assert len(set(map(tuple, sinkhorn(left, right, **PLAIN).pairs.tolist())) & {(4, 5), (5, 4)}) < 2
    back = gromov_wasserstein(right, left, edges=edges[::-1], **PLAIN)
    assert {(b, a) for a, b in back.pairs.tolist()} == set(map(tuple, found.pairs.tolist()))


def test_without_steps_or_weight_it_is_sinkhorn():
    draw = torch.Generator().manual_seed(0)
    left, right = (torch.randn(30, 5, generator=draw) for _ in range(2))
    edges = tuple(np.random.default_rng(side).integers(30, size=(60, 2)) for side in (0, 1))
    expected = sinkhorn(left, right, csls_k=3, device="cpu")
    other = gromov_wasserstein(left, right, edges=edges, csls_k=3, device="cpu")
    assert other.pairs.tolist() != expected.pairs.tolist()
    for settings in ({"steps": 0}, {"structure": 0.0}):
        found = gromov_wasserstein(left, right, edges=edges, csls_k=3, device="cpu", **settings)
        assert found.pairs.tolist() == expected.pairs.tolist() and found.score.tolist() == expected.score.tolist()


def test_missing_or_wrong_edges_are_errors(alike):
    left, right, edges, _ = alike
    with pytest.raises(UsageError, match="needs the edges of both graphs; take sinkhorn"):
        MATCHERS["gromov-wasserstein"](left, right, **PLAIN)
    with pytest.raises(InputError, match="edges between rows 0 to 5, got row 6"):
        gromov_wasserstein(left, right, edges=(np.array([[0, 6]]), edges[1]), **PLAIN)
    with pytest.raises(UsageError, match="structure"):
        gromov_wasserstein(left, right, edges=edges, structure=-1.0, **PLAIN)


def test_a_run_matches_by_its_own_triples():
    task = mmkg.twin_graphs(80, noise=0.4, image_dim=0, names=False, seed=4)
    result = mmkg.align(task, "propagation", modalities=("structure",), device="cpu")
    true = set(map(tuple, task.links.test.tolist()))
    right = {
        name: len(true & set(map(tuple, result.match(name).pairs.tolist())))
        for name in ("sinkhorn", "gromov-wasserstein")
    }
    assert right["gromov-wasserstein"] >= right["sinkhorn"] > 0
    edges = (task.left.triples[:, ::2], task.right.triples[:, ::2])
    direct = gromov_wasserstein(result.left, result.right, edges=edges, device="cpu")
    assert direct.pairs.tolist() == result.match("gromov-wasserstein").pairs.tolist()
