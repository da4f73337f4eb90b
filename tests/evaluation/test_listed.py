import numpy as np
import pytest

from mmkg.errors import InputError
from mmkg.evaluation import listed_ranks, matching_figures, score_ranks


def test_all_pairs_listed_give_the_ranks_of_the_matrix():
    scores = np.random.default_rng(0).integers(0, 4, (6, 9)).astype(np.float32)  # with ties
    rows, cols = (places.ravel() for places in np.indices(scores.shape))
    order = np.random.default_rng(1).permutation(rows.size)
    gold = np.stack([np.arange(6), [8, 0, 3, 3, 1, 5]], axis=1)
    found = listed_ranks(rows[order], cols[order], scores.ravel()[order], gold, num_rows=6, num_candidates=9)
    expected = score_ranks(scores, gold[:, 1])
    assert found.better.tolist() == expected.better.tolist() and found.equal.tolist() == expected.equal.tolist()


def test_a_gold_candidate_that_is_not_listed_ties_with_all_that_are_not():
    rows, cols, scores = np.array([0, 0, 1]), np.array([2, 0, 1]), np.array([0.5, 0.9, 0.1])
    gold = np.array([[0, 4], [0, 2], [1, 1], [2, 3]])
    found = listed_ranks(rows, cols, scores, gold, num_rows=3, num_candidates=6)
    assert found.better.tolist() == [2, 1, 0, 0]
    assert found.equal.tolist() == [3, 0, 0, 5]


def test_nothing_listed_is_the_middle_rank():
    empty = np.empty(0, np.int64)
    found = listed_ranks(empty, empty, np.empty(0), np.array([[1, 0]]), num_rows=2, num_candidates=5)
    assert found.mean.tolist() == [3.0]


def test_lists_that_do_not_fit_are_refused():
    rows = np.array([0, 1])
    with pytest.raises(InputError, match="columns of one length"):
        listed_ranks(rows, rows, np.zeros(3), np.array([[0, 0]]), num_rows=2, num_candidates=2)
    with pytest.raises(InputError, match=r"candidate rows must be in 0\.\.0, got 0\.\.1"):
        listed_ranks(rows, rows, np.zeros(2), np.array([[0, 0]]), num_rows=2, num_candidates=1)


def test_links_found_are_counted_among_those_that_can_be_checked():
    links = np.array([[0, 5], [1, 6], [2, 7], [3, 8]])
    pairs = np.array([[0, 5], [1, 7], [4, 8], [9, 9]])  # right, wrong, wrong (8 belongs to 3), unknown
    figures = matching_figures(pairs, links)
    assert (figures["found"], figures["right"], figures["links"]) == (3, 1, 4)
    assert figures["precision"] == pytest.approx(1 / 3) and figures["recall"] == pytest.approx(1 / 4)
    assert figures["f1"] == pytest.approx(2 / (1 / (1 / 3) + 1 / (1 / 4)))


def test_no_pair_found_is_zero_and_no_link_is_refused():
    figures = matching_figures(np.empty((0, 2), np.int64), np.array([[0, 0]]))
    assert (figures["precision"], figures["recall"], figures["f1"]) == (0, 0, 0)
    with pytest.raises(InputError, match="at least one true link"):
        matching_figures(np.array([[0, 0]]), np.empty((0, 2), np.int64))
