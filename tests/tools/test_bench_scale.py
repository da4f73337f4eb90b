import argparse

import pytest


@pytest.fixture
def bench_scale(load_tool):
    return load_tool("bench_scale")


def options(**changes):
    return argparse.Namespace(**{"set": [], "degree": 10, "noise": 0.0, "rounds": 0, "learn_only": False} | changes)


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
