"""The study of promised precision."""

from dataclasses import replace

import numpy as np
import pytest

from mmkg.matching.confidence import Calibration
from mmkg.matching.counterparts import Counterparts
from mmkg.matching.held_out import HeldOut
from mmkg.pipeline import align


@pytest.fixture
def promised(load_tool):
    return load_tool("promised")


def test_few_links_validate_or_are_all_there_is(promised):
    task = promised.pair(100, 0.8, 0.1, 10, own=False, seed=3)
    assert [len(part) for part in (task.links.train, task.links.valid, task.links.test)] == [24, 10, 46]
    task = promised.pair(100, 0.8, 0.1, 10, own=True, seed=3)
    assert [len(part) for part in (task.links.train, task.links.valid, task.links.test)] == [10, 0, 70]


def test_the_expected_threshold_is_the_last_with_that_mean_confidence(promised):
    nobody = HeldOut(np.empty(0, np.float32), np.empty(0, bool), np.empty(0, bool))
    answers = np.log(np.array([0.9 / 0.1, 0.6 / 0.4, 0.3 / 0.7, 0.2 / 0.8])).astype(np.float32)
    learnt = Counterparts(nobody, 0.5, True, Calibration(1.0, 0.0), answers)  # confidences .9, .6, .3, .2
    assert promised.expected(learnt, 0.7) == pytest.approx(0.6)  # means .9, .75, .6, .5
    assert promised.expected(learnt, 0.55) == pytest.approx(0.3) and promised.expected(learnt, 0.95) == pytest.approx(
        0.9
    )


def test_the_table_counts_runs_that_keep_what_is_wanted(promised):
    runs = [
        {"share": 0.6, "true": 0.5, "interval": (0.4, 0.7), "0.8 all": (0.9, 0.5), "0.8 promised": (0.9, 0.5)},
        {"share": 0.7, "true": 0.4, "interval": (0.6, 0.8), "0.8 all": (0.7, 0.3)},
    ]
    lines = promised.table(runs).splitlines()
    assert [line.split() for line in lines[-3:-1]] == [
        ["0.8", "promised", "1", "0.900", "0.900", "1.000", "0.000", "0.000-0.842", "0.500"],  # 1 - .025 ** (1 / 2)
        ["0.8", "all", "2", "0.800", "0.700", "0.500", "0.500", "0.013-0.987", "0.400"],  # 1 - .975 ** (1 / 2)
    ]
    assert lines[-1] == "share: mean error +0.200, RMSE 0.224, covered 0.50"  # root of (.01 + .09) / 2


def test_a_small_study_prints_a_row_for_each_wanted_precision(promised, capsys):
    promised.main(["--small", "--links", "12"])
    out = capsys.readouterr().out
    assert (
        out.startswith("propagation, 3 pairs of 100 twins, 12 validation links, seeds 0 to 2")
        and "0.8" in out
        and "share:" in out
    )


def test_other_links_are_test_links_and_as_many_as_were_held_out(promised):
    task = promised.pair(100, 0.8, 0.1, 12, own=False, seed=1)
    given = replace(task, links=replace(task.links, test=task.links.test[:0]), candidates="all")
    result = align(given, "propagation", progress=False, device="cpu")
    sample = promised.by_others(result, task).sample
    assert int(sample.present.sum()) == 12 and len(sample.margins) == 24
    known = result.calibration.sample_of(task.links.test)
    for present in (True, False):
        drawn, there = (each.margins[each.present == present].tolist() for each in (sample, known))
        assert set(drawn) <= set(there)


def test_more_links_than_twins_have_are_refused(promised, capsys):
    with pytest.raises(SystemExit):
        promised.main(["--own", "20,200"])
    assert "twins of 500 entities have 200 links at least" in capsys.readouterr().err
