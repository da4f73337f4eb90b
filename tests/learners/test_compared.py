"""Compared neighbours: weighed by validation links or by matches, and dropped where validation links lose by them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import mmkg
from mmkg.crossfit import held_by
from mmkg.data.task import LinkSplit
from mmkg.learners import compared
from mmkg.learners.compared import listed_csls, listed_ranks
from mmkg.learners.learn import learn
from mmkg.learners.setting import Learned, Setting
from mmkg.models.refinement import RefinementConfig
from mmkg.report import Stopwatch
from mmkg.result.embeddings import Embeddings
from mmkg.search import both_ways

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


def test_ranks_on_lists_are_those_of_a_loop():
    owners = np.array([4, 0, 4, 0, 4, 0, 2])
    scores = np.array([0.3, 0.9, 0.7, 0.9, 0.5, 0.1, 0.2], np.float32)
    for place, rank in ((0, 3), (1, 1.5), (2, 1), (3, 1.5), (4, 2), (5, 3), (6, 1)):
        assert listed_ranks(scores, owners, np.array([place])) == [rank]
    np.testing.assert_array_equal(listed_ranks(scores, owners, np.array([0, 5, 6])), [3, 3, 1])
    np.testing.assert_array_equal(listed_ranks(scores, owners, np.array([0, 4])), [2, 2])


def test_it_finds_more_counterparts_by_their_neighbours(pair, result):
    before = run(pair, **{"refinement.compare": False})
    assert result.metrics["left_to_right"]["mrr"] > before.metrics["left_to_right"]["mrr"] + 0.02
    assert result.widths == {**before.widths, "relation": before.widths["relation"] + RefinementConfig().rules_dim}
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


@pytest.fixture
def fits(monkeypatch):
    """The links that weights of scores are fitted to, fit by fit."""
    found, original = [], compared.list_weights

    def fitted(scores, rows, cols, matches, **options):
        found.append(set(zip(rows[matches].tolist(), cols[matches].tolist(), strict=True)))
        return original(scores, rows, cols, matches, **options)

    monkeypatch.setattr(compared, "list_weights", fitted)
    return found


def test_entities_of_a_validation_link_are_scored_without_it(pair, fits):
    """Each fit for a fold lacks the pairs of the fold; the first fit, for all other entities, has all pairs."""
    run(pair)
    every, *folds = fits
    assert every <= set(map(tuple, pair.links.valid.tolist()))
    assert len(folds) == compared.FOLDS
    left_out = [every - fold for fold in folds]
    assert set().union(*left_out) == every and sum(map(len, left_out)) == len(every)


def test_pairs_with_an_entity_of_a_validation_link_have_the_scores_of_its_fold(pair, monkeypatch):
    """All validation links give weights of 1, and each fold weights of 0."""
    fits, found, original = [], [], compared.transport

    def fitted(scores, *lists, **options):
        fits.append(len(fits) == 0)
        return np.full(scores.shape[1], float(fits[-1]))

    sizes = pair.left.num_entities, pair.right.num_entities

    def transported(rows, cols, scores, shape, **options):
        found.append((rows, cols, scores))
        return original(rows, cols, scores, shape, **options)

    monkeypatch.setattr(compared, "list_weights", fitted)
    monkeypatch.setattr(compared, "transport", transported)
    run(pair)
    rows, cols, scores = (each[: -sum(sizes)] for each in found[0])  # the last ones stand for "none of them"
    judged = np.isin(rows, pair.links.valid[:, 0]) | np.isin(cols, pair.links.valid[:, 1])
    assert 0 < judged.sum() < len(judged)
    np.testing.assert_array_equal(scores == 0, judged)


def test_a_part_by_which_validation_links_are_ranked_worse_is_dropped(pair, monkeypatch):
    plain = run(pair, **{"refinement.compare": False})
    monkeypatch.setattr(compared, "list_weights", lambda scores, *lists, **options: -np.ones(scores.shape[1]))
    found = run(pair)
    assert found.record.protocol["compared_by"] == {} and np.array_equal(found.left, plain.left)


@pytest.mark.parametrize(
    ("settings", "few", "message"),
    [
        ({"features.modalities": ["structure", "attribute"]}, False, "relation is none of the modalities"),
        ({}, True, "fewer than 20 validation links are among the candidates"),
    ],
)
def test_where_nothing_can_be_compared_the_embeddings_stay_and_a_line_says_so(pair, settings, few, message, capsys):
    links = replace(pair.links, valid=pair.links.valid[:5]) if few else pair.links
    task = replace(pair, links=links)
    found = mmkg.align(task, "propagation", settings={**SETTINGS, **settings}, progress=True)
    assert message in capsys.readouterr().err
    assert found.record.protocol["compared_by"] == {}
    plain = run(task, **settings, **{"refinement.compare": False})
    assert np.array_equal(found.left, plain.left) and np.array_equal(found.right, plain.right)


def test_scores_are_those_of_a_loop_in_which_none_of_the_candidates_is_one_more(pair):
    setting = Setting(pair, mmkg.Experiment.of({"model": "propagation"}), torch.device("cpu"), Stopwatch())
    rows, cols = np.array([0, 0, 2, 2, 5]), np.array([1, 3, 1, 0, 4])
    odds = np.array([1.5, -0.5, 0.3, 2.0, -4.0], np.float32)
    expected = []
    for i, j, score in zip(rows, cols, odds, strict=True):
        of_row, of_col = (np.exp(-2.0) + np.exp(odds[side == own]).sum() for side, own in ((rows, i), (cols, j)))
        expected.append(np.exp(score) / np.sqrt(of_row * of_col))
    found = compared.Compared(setting, None)._likely(odds, (rows, cols))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found[4] < 0.2  # although it is the only candidate of both its entities


REFINED = {"refinement.rounds": 1, "refinement.weigh": "matches"}


@pytest.mark.parametrize(
    ("number", "weigh", "linked"),
    [(None, "auto", True), (None, "validation", True), (None, "matches", False), (5, "auto", False)],
)
def test_after_a_refinement_links_weigh_unless_they_are_few_or_matches_are_wanted(pair, number, weigh, linked, fits):
    task = replace(pair, links=replace(pair.links, valid=pair.links.valid[:number]))
    found = run(task, **REFINED | {"refinement.weigh": weigh})
    assert found.record.protocol["compared_by"]
    assert len(fits) == (1 + compared.FOLDS if linked else 0)  # matches are fitted elsewhere
    assert all(fit <= set(map(tuple, task.links.valid.tolist())) for fit in fits)


def test_after_a_refinement_its_matches_weigh_and_no_link_is_read(pair):
    found = run(pair, **REFINED)
    assert found.protocol.transductive
    weights = found.record.protocol["compared_by"]
    assert min(weights.values()) >= 0 < max(weights.values())
    plain = run(pair, **REFINED, **{"refinement.compare": False})
    assert found.metrics["left_to_right"]["mrr"] > plain.metrics["left_to_right"]["mrr"]
    bare = run(replace(pair, links=replace(pair.links, valid=pair.links.valid[:0])), **REFINED)
    assert np.array_equal(found.left, bare.left) and np.array_equal(found.right, bare.right)


def test_a_refinement_of_which_no_round_is_kept_gives_no_matches(pair, monkeypatch):
    """Its matches would take part in embeddings of which the protocol says that no entity is matched."""
    monkeypatch.setattr("mmkg.learners.refined.above_chance", lambda gains: True)  # every round is worse
    few = replace(pair, links=replace(pair.links, valid=pair.links.valid[:5]))
    found = run(few, **REFINED)
    assert found.record.protocol["compared_by"] == {} and not found.protocol.transductive


def test_seed_links_that_were_found_are_candidates_like_all_others(monkeypatch):
    known, original = [], compared.compare_neighbors

    def counted(facts, vectors, links, left, right, **options):
        known.append((len(links), len(np.unique(left))))
        return original(facts, vectors, links, left, right, **options)

    monkeypatch.setattr(compared, "compare_neighbors", counted)
    task = mmkg.twin_graphs(60, seed=0)
    found = mmkg.align(task.left, task.right, seeds_from="name", model="propagation", settings={"refinement.rounds": 1})
    assert found.record.protocol["num_train"] > 0 and known == [(0, 60)]


def test_without_its_counterpart_an_entity_answers_as_if_it_were_no_candidate(pair):
    experiment = mmkg.Experiment.of({"model": "propagation", "refinement": {"compare": True}, "search": {"width": 0}})
    learned = learn(Setting(pair, experiment, torch.device("cpu"), Stopwatch()))
    rows, cols = pair.links.valid.T
    scores, without = (left @ right.T for left, right in ((learned.left, learned.right), learned.without))
    gained = (without - scores)[rows].numpy()
    likely = learned.course["compared_by"] and scores[rows, cols].numpy() > 0.6
    assert likely.sum() > 20 and gained[likely, cols[likely]].max() < -0.2  # the counterpart is behind
    gained[np.arange(len(rows)), cols] = -1
    lists = np.sort(gained[likely], axis=1)
    assert lists[:, -1].max() > 0.3 and lists[:, 0].mean() < 0.1  # and another one is ahead, where there is one
    others = np.setdiff1d(np.arange(len(scores)), rows)
    assert (without - scores)[others].abs().mean() < 0.05


def test_a_calibration_takes_removed_counterparts_from_rows_without_them(pair):
    left, right = torch.eye(4)[[0, 1, 2]], torch.eye(4)[[0, 1, 2]]
    absent = torch.nn.functional.normalize(torch.tensor([[0.0, 1, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0]]), dim=1)
    learned = Learned(left, right, {"name": 4}, without=(absent, right))
    graph = mmkg.as_graph([("a", "r", "b"), ("b", "r", "c")])
    links = LinkSplit(np.array([[2, 2]]), np.array([[0, 0]]), np.empty((0, 2), np.int64))
    experiment = mmkg.Experiment.of({"model": "propagation", "search": {"csls_k": 0}})
    setting = Setting(mmkg.AlignmentTask(graph, graph, links), experiment, torch.device("cpu"), Stopwatch())
    sample = held_by(setting, learned).sample
    # with it: 1, and the next best of both 0; without it: .71 for b, which is nearer, by 1, to another
    assert sample.present.tolist() == [True, False] and sample.right.tolist() == [True, False]
    np.testing.assert_allclose(sample.margins, [1.0, 2**-0.5 - 1], atol=1e-3)
    assert held_by(setting, replace(learned, without=None)).sample is None


def test_what_a_calibration_has_searched_is_not_searched_again(pair, monkeypatch):
    searched, original = [], both_ways.nearest_both_ways

    def counted(left, right, k, **options):
        searched.append(left)
        return original(left, right, k, **options)

    monkeypatch.setattr(both_ways, "nearest_both_ways", counted)
    found = run(pair)
    assert len(searched) == 2  # with and without the validation links
    again = replace(found, embeddings=Embeddings(found.left, found.right, found.widths)).searcher
    for kept, fresh in zip(found.searcher.lists(), again.lists(), strict=True):
        assert np.array_equal(kept.ids, fresh.ids) and np.array_equal(kept.scores, fresh.scores)
    assert len(searched) == 3 and np.array_equal(searched[0], found.left)
