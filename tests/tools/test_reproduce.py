import json
import re
import tomllib

import pytest

FILE = """
title = "short"
pair = "emoji-fr-en"
seeds = [0, 1]
[experiment]
model = "mclea"
[experiment.options]
hidden_dim = 8
structure_dim = 8
[experiment.training]
epochs = 1
[[beside]]
what = "published"
source = "somewhere, table 1"
differs = "nothing"
direction = "l2r"
"hits@1" = 0.5
"""


@pytest.fixture
def reproduce(load_tool):
    return load_tool("reproduce")


def test_every_experiment_reads_and_says_where_its_figures_come_from(reproduce):
    files = sorted(reproduce.FOLDER.glob("*.toml"))
    assert files
    for path in files:
        values = reproduce.read(path)
        assert values["beside"] and len(values["seeds"]) >= 3, path


def test_the_experiments_are_listed(reproduce, capsys):
    reproduce.main([])
    assert "mclea_zh_en_epoch50" in capsys.readouterr().out


def test_the_table_is_mean_and_deviation_beside_the_published_figures(reproduce, tmp_path, capsys):
    (tmp_path / "own.toml").write_text(FILE)
    reproduce.main([str(tmp_path / "own.toml"), "--json", str(tmp_path / "out" / "figures.json")])
    out = capsys.readouterr().out
    (found,) = json.loads((tmp_path / "out" / "figures.json").read_text())
    first, second = (each["metrics"]["left_to_right"]["hits@1"] for each in found["runs"])
    assert first != second  # the seed decides the split
    ours = re.search(r"\*\*ours\*\* \| l2r \| (\d\.\d+) ± (\d\.\d+)", out)
    assert float(ours[1]) == pytest.approx((first + second) / 2, abs=6e-4)
    assert float(ours[2]) == pytest.approx(abs(first - second) / 2**0.5, abs=6e-4)
    assert "| published | l2r | 0.500 |  |  | somewhere, table 1; nothing |" in out
    assert "Protocol: candidates: entities of the test links; CSLS k=3" in out


@pytest.mark.parametrize(
    "change, message",
    [
        (('source = "somewhere, table 1"\n', ""), "needs a source"),
        (('direction = "l2r"', 'direction = "both"'), "needs a source, a direction"),
        (('"hits@1" = 0.5', '"hit@1" = 0.5'), "unknown keys hit@1"),
        (("seeds = [0, 1]\n", ""), "expected the keys beside, experiment, pair, seeds, title"),
    ],
)
def test_a_file_that_hides_something_is_refused(reproduce, tmp_path, change, message):
    path = tmp_path / "own.toml"
    path.write_text(FILE.replace(*change))
    tomllib.loads(path.read_text())
    with pytest.raises(SystemExit, match=message):
        reproduce.read(path)


def test_an_unknown_name_is_refused_with_the_known_ones(reproduce, capsys):
    with pytest.raises(SystemExit) as stopped:
        reproduce.main(["no_such"])
    assert stopped.value.code == 2
    assert "mclea_zh_en_epoch50" in capsys.readouterr().err
