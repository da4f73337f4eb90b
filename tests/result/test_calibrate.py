import dataclasses

import numpy as np
import pytest

import mmkg
from mmkg.errors import UsageError
from mmkg.evaluation import answers_to
from mmkg.result.embeddings import Embeddings
from mmkg.result.rough import agreement


def test_known_truth_and_the_graph_are_judged_apart(small_result):
    judged = small_result.judge_counterparts()
    links, learnt = small_result.links, small_result.counterparts
    assert (
        judged["share"] == learnt.share and judged["least"] == judged["threshold"]["value"] == small_result.threshold()
    )
    assert judged["num_valid"] == len(links.valid) and judged["num_known"] == len(links.test)
    seen = {*links.train[:, 0].tolist(), *links.valid[:, 0].tolist()}
    assert judged["num_unseen"] == 90 - len(seen)
    # the graph, counted one entity at a time
    gold = dict(links.test.tolist())
    found = {i: j for i, j in small_result.believed().pairs.tolist() if i not in seen}
    right = sum(gold.get(i) == j for i, j in found.items())
    none = [i for i in range(90) if i not in seen and i not in found]
    expected = {
        "precision": right / len(found),
        "recall": right / len(gold),
        "none_precision": sum(i not in gold for i in none) / len(none),
        "none_recall": sum(i not in gold for i in none) / (judged["num_unseen"] - len(gold)),
        "linked": len(gold) / judged["num_unseen"],
    }
    assert {name: judged["graph"][name] for name in expected} == pytest.approx(expected)
    # the same of right entities
    back = {j: i for i, j in small_result.believed().pairs.tolist()}
    asked = sorted(set(range(90)) - {*links.train[:, 1].tolist(), *links.valid[:, 1].tolist()})
    true = {j: i for i, j in gold.items()}
    alone = [j for j in asked if j not in back]
    assert judged["graph_right"]["none_precision"] == pytest.approx(sum(j not in true for j in alone) / len(alone))
    # pairs of an entity with and one without a counterpart, the surer of which has one
    nearest, sure = small_result.neighbors(1)[0], small_result.calibration
    best = dict(enumerate(sure.of_lists(np.arange(90), nearest, "left")[:, 0].tolist()))
    pairs = [(best[i], best[j]) for i in gold for j in range(90) if j not in seen and j not in gold]
    area = np.mean([(a > b) + (a == b) / 2 for a, b in pairs])
    assert judged["graph"]["auc"] == pytest.approx(area)
    # an answer that must be wrong is worth nothing, so that recall is that of plain best answers at threshold 0
    everything = small_result.judge_counterparts(threshold=0.0)["known"]
    nearest, _ = small_result.neighbors(1)
    hits = (nearest.ids[links.test[:, 0], 0] == links.test[:, 1]).mean()
    assert everything["recall"] == pytest.approx(hits) and everything["none_recall"] == 0
    assert everything["precision"] == pytest.approx(learnt.share * hits)


def test_without_test_links_nothing_is_judged(small_result):
    links = dataclasses.replace(small_result.links, test=small_result.links.test[:0])
    with pytest.raises(UsageError, match="links that the run has not learnt from"):
        dataclasses.replace(small_result, links=links).judge_counterparts()


def test_all_entities_linked_leaves_the_linked_ones_to_estimate_from(small_result):
    rows = np.arange(90)[:, None].repeat(2, axis=1)
    links = dataclasses.replace(small_result.links, train=rows[20:], valid=rows[:20], test=rows[:0])
    learnt = dataclasses.replace(small_result, links=links).counterparts
    assert len(learnt.answers) == 90 and learnt.num_links == 20


def test_agreement_counts_the_matches_that_either_part_finds_alone():
    eye = np.eye(4, dtype=np.float32)
    graph = (eye, eye[[0, 1, 3, 2]])  # structure finds the first two of four
    other = (eye * [[1], [1], [1], [0]], eye)  # names find three; the last left entity has none
    sides = [np.concatenate([graph[side], other[side]], axis=1).astype(np.float32) for side in (0, 1)]
    pairs = np.arange(4)[:, None].repeat(2, axis=1)
    both = Embeddings(*sides, {"structure": 4, "name": 4})
    assert agreement(both, pairs, seed=0) == pytest.approx((2 / 4 + 3 / 4) / 2)
    assert agreement(both.restrict("name"), pairs, seed=0) is None


@pytest.mark.parametrize("noise", [0.1, 0.35])
def test_confidences_without_links_mean_what_they_say(noise):
    """Over the matches outside the seeds, which names give, confidences are near the share that is right."""
    task = mmkg.twin_graphs(400, overlap=0.8, noise=noise, image_dim=0, seed=2)
    gold = task.links.all()
    result = mmkg.align(task, model="propagation", seeds_from="name", progress=False)
    learnt = np.concatenate([result.links.train, result.links.valid])[:, 0]
    matching = result.matching
    asked = (np.isin(matching.left, gold[:, 0]) | np.isin(matching.right, gold[:, 1])) & ~np.isin(matching.left, learnt)
    right = answers_to(matching.pairs, gold, matching.left)[1][asked]
    assert result.counterparts.num_links == 0
    assert matching.confidence[asked].mean() == pytest.approx(right.mean(), abs=0.2)
    assert asked.sum() > 50
