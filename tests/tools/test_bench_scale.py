import argparse

import pytest
import torch


@pytest.fixture
def bench_scale(load_tool):
    return load_tool("bench_scale")


def options(**changes):
    return argparse.Namespace(
        **{"set": [], "degree": 10, "noise": 0.0, "rounds": 0, "learn_only": False, "as_large": False} | changes
    )


def test_every_phase_is_measured_and_the_twins_are_found(bench_scale):
    small = ["options.structure_dim=8", "options.hidden_dim=8"]
    found = bench_scale.run(150, options(model="mclea", set=small))
    assert list(found) == ["twins", "features", "train", "embed", "search", "match", "evaluate", "all"]
    total = found.pop("all")
    assert total["hits_at_1"] > 0.8
    assert total["cpu_s"] == pytest.approx(sum(spent["cpu_s"] for spent in found.values()))
    assert total["peak_rss_mb"] == max(spent["peak_rss_mb"] for spent in found.values()) > 100


def test_ratios_are_to_the_size_before(bench_scale):
    before = {"train cpu_s": 2.0}
    assert bench_scale.ratio({"cpu_s": 7.0}, before, "train", "cpu_s") == 3.5
    assert bench_scale.ratio({"cpu_s": 7.0}, before, "embed", "cpu_s") is None


@pytest.mark.parametrize("learn_only", [False, True])
def test_label_propagation_is_measured_as_a_run_learns_it(bench_scale, learn_only):
    found = bench_scale.run(150, options(model="propagation", rounds=1, learn_only=learn_only))
    rest = ["evaluate"] if learn_only else ["search", "match", "evaluate"]
    assert list(found) == ["twins", "learn", *rest, "all"]
    assert found["all"]["hits_at_1"] > 0.8


def test_small_twins_act_as_large_ones(bench_scale, monkeypatch):
    held = []
    for name in ("models.propagation.MOST_VALUES", "models.refinement.MOST_VALUES", "learners.setting.MOST_FULL"):
        monkeypatch.setattr(f"mmkg.{name}", 1 << 29)
    for name in ("learners.sketches", "matching.sinkhorn"):
        monkeypatch.setattr(f"mmkg.{name}.LARGEST_EXACT", 200_000)
    learnt = bench_scale.learnt_rows
    monkeypatch.setattr(bench_scale, "learnt_rows", lambda *given: held.append(learnt(*given)) or held[-1])
    bench_scale.run(150, options(model="propagation", rounds=1, learn_only=True, as_large=True))
    left, _, widths = held[0]
    assert left.dtype == torch.float16
    assert sum(widths.values()) in (704, 704 + 640 + 128)  # of 2,816, 2,560 and 512 columns, halved twice
