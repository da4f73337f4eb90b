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


def test_the_difference_of_two_ways_is_that_of_each_seed(load_tool):
    rows = []
    for way, figures in (("each", (1.0, 2.0, 6.0)), ("complete", (0.0, 2.0, 4.0))):
        rows.append(SweepRow(way, "0.5", 0.5, tuple({"mae": value, "corr": -value} for value in figures)))
        rows.append(SweepRow(way, "0.5", 0.5, ({"mae": 9.0, "corr": 9.0},) * 3, recalibrated=True))
    told = load_tool("sentiment_leak").ahead(Sweep({}, (0, 1, 2), tuple(rows)))
    assert told == {"0.5": {"mae": pytest.approx((1, 3**-0.5)), "corr": pytest.approx((-1, 3**-0.5))}}  # 1, 0, 2


def test_settings_reach_the_model(load_tool, capsys):
    tool = load_tool("sentiment_leak")
    words = ["--small", "--models", "tate", "--rates", "0.4", "--seeds", "1", "--train", "complete", "--json"]
    told = []
    for more in ([], ["--set", "options.error=squared"]):
        tool.main([*words, *more])
        told.append(json.loads(capsys.readouterr().out)["tate"])
    assert told[0]["ahead"] == {} and told[0]["curves"] != told[1]["curves"]


def test_ridge_for_each_set_and_one_with_terms_left_out_are_the_same_where_modalities_are_independent(
    load_tool, capsys
):
    tool = load_tool("sentiment_leak")
    tool.main(["--ridge", "--leaks", "none", "--rates", "0,0.5", "--seeds", "2", "--samples", "8000", "--json"])
    found = json.loads(capsys.readouterr().out)["ridge"]
    each, complete = (found["curves"][way]["figures"]["corr"]["mean"] for way in ("each", "complete"))
    assert each[0] == complete[0] > each[1] > 0.4
    assert each[1] == pytest.approx(complete[1], abs=0.015)
    assert found["ahead"]["0.5"]["corr"][0] == pytest.approx(each[1] - complete[1])
