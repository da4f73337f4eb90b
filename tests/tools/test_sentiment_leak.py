import json

import pytest

from mmkg.sentiment.curves import Sweep, SweepRow


def test_both_ways_are_told_with_and_without_recalibration(load_tool, capsys):
    tool = load_tool("sentiment_leak")
    tool.main(["--small", "--models", "tfr-net", "--rates", "0.4", "--seeds", "1", "--json"])
    curves = json.loads(capsys.readouterr().out)["tfr-net"]["curves"]
    assert list(curves) == ["each", "each, recalibrated", "complete", "complete, recalibrated"]
    assert all(curve["rates"] == [0.4] and len(curve["figures"]["mae"]["mean"]) == 1 for curve in curves.values())


def test_each_seed_has_data_of_its_own_and_only_test_has_no_leak(load_tool):
    tool = load_tool("sentiment_leak")
    first, second = (tool.planted("vision=1", seed, small=True) for seed in (0, 1))
    assert (first.test.labels != second.test.labels).any()
    plain = tool.planted("none", 0, small=True)
    assert (first.test.values["vision"] == plain.test.values["vision"]).all()
    assert (first.valid.values["vision"] != plain.valid.values["vision"]).any()


def test_sweeps_of_a_seed_each_become_one(load_tool):
    tool = load_tool("sentiment_leak")
    made = [
        Sweep(
            {"each, recalibrated": "how"},
            (seed,),
            (SweepRow("each", "0.3", 0.3, ({"mae": value},), recalibrated=True),),
        )
        for seed, value in ((0, 1.0), (1, 2.0))
    ]
    assert tool.merged(made).curves()["each, recalibrated"]["figures"]["mae"]["mean"] == pytest.approx([1.5])
