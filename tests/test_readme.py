import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    """Texts of the fenced blocks of a language, ``""`` for those that name none."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    return [text for name, text in found if name == language]


def test_the_page_is_short():
    assert len(README.splitlines()) <= 120


def test_the_example_runs_and_prints_what_is_shown(capsys):
    (block,) = blocks("python")
    assert len([line for line in block.splitlines() if line.strip()]) <= 15
    names = {}
    exec(compile(block, "README.md", "exec"), names)
    found = set(map(tuple, names["result"].to_frame()[["left", "right"]].to_numpy().tolist()))
    assert found >= {("Marie Curie", "M. Curie"), ("Warsaw", "Warszawa"), ("Nobel Prize", "Nobel Prize")}
    printed, (shown,) = capsys.readouterr().out, blocks("text")
    numbers = r"-?\d+(?:\.\d+)?"
    assert re.split(numbers, printed.strip()) == re.split(numbers, shown.strip())
    pairs = zip(re.findall(numbers, printed), re.findall(numbers, shown), strict=True)
    assert all(abs(float(one) - float(other)) <= 1 for one, other in pairs)  # of a score of 100; rounding of other CPUs


def test_the_commands_named_there_are_targets_of_the_makefile():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", "\n".join(blocks("") + re.findall(r"`(make [^`]+)`", README))))
    assert {"demo", "test"} <= named <= targets


def test_the_commands_shown_there_exist_with_their_options():
    from typer.testing import CliRunner

    from mmkg.cli.app import app

    shown = [line.split("  ")[0] for block in blocks("") for line in block.splitlines() if line.startswith("mmkg ")]
    shown += re.findall(r"`(mmkg [a-z]+)`", README)
    commands = {info.name or info.callback.__name__ for info in app.registered_commands} | {"sentiment"}
    assert len(shown) >= 5
    for line in shown:
        words = line.split()[1:2]
        assert set(words) <= commands
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
    text = (ROOT / "docs" / "reference" / "run_folder.md").read_text(encoding="utf-8")
    for path in small_run.iterdir():
        assert f"`{path.name}`" in text or path.name == "index.faiss.json", path.name


def test_no_placeholder_is_left():
    figures = (ROOT / "tools" / "FIGURES.md").read_text(encoding="utf-8")
    assert not re.findall(r"@\w+@|TODO|FIXME|XXX", README + figures)
