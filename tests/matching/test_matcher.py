"""A matcher registered from outside of mmkg: one function, one line."""

import tomllib
from dataclasses import dataclass

import numpy as np
import pytest

import mmkg
from mmkg.config.search import SearchConfig
from mmkg.errors import UsageError
from mmkg.matching import MATCHERS, Matcher, SinkhornConfig
from mmkg.matching.matching import matching_of
from mmkg.result.result import AlignmentResult


@dataclass(frozen=True)
class ToyConfig:
    step: int = 1


def toy(left, right, *, csls_k, kind, device, means=None, indexes=None, k=1, step=1):
    """Row i goes with row i, for every ``step``-th i."""
    rows = np.arange(0, min(len(left), len(right)), step)
    return matching_of(rows, rows, np.full(len(rows), k))


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(MATCHERS, "toy", Matcher(toy, ToyConfig))


def test_a_run_uses_it_with_its_settings_and_remembers_both(small_task, tmp_path, run):
    folder = tmp_path / "run"
    settings = {"search": {"matcher": "toy", "toy": {"step": 7}}}
    made = mmkg.align(small_task, "propagation", settings=settings, out=folder)
    expected = list(range(0, min(len(made.left), len(made.right)), 7))
    assert made.matching.left.tolist() == made.matching.right.tolist() == expected
    assert tomllib.loads((folder / "config.toml").read_text())["search"]["toy"] == {"step": 7}
    loaded = AlignmentResult.load(folder)
    assert loaded.experiment == made.experiment and loaded.match().left.tolist() == expected


def test_the_command_line_matches_an_old_run_with_it(small_run, small_result, run):
    known = np.concatenate([small_result.links.train, small_result.links.valid])
    left, right = (table.labels for table in small_result.entities)
    given = {(left[row], right[column]) for row, column in known.tolist()}
    for step, words in ((1, ()), (3, ("--set", "search.toy.step=3"))):
        lines = run("match", small_run, "--method", "toy", "--threshold", "0", *words).out.splitlines()
        free = [row for row in range(0, 90, step) if row not in known[:, 0] and row not in known[:, 1]]
        toys = {(left[row], right[row]) for row in free}
        assert {tuple(line.split("\t")[:2]) for line in lines[1:]} == given | toys and len(free) > 0
    wrong = run("match", small_run, "--method", "toy", "--set", "search.toy.stpe=10")
    assert wrong.code == 2 and "search.toy.stpe; did you mean 'step'" in wrong.err


def test_rounds_of_pseudo_links_use_it_with_its_settings(small_task):
    settings = {"bootstrap": {"rounds": 1, "matcher": "toy"}, "search": {"toy": {"step": 9}}}
    made = mmkg.align(small_task, "propagation", settings=settings)
    free = [np.setdiff1d(np.arange(n), small_task.links.train[:, side]) for side, n in enumerate((90, 90))]
    assert made.history[-1]["pseudo_links"] == -(-min(map(len, free)) // 9)


def test_only_matchers_in_use_or_with_other_settings_have_a_section():
    assert SearchConfig().to_dict().keys() & MATCHERS.keys() == set()
    assert mmkg.Experiment().to_dict()["search"].keys() & MATCHERS.keys() == {"sinkhorn"}  # of the rounds
    found = SearchConfig.of({"toy": {"step": 2}, "sinkhorn": {"k": 50}})
    assert found.matchers == {"toy": ToyConfig(2)} and found.to_dict()["toy"] == {"step": 2}
    assert found.matcher_settings("sinkhorn") == SinkhornConfig() and found.matcher_settings("mutual") is None
    assert found.matcher_options("toy") == {"step": 2} and found.matcher_options("greedy") == {}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"greedy": {"k": 3}}, r"unknown configuration key search\.greedy"),
        ({"tyo": {}}, r"search\.tyo; did you mean 'toy'"),
        ({"toy": 3}, r"search\.toy is a section of settings, got 3"),
        ({"toy": {"step": "far"}}, r"search\.toy\.step: .*'far'"),
    ],
)
def test_a_wrong_section_is_refused_by_name(values, message):
    with pytest.raises(UsageError, match=message):
        SearchConfig.of(values)


def test_settings_of_the_wrong_class_are_refused():
    with pytest.raises(UsageError, match="settings of toy must be of class ToyConfig, got SinkhornConfig"):
        SearchConfig(matchers={"toy": SinkhornConfig()})
    with pytest.raises(UsageError, match="index options must be of class IndexConfig, got ToyConfig"):
        SearchConfig(options=ToyConfig())
