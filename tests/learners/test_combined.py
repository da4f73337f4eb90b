"""Label propagation and a trained model, combined."""

from dataclasses import replace

import numpy as np
import pytest
from small import SETTINGS

import mmkg
from mmkg.data.kg import ImageTable
from mmkg.errors import UsageError
from mmkg.learners.setting import Setting
from mmkg.result.result import AlignmentResult

COMBINED = {"training": {"epochs": 4, "eval_every": 2}, "features": SETTINGS["features"]}


def test_a_combined_model_weighs_the_parts_of_both_and_keeps_its_shares(small_task, tmp_path, monkeypatch):
    monkeypatch.setattr("mmkg.learners.combined.LEAST_LINKS", 10)
    result = mmkg.align(small_task, "combined", settings=COMBINED, out=tmp_path / "run")
    weights = result.record.protocol["weights"]
    assert set(weights) == {f"{name} by {by}" for name in result.widths for by in ("propagation", "mclea")}
    assert max(weights.values()) == 1 and sum(result.widths.values()) == result.left.shape[1]
    propagation = mmkg.align(small_task, "propagation", settings={"features": SETTINGS["features"]})
    assert result.metrics["left_to_right"]["mrr"] > propagation.metrics["left_to_right"]["mrr"] - 0.05
    pairs = small_task.links.test[:20]
    cosines = (result.left[pairs[:, 0]].astype(np.float64) * result.right[pairs[:, 1]]).sum(axis=1)
    np.testing.assert_allclose(sum(result.shares(pairs).values()), cosines, atol=1e-5)
    assert AlignmentResult.load(tmp_path / "run").metrics == result.metrics


def test_a_combined_model_leaves_out_images_that_say_nothing(small_task, monkeypatch):
    monkeypatch.setattr("mmkg.learners.combined.LEAST_LINKS", 10)
    generator, graphs = np.random.default_rng(0), []
    for graph in (small_task.left, small_task.right):
        vectors = generator.standard_normal((graph.num_entities, 64), np.float32)
        graphs.append(replace(graph, images=ImageTable(np.arange(graph.num_entities), vectors)))
    noisy = mmkg.align(replace(small_task, left=graphs[0], right=graphs[1]), "combined", settings=COMBINED)
    assert "image" in noisy.record.protocol["left_out"] and "image" not in noisy.widths
    bare = replace(small_task, left=replace(small_task.left, images=None), right=replace(small_task.right, images=None))
    without = mmkg.align(bare, "combined", settings=COMBINED)
    assert noisy.metrics["left_to_right"]["mrr"] >= without.metrics["left_to_right"]["mrr"] - 0.02


@pytest.mark.parametrize("fewer", [1, 0])
def test_few_validation_links_weigh_no_part_and_leave_out_no_modality(small_task, monkeypatch, fewer):
    monkeypatch.setattr("mmkg.learners.combined.LEAST_LINKS", len(small_task.links.valid) + fewer)
    chosen = {"image": 0.2, "image by propagation": 0.5}
    monkeypatch.setattr(Setting, "weights", lambda self, left, right, start: {n: chosen.get(n, 1.0) for n in left})
    protocol = mmkg.align(small_task, "combined", settings=COMBINED, ranks_only=True).record.protocol
    assert protocol.get("left_out") == (None if fewer else ["image"])
    assert set(protocol["weights"].values()) == {1.0}
    assert ("image by propagation" in protocol["weights"]) == bool(fewer)


def test_an_unknown_member_of_a_combined_model_is_refused(small_task):
    with pytest.raises(UsageError, match="unknown model 'mcleb'; did you mean 'mclea'"):
        mmkg.align(small_task, "combined", settings={"options": {"trained": "mcleb"}})
