import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    """Texts of the fenced blocks of a language, ``""`` for those that name none."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    return [text for name, text in found if name == language]


def test_there_is_an_example_and_it_is_short():
    assert len(blocks("python")) == 2
    for block in blocks("python"):
        assert len([line for line in block.splitlines() if line.strip()]) <= 15
        compile(block, "README.md", "exec")


def test_the_example_of_graphs_of_ones_own_finds_their_links(capsys):
    names = {}
    exec(compile(blocks("python")[0], "README.md", "exec"), names)
    found = set(map(tuple, names["result"].to_frame()[["left", "right"]].to_numpy().tolist()))
    assert found >= {("Marie Curie", "M. Curie"), ("Warsaw", "Warszawa"), ("Nobel Prize", "Nobel Prize")}
    assert "M. Curie" in capsys.readouterr().out


@pytest.mark.slow
def test_the_example_runs_as_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    assert names["result"].metrics["left_to_right"]["hits@1"] > 0.5
    assert (tmp_path / "runs" / "chat" / "manifest.json").is_file()
    assert names["sure"] and all(each.confidence >= 0.9 for each in names["sure"])
    assert "one-to-one matches" in capsys.readouterr().out


def test_the_commands_named_there_are_targets_of_the_makefile():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", "\n".join(blocks("") + re.findall(r"`(make [^`]+)`", README))))
    assert {"demo", "test"} <= named <= targets


def test_the_command_line_shown_there_is_the_one_there_is():
    from typer.testing import CliRunner

    from mmkg.cli.app import app

    shown = [line.split("  ")[0] for block in blocks("") for line in block.splitlines() if line.startswith("mmkg ")]
    commands = {info.name or info.callback.__name__ for info in app.registered_commands}
    assert {line.split()[1] for line in shown} == commands | {"sentiment"}
    for line in shown:
        words = line.split()[1:3] if line.split()[1] == "sentiment" else line.split()[1:2]
        usage = CliRunner().invoke(app, [*words, "--help"]).stdout
        for option in re.findall(r" (--?[a-z][a-z-]*)", line):
            assert f"{option} " in usage, line


@pytest.mark.parametrize("page", ["README.md", "tools/FIGURES.md", "datasets/README.md"])
def test_every_local_link_leads_to_a_file_and_a_heading(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", text):
        there = (ROOT / page).parent / target if target else ROOT / page
        assert there.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings], anchor


def test_the_run_folder_is_described_as_it_is(small_run):
    section = README[README.index("A run folder holds") :].split("\n\n")[0]
    for path in small_run.iterdir():
        assert f"`{path.name}`" in section or path.name == "index.faiss.json", path.name


def test_no_placeholder_is_left():
    figures = (ROOT / "tools" / "FIGURES.md").read_text(encoding="utf-8")
    assert not re.findall(r"@\w+@|TODO|FIXME|XXX", README + figures)
