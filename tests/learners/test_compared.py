"""Compared neighbours: weighed by validation links, without a match, and dropped where these lose by them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import mmkg
from mmkg.errors import UsageError
from mmkg.learners import compared
from mmkg.learners.compared import DIM, listed_csls

SETTINGS = {"refinement.compare": True, "search.width": 0}


@pytest.fixture(scope="module")
def pair():
    return mmkg.twin_graphs(300, noise=0.4, train_ratio=0.4, valid_ratio=0.6, seed=1)


@pytest.fixture(scope="module")
def result(pair):
    return run(pair)


def run(task, **settings):
    return mmkg.align(task, "propagation", settings={**SETTINGS, **settings})


def test_scores_of_lists_are_those_of_a_loop():
    rows, cols = np.array([0, 0, 0, 1, 1, 3]), np.array([0, 1, 2, 1, 2, 2])
    scores = np.array([0.9, 0.5, 0.1, 0.6, 0.2, 0.7], np.float32)
    expected = []
    for i, j, score in zip(rows, cols, scores, strict=True):
        means = [np.mean(sorted(scores[side == own])[-2:]) for side, own in ((rows, i), (cols, j))]
        expected.append(2 * score - sum(means))
    np.testing.assert_allclose(listed_csls(scores, rows, cols, (4, 3), 2), expected, atol=1e-6)
    assert listed_csls(scores, rows, cols, (4, 3), 0) is scores


def test_it_finds_more_counterparts_by_their_neighbours(pair, result):
    before = run(pair, **{"refinement.compare": False})
    assert result.metrics["left_to_right"]["mrr"] > before.metrics["left_to_right"]["mrr"] + 0.02
    assert result.widths == {**before.widths, "relation": before.widths["relation"] + DIM}
    weights = result.record.protocol["compared_by"]
    assert min(weights.values()) >= 0 < max(weights.values())


def test_no_test_link_takes_part(pair, result):
    turned = pair.links.test.copy()
    turned[:, 1] = np.roll(turned[:, 1], 1)
    other = run(replace(pair, links=replace(pair.links, test=turned)))
    assert np.array_equal(result.left, other.left) and np.array_equal(result.right, other.right)
    assert not result.protocol.transductive and result.protocol.selection == "validation"
    assert "not iterative; neighbours of candidate pairs compared" in result.protocol.describe()


def test_a_run_that_learns_again_from_all_links_keeps_the_weights(pair, result):
    again = run(pair, refit=True)
    assert again.record.protocol["compared_by"] == result.record.protocol["compared_by"]
    assert again.left.shape == result.left.shape


def test_entities_of_a_validation_link_are_scored_without_it(pair, monkeypatch):
    """Each fit for a fold lacks the pairs of the fold; the first fit, for all other entities, has all pairs."""
    fits, original = [], compared.list_weights

    def fitted(scores, rows, cols, matches, **options):
        fits.append(set(zip(rows[matches].tolist(), cols[matches].tolist(), strict=True)))
        return original(scores, rows, cols, matches, **options)

    monkeypatch.setattr(compared, "list_weights", fitted)
    run(pair)
    every, *folds = fits
    assert every <= set(map(tuple, pair.links.valid.tolist()))
    assert len(folds) == compared.FOLDS
    left_out = [every - fold for fold in folds]
    assert set().union(*left_out) == every and sum(map(len, left_out)) == len(every)


def test_a_part_by_which_validation_links_are_ranked_worse_is_dropped(pair, monkeypatch):
    plain = run(pair, **{"refinement.compare": False})
    monkeypatch.setattr(compared, "pair_part", lambda rows, cols, scores, sizes, **options: noise(sum(sizes)))
    monkeypatch.setattr(compared, "WEIGHT", 5.0)
    found = run(pair)
    assert found.record.protocol["compared_by"] == {} and np.array_equal(found.left, plain.left)


def noise(number):
    rows = torch.randn(number, DIM, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.normalize(rows, dim=1)


@pytest.mark.parametrize(
    ("settings", "few", "message"),
    [
        ({"features.modalities": ["structure", "attribute"]}, False, "add relation to features.modalities"),
        ({}, True, "at least 20 validation links"),
    ],
)
def test_what_cannot_be_compared_is_refused(pair, settings, few, message):
    links = replace(pair.links, valid=pair.links.valid[:5]) if few else pair.links
    with pytest.raises(UsageError, match=message):
        run(replace(pair, links=links), **settings)
