"""The study of few seed links: its shares are nested, and its figures are those of the runs."""

import json

import pytest
from small import twins, write_dbp15k

import mmkg


@pytest.fixture
def few_seeds(load_tool):
    return load_tool("few_seeds")


@pytest.fixture
def folder(tmp_path):
    return write_dbp15k(twins(120), tmp_path / "pair")


def test_each_share_has_a_row_and_the_largest_is_ranked_on_the_same_links_both_times(few_seeds, folder, capsys):
    words = [str(folder), "--models", "propagation", "--shares", "0.05,0.3", "--seeds", "0,1"]
    few_seeds.main([*words, "--json"])
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert [(run["share"], run["seed"]) for run in runs] == [(0.05, 0), (0.05, 1), (0.3, 0), (0.3, 1)]
    number = len(mmkg.load(folder).links.all())
    assert [run["known"] for run in runs] == [int(number * 0.05)] * 2 + [int(number * 0.3)] * 2
    for run in runs[2:]:
        assert run["rest"] == run["same"]
    task = mmkg.load(folder, train_ratio=0.05)
    result = mmkg.align(task, "propagation", ranks_only=True, progress=False)
    assert runs[0]["rest"] == result.metrics["left_to_right"]["hits@1"]
    same = mmkg.load(folder, train_ratio=0.3).links.test
    assert runs[0]["same"] == result.evaluate(links=same)["left_to_right"]["hits@1"]
    assert set(map(tuple, same.tolist())) < set(map(tuple, task.links.test.tolist()))


def test_a_table_has_means_deviations_and_the_protocol(few_seeds, folder, capsys):
    few_seeds.main([str(folder), "--models", "refined", "--shares", "0.1", "--seeds", "0,1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("pair, model | share | known links | rest, H@1 | same, H@1 | CPU-s |") and lines[
        2
    ].startswith("| refined | 0.1 |")
    assert lines[2].count("±") == 2 and "valid" in lines[-1]
