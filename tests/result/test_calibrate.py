import dataclasses

import numpy as np
import pytest

from mmkg.errors import UsageError


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
    # an answer that must be wrong is worth nothing, so that recall is that of plain best answers at threshold 0
    everything = small_result.judge_counterparts(threshold=0.0)["known"]
    nearest, _ = small_result.neighbors(1)
    hits = (nearest.ids[links.test[:, 0], 0] == links.test[:, 1]).mean()
    assert everything["recall"] == pytest.approx(hits) and everything["none_recall"] == 0
    assert everything["precision"] == pytest.approx(learnt.share * hits)


def test_without_test_or_validation_links_nothing_is_judged(small_result):
    for part, number in (("test", 0), ("valid", 9)):
        links = dataclasses.replace(small_result.links, **{part: getattr(small_result.links, part)[:number]})
        with pytest.raises(UsageError, match="test links and at least 10 validation links"):
            dataclasses.replace(small_result, links=links).judge_counterparts()


def test_all_entities_linked_leaves_nobody_to_estimate_from(small_result):
    rows = np.arange(90)[:, None].repeat(2, axis=1)
    links = dataclasses.replace(small_result.links, train=rows[20:], valid=rows[:20], test=rows[:0])
    assert dataclasses.replace(small_result, links=links).counterparts.share == 0.5
