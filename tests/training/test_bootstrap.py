from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmkg.errors import UsageError
from mmkg.training.bootstrap import BootstrapConfig, bootstrap, least_score, precision_on, propose


def nearest(left, right):
    """Every left row with its most similar right row, scored by the inner product."""
    scores, best = (left @ right.t()).max(dim=1)
    return SimpleNamespace(left=np.arange(len(left)), right=best.numpy(), score=scores.numpy())


def test_entities_of_known_links_are_neither_proposed_nor_shown_to_the_matcher():
    vectors = torch.eye(5)
    known = np.array([[1, 3]])
    found = propose(vectors, vectors, known=known, match=nearest)
    assert 1 not in found[:, 0] and 3 not in found[:, 1]
    assert {(0, 0), (2, 2), (4, 4)} <= set(map(tuple, found.tolist()))


def test_pairs_below_the_least_score_are_left_out():
    left = torch.diag(torch.tensor([0.9, 0.2, 0.5]))
    found = propose(left, torch.eye(3), known=np.empty((0, 2), np.int64), match=nearest, min_score=0.5)
    assert found.tolist() == [[0, 0], [2, 2]]


def test_the_least_score_is_the_lowest_at_which_held_out_pairs_are_right_often_enough():
    links = np.array([[0, 0], [1, 1], [2, 2], [3, 3]])
    pairs = np.array([[0, 0], [1, 1], [9, 9], [2, 7], [3, 3]])  # right, right, not about them, wrong, right
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    assert least_score(pairs, scores, links, 1.0) == 0.8
    assert least_score(pairs, scores, links, 0.75) == 0.5  # three of four; from 0.6 on it were two of three
    assert least_score(pairs, scores, links, 0.7) == 0.5
    assert least_score(pairs[3:4], scores[3:4], links, 0.5) == np.inf
    assert least_score(pairs[2:3], scores[2:3], links, 1.0) == -np.inf


def test_pseudo_links_reach_the_precision_asked_for_on_held_out_links():
    left = torch.diag(torch.tensor([0.9, 0.8, 0.7, 0.6]))
    valid = np.array([[0, 0], [2, 3]])
    found = propose(left, torch.eye(4), known=np.empty((0, 2), np.int64), match=nearest, valid=valid, precision=1.0)
    assert found.tolist() == [[0, 0]]


def test_nothing_is_proposed_where_all_of_a_side_is_known():
    known = np.array([[0, 0], [1, 1]])
    assert propose(torch.eye(2), torch.eye(3)[:, :2], known=known, match=nearest).shape == (0, 2)


def test_precision_counts_pairs_about_the_links_alone():
    links = np.array([[0, 0], [1, 1], [2, 2]])
    assert precision_on(np.array([[0, 0], [1, 7], [8, 2], [5, 5]]), links) == (pytest.approx(1 / 3), 3)
    assert precision_on(np.array([[5, 5]]), links) == (None, 0)


def runs(scores, **options):
    """Rounds whose embeddings hold their own number, judged by a list; and the links each was given."""
    given, rows = [], []

    def embed(links):
        given.append(links.tolist())
        rows = [{"loss": float(len(given) - 1)}]
        return SimpleNamespace(left=torch.full((1, 1), float(len(given) - 1)), right=torch.zeros(1, 1), history=rows)

    result = bootstrap(
        embed,
        np.array([[0, 0]]),
        BootstrapConfig(rounds=len(scores) - 1),
        propose=lambda left, right: np.array([[1 + int(left), 1]]),
        judge=lambda left, right: scores[int(left)],
        on_round=rows.append,
        **options,
    )
    assert rows == list(result.history)
    return result, given


def test_the_round_that_validates_best_is_kept():
    result, _ = runs([0.1, 0.7, 0.5, 0.7])
    assert (result.best_round, float(result.kept.left)) == (1, 1.0)  # the first of equals
    assert result.pseudo_links.tolist() == [[1, 1]]
    assert [row["valid"] for row in result.history] == [0.1, 0.7, 0.5, 0.7]
    assert [row["loss"] for row in result.training] == [0.0, 1.0, 2.0, 3.0]  # of all rounds


def test_pseudo_links_of_earlier_rounds_are_gone():
    _, given = runs([0.1, 0.2, 0.3])
    assert given == [[[0, 0]], [[0, 0], [1, 1]], [[0, 0], [2, 1]]]


def test_the_precision_of_each_round_is_told():
    result, _ = runs([0.1, 0.2, 0.3], valid=np.array([[1, 1]]))
    assert [row["pseudo_precision"] for row in result.history] == [None, 1.0, 0.0]


def test_without_validation_the_last_round_is_kept():
    result = bootstrap(
        lambda links: SimpleNamespace(left=torch.zeros(1, 1), right=torch.zeros(1, 1), history=()),
        np.array([[0, 0]]),
        BootstrapConfig(rounds=2),
        propose=lambda left, right: np.array([[1, 1]]),
    )
    assert result.best_round == 2 and "valid" not in result.history[0]


@pytest.mark.parametrize("options", [{"rounds": -1}, {"min_score": float("nan")}, {"precision": 1.1}])
def test_settings_out_of_range_are_refused(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        BootstrapConfig(**options)
