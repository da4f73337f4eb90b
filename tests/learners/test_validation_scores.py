"""Weights of parts are judged from scores of single parts as from the weighted concatenation itself."""

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmkg.config.search import SearchConfig
from mmkg.evaluation.reweigh import GRID, LinkScores, best_weights
from mmkg.learners.setting import concatenated
from mmkg.learners.validation import ValidationScores, judge_of, weights_of
from mmkg.sources.synthetic import twin_graphs

CPU = torch.device("cpu")


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def task():
    return twin_graphs(300, train_ratio=0.6, valid_ratio=0.5, seed=1)


@pytest.fixture(scope="module")
def parts(task):
    """Two weak parts, which some entities lack, and one of noise."""
    sides = ({}, {})
    matched = torch.from_numpy(task.links.all())
    for number, (name, noise) in enumerate((("a", 0.8), ("b", 1.2), ("noise", 50.0))):
        left, right = drawn(number, task.left.num_entities, 12), drawn(10 + number, task.right.num_entities, 12)
        right[matched[:, 1]] = left[matched[:, 0]] + noise * right[matched[:, 1]]
        left[number::7], right[3 + number :: 5] = 0, 0
        sides[0][name], sides[1][name] = F.normalize(left, dim=1), F.normalize(right, dim=1)
    return sides


@pytest.mark.parametrize("config", [SearchConfig(), SearchConfig(valid_queries=30, valid_candidates=60)])
def test_scores_of_parts_judge_as_the_concatenation_does(task, parts, config, monkeypatch):
    scores = ValidationScores(task, config, seed=3)
    scores.add("a", parts[0]["noise"], parts[1]["noise"])  # is replaced
    for name in parts[0]:
        scores.add(name, parts[0][name], parts[1][name])
    judge = judge_of(task, config, seed=3, device=CPU)
    for weights in ({"a": 1.0, "b": 0.5, "noise": 0.3}, {"a": 0.2, "b": 0.0, "noise": 1.0}):
        joined = [concatenated({name: (weights[name], side[name]) for name in side}) for side in parts]
        assert float(scores.ranks(weights).mean()) == pytest.approx(judge(*joined), abs=1e-6)
    assert float(scores.ranks({"b": 2.0}).mean()) == pytest.approx(judge(parts[0]["b"], parts[1]["b"]), abs=1e-6)
    even = dict.fromkeys(parts[0], 1.0)
    chosen = scores.weights(even)
    if config == SearchConfig():  # fewer candidates than that are all that is scored
        monkeypatch.setattr("mmkg.evaluation.reweigh.best_weights", partial(best_weights, grid=GRID[1:]))
        assert chosen == weights_of(task, config, *parts, start=even, seed=3)
    assert 0 < chosen["noise"] <= 0.5 and scores.ranks(chosen).mean() >= scores.ranks(even).mean()


def test_weights_are_chosen_among_a_sample_of_the_candidates(task, parts, monkeypatch):
    monkeypatch.setattr("mmkg.learners.validation.MOST_WEIGHED", 70)
    scores = ValidationScores(task, SearchConfig(valid_queries=25), seed=0)
    for name in parts[0]:
        scores.add(name, parts[0][name], parts[1][name])
    assert [len(few) for few in scores.few] == [70, 70]
    even = dict.fromkeys(parts[0], 1.0)
    monkeypatch.setattr("mmkg.evaluation.reweigh.best_weights", partial(best_weights, grid=GRID[1:]))
    assert scores.weights(even) == weights_of(task, SearchConfig(valid_queries=25), *parts, start=even, seed=0)


def test_parts_that_are_kept_are_judged_as_before(task, parts):
    scores = ValidationScores(task, SearchConfig(), seed=3)
    for name in parts[0]:
        scores.add(name, parts[0][name], parts[1][name])
    before = scores.ranks({"a": 1.0})
    scores.keep("a")
    assert torch.equal(scores.ranks({"a": 1.0}), before)
    with pytest.raises(KeyError):
        scores.ranks({"a": 1.0, "b": 0.5})


def test_every_weight_gives_the_ranks_of_a_loop_over_links_and_candidates():
    left, right = [{"a": drawn(side, 9, 4), "b": drawn(5 + side, 9, 3)} for side in (0, 1)]
    for side in (left, right):
        side["a"][2] = 0
    links = np.array([[0, 3], [4, 4], [8, 1], [5, 5]])
    known = np.array([[4, 7], [4, 4], [8, 0], [1, 1]])
    scores = LinkScores(torch.from_numpy(links), known)
    for name in left:
        scores.add(name, left[name][links[:, 0]], right[name])
    weights, values = {"a": 0.7, "b": 0.4}, (0.2, 0.8)
    found = scores.tried(weights, "b", values)
    few = scores.among(np.array([1, 3, 4, 5, 7])).tried(weights, "b", values)
    for row, value in enumerate(values):
        for place, (query, gold) in enumerate(links):
            for ranks, pool in ((found, range(9)), (few, (1, 3, 4, 5, 7))):
                cosines = {}
                for each in pool:
                    squares = {"a": 0.49, "b": value**2}
                    total = sum(squares[name] * float(left[name][query] @ right[name][each]) for name in squares)
                    length = sum(squares[name] * float(right[name][each].square().sum()) for name in squares) ** 0.5
                    cosines[each] = total / length
                others = {answer for other, answer in known if other == query} - {gold}
                rank = 1 + sum(cosines[each] > cosines[gold] for each in pool if each not in others and each != gold)
                assert float(ranks[row, place]) == pytest.approx(1 / rank)


def test_parts_are_concatenated_by_weight_in_the_type_of_the_run():
    parts = {"a": (0.5, torch.tensor([[3.0, 4.0], [0, 0]])), "b": (2.0, torch.tensor([[1.0], [7.0]]))}
    joint = concatenated(parts)
    torch.testing.assert_close(joint, F.normalize(torch.tensor([[1.5, 2, 2], [0, 0, 1]]), dim=1))
    unit = concatenated(parts, store="float16", unit=True)
    assert unit.dtype == torch.float16
    expected = F.normalize(torch.tensor([[0.3, 0.4, 2], [0, 0, 1]]), dim=1)
    torch.testing.assert_close(unit.float(), expected, atol=1e-3, rtol=0)
