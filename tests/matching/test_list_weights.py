"""Weights of scores by which given matches are most probable among the candidates of their entities."""

import numpy as np
import pytest

from mmkg.errors import InputError
from mmkg.matching import list_weights as module
from mmkg.matching.list_weights import list_weights


def naive(scores, rows, cols, matches, weights):  # the formula of the docstring, list by list
    total = 0.0
    for match in matches:
        for owners in (rows, cols):
            listed = [np.exp(scores[pair] @ weights) for pair in range(len(rows)) if owners[pair] == owners[match]]
            total += np.log(np.exp(scores[match] @ weights) / sum(listed))
    return total


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.setattr(module, "RIDGE", 0.0)


@pytest.mark.usefixtures("plain")
def test_the_odds_of_a_score_are_those_of_its_matches_by_hand():
    # four left rows with two candidates of scores 1 and 0 each, no right row in two lists; three match the 1
    rows, cols = np.repeat(np.arange(4), 2), np.arange(8)
    scores = np.tile([1.0, 0.0], 4)[:, None]
    assert list_weights(scores, rows, cols, np.array([0, 2, 4, 7])) == pytest.approx([np.log(3)], rel=1e-4)


@pytest.mark.usefixtures("plain")
def test_no_other_weights_make_the_matches_more_probable():
    draw = np.random.default_rng(0)
    rows, cols = (each.ravel() for each in np.meshgrid(np.arange(12), np.arange(12), indexing="ij"))
    scores = draw.standard_normal((144, 3)) + 0.8 * (rows == cols)[:, None]
    matches = np.flatnonzero((rows == cols) & (rows != 3))
    found = list_weights(scores, rows, cols, matches)
    best = naive(scores, rows, cols, matches, found)
    for _ in range(50):
        other = np.maximum(found + 0.1 * draw.standard_normal(3), 0)
        assert naive(scores, rows, cols, matches, other) <= best + 1e-4
    assert list_weights(scores, rows, cols, matches, start=found) == pytest.approx(found, rel=1e-3)
    assert list_weights(scores, cols, rows, matches) == pytest.approx(found, rel=1e-3)


def test_matches_that_are_all_best_have_the_weight_that_the_penalty_allows():
    """Scores 1 and 0, the match is 1; the deviation is 1/2, so that w = 2 v with 2 / (1 + e^2v) = 2 * 2 * .001 v."""
    found = list_weights(np.array([[1.0], [0.0]]), np.zeros(2, int), np.arange(2), np.array([0]))
    low, high = 0.0, 100.0  # v by bisection: the left side falls, the right one rises
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if 2 / (1 + np.exp(2 * middle)) > 2 * 2 * 1e-3 * middle else (low, middle)
    assert found == pytest.approx([2 * low], rel=1e-3)


def test_a_score_that_says_nothing_or_speaks_against_the_matches_has_no_weight():
    draw = np.random.default_rng(1)
    rows, cols = (each.ravel() for each in np.meshgrid(np.arange(40), np.arange(40), indexing="ij"))
    right = (rows == cols).astype(float)
    scores = np.stack([right + draw.standard_normal(1600), np.ones(1600), -right + draw.standard_normal(1600)], axis=1)
    before = scores.copy()
    useful, constant, against = list_weights(scores, rows, cols, np.flatnonzero(rows == cols))
    assert useful > 0.5 and constant == against == 0
    np.testing.assert_array_equal(scores, before)


def test_a_sample_of_lists_gives_about_the_same_weights(monkeypatch):
    draw = np.random.default_rng(2)
    rows, cols = (each.ravel() for each in np.meshgrid(np.arange(150), np.arange(150), indexing="ij"))
    scores = draw.standard_normal((len(rows), 2)) + np.array([2.0, 1.0]) * (rows == cols)[:, None]
    matches = np.flatnonzero(rows == cols)
    every = list_weights(scores, rows, cols, matches)
    monkeypatch.setattr(module, "MOST_LISTS", 100)
    assert list_weights(scores, rows, cols, matches) == pytest.approx(every, rel=0.25)


def test_no_match_is_an_error():
    with pytest.raises(InputError, match="expected a match"):
        list_weights(np.ones((2, 1)), np.arange(2), np.arange(2), np.empty(0, np.int64))
