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
        assert ("group" in values) != ("beside" in values) and values["seeds"], path
    for name, group in reproduce.groups().items():
        assert any(reproduce.read(path).get("group") == name for path in files), name
        assert all(row["source"] and row["differs"] for row in group.get("beside", [])), name


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
    assert "| published | l2r | 0.500 |  |  |  | somewhere, table 1; nothing |" in out
    assert "Protocol of short: candidates: entities of the test links; CSLS k=3" in out


def test_runs_of_an_earlier_call_are_taken_if_they_have_the_same_settings(reproduce, tmp_path, capsys, monkeypatch):
    (tmp_path / "own.toml").write_text(FILE)
    own, kept = str(tmp_path / "own.toml"), str(tmp_path / "kept.json")
    reproduce.main([own, "--seeds", "1", "--json", kept])
    capsys.readouterr()
    made = []

    def counting(task, *, experiment, **others):
        made.append((experiment.seed, experiment.training.epochs))
        return align(task, experiment=experiment, **others)

    align = reproduce.align
    monkeypatch.setattr(reproduce, "align", counting)
    both = str(tmp_path / "both.json")
    reproduce.main([own, "--from", kept, "--json", both])
    assert made == [(0, 1)]
    first, second = json.loads((tmp_path / "both.json").read_text())[0]["runs"]
    assert second == json.loads((tmp_path / "kept.json").read_text())[0]["runs"][0] != first
    table = capsys.readouterr().out
    reproduce.main([own, "--from", both])
    assert made == [(0, 1)] and capsys.readouterr().out == table
    reproduce.main([own, "--from", both, "--seeds", "1", "--set", "training.epochs=2"])
    assert made == [(0, 1), (1, 2)]


@pytest.mark.parametrize("text", ["", "{}", "[]]", '[{"runs": [{"metrics": {}}]}]', '[{"title": "short"}]'])
def test_a_file_that_is_no_earlier_call_is_refused(reproduce, tmp_path, monkeypatch, text):
    (tmp_path / "kept.json").write_text(text)
    monkeypatch.setattr(reproduce, "run", None)
    with pytest.raises(SystemExit, match="kept.json: expected a file that --json wrote"):
        reproduce.main(["--from", str(tmp_path / "kept.json"), "mclea_zh_en"])


@pytest.mark.parametrize(
    "change, message",
    [
        (('source = "somewhere, table 1"\n', ""), "needs a source"),
        (('direction = "l2r"', 'direction = "both"'), "needs a source, a direction"),
        (('"hits@1" = 0.5', '"hit@1" = 0.5'), "unknown keys hit@1"),
        (("seeds = [0, 1]\n", ""), "expected the keys experiment, pair, seeds, title, and beside or group"),
        (
            ('title = "short"', 'title = "short"\ngroup = "same_code"'),
            "got beside, experiment, group",
        ),
    ],
)
def test_a_file_that_hides_something_is_refused(reproduce, tmp_path, change, message):
    path = tmp_path / "own.toml"
    path.write_text(FILE.replace(*change))
    tomllib.loads(path.read_text())
    with pytest.raises(SystemExit, match=message):
        reproduce.read(path)


def test_experiments_of_a_group_share_one_table(reproduce, tmp_path, capsys):
    grouped = FILE.split("[[beside]]")[0].replace("seeds = [0, 1]", 'seeds = [0]\ngroup = "zh_en_by_itself"')
    for name in ("first", "second"):
        (tmp_path / f"{name}.toml").write_text(grouped.replace("short", name))
    reproduce.main([str(tmp_path / "first.toml"), str(tmp_path / "second.toml")])
    out = capsys.readouterr().out
    assert out.count("## ") == 1
    ours = re.findall(r"\*\*(first|second)\*\* \| (l2r|r2l) \| \d\.\d+ \|", out)
    assert ours == [("first", "l2r"), ("first", "r2l"), ("second", "l2r"), ("second", "r2l")]
    assert re.search(r"\| PMF \| l2r \| 0\.835 \|  \| 0\.884 \|", out)
    hits = [float(text) for text in re.search(r"first\*\* \| l2r \| (.*?) \| mmkg", out)[1].split(" | ")]
    assert hits[3] <= hits[0]  # more candidates, no more hits


def test_an_unknown_group_is_refused(reproduce, tmp_path, capsys):
    path = tmp_path / "own.toml"
    path.write_text(FILE.split("[[beside]]")[0].replace("seeds = [0, 1]", 'seeds = [0]\ngroup = "none"'))
    with pytest.raises(SystemExit, match="no group 'none' in published.toml; known groups: zh_en_by_itself"):
        reproduce.read(path)
    with pytest.raises(SystemExit):
        reproduce.main(["--group", "none"])
    assert "no group 'none'" in capsys.readouterr().err


def test_an_unknown_name_is_refused_with_the_known_ones(reproduce, capsys):
    with pytest.raises(SystemExit) as stopped:
        reproduce.main(["no_such"])
    assert stopped.value.code == 2
    assert "mclea_zh_en_epoch50" in capsys.readouterr().err
