"""The generated pages name what exists, and every Python example of the site runs."""

import dataclasses
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmkg.cli.app import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
EXAMPLES = [  # style.md shows excerpts
    path
    for path in sorted(DOCS.rglob("*.md"))
    if path.name != "style.md" and "```python" in path.read_text(encoding="utf-8")
]
LONGEST_SENTENCE = 30  # words
READ_FIRST = ("start", "data", "howto", "concepts", "models", "tutorials")  # folders


def blocks(path, language):
    """Texts of the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def prose(text):
    """A page without code, tables, headings, pictures and addresses."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"\\\[.*?\\\]|\\\(.*?\\\)", "x", text, flags=re.DOTALL)
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(("|", "#", "!["))]
    return re.sub(r"\]\([^)]*\)", "]", re.sub(r"`[^`]*`", "x", "\n".join(lines)))


@pytest.fixture
def pages(tools):
    import pages

    return pages


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_the_examples_of_a_page_run(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, text in zip(("museums.csv", "sights.csv"), blocks(path, "text"), strict=False):
        (tmp_path / name).write_text(text, encoding="utf-8")  # of the first alignment
    names = {"__name__": "example"}
    for block in blocks(path, "python"):
        exec(compile(block, str(path), "exec"), names)
    if path.name == "first.md":
        found = set(map(tuple, names["result"].to_frame()[["left", "right"]].to_numpy().tolist()))
        described = CliRunner().invoke(app, ["describe", "museums.csv", "sights.csv"]).stdout
        assert blocks(path, "text")[2] in described
        explained = str(names["result"].explain(("m3", "s9"))).splitlines()
        summary = names["result"].summary().text()
        assert summary in path.read_text(encoding="utf-8") and explained[1] in path.read_text(encoding="utf-8")
        assert {("m1", "s3"), ("m2", "s5"), ("m3", "s9"), ("m4", "s7"), ("m8", "s4")} <= found


def test_the_settings_page_names_every_setting_with_its_meaning(pages):
    from mmkg.config.experiment import Experiment
    from mmkg.models.registry import MODELS

    text = pages.settings_page()
    experiment = Experiment.of({"model": "mclea"})
    for section in pages.SECTIONS:
        for field in dataclasses.fields(getattr(experiment, section)):
            if field.name != "index" or section != "search":
                assert f"| `{section}.{field.name}` |" in text
    for name, entry in MODELS.items():
        assert entry.config is None or f"## options of {name}" in text
    empty = [line for line in text.splitlines() if line.startswith("| `") and line.rstrip(" |").count("|") < 3]
    assert empty == []
    assert "| `data.valid_ratio` | number, >= 0, < 1 |" in text


def test_the_page_of_commands_names_every_command_and_option(pages):
    text = pages.commands_page()
    for info in app.registered_commands:
        assert f"## mmkg {info.name or info.callback.__name__}\n" in text
    assert (
        "## mmkg sentiment sweep" in text and "--seeds-from" in text and "Example: `mmkg describe emoji-fr-en`" in text
    )


def test_links_to_files_outside_of_the_site_become_text(pages):
    text = pages.copied("develop/extend.md", "CONTRIBUTING.md")
    assert "[tools/FIGURES.md](../reference/figures.md)" in text and "](tools/" not in text and "](docs/" not in text
    design = "See [adding](../CONTRIBUTING.md#add-a-part), [scale](scale.md) and [a test](../tests/small.py)."
    shown = "See [adding](develop/extend.md#add-a-part), [scale](scale.md) and a test."
    assert pages.linked(design, "design.md", "docs/design.md") == shown


@pytest.mark.parametrize(
    "path",
    [
        ROOT / "README.md",
        DOCS / "sentiment.md",
        *(path for folder in READ_FIRST for path in sorted((DOCS / folder).glob("*.md"))),
    ],
    ids=lambda path: path.name,
)
def test_sentences_of_pages_that_are_read_first_are_short(path):
    text = re.sub(r"\n\s*(?:[-*]|\d\.) |\n\n", ". ", prose(path.read_text(encoding="utf-8")))
    long = [each for each in re.split(r"(?<=[.?!:;])\s", text) if len(each.split()) > LONGEST_SENTENCE]
    assert long == []


def shown_commands():
    """The commands of ``mmkg`` in blocks of the pages, each with the page."""
    found = []
    for path in sorted(DOCS.rglob("*.md")):
        for text in re.findall(r"^```\n(.*?)^```$", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL):
            lines = re.sub(r" \\\n\s*", " ", text).splitlines()
            found += [(path.name, re.split(r"\s{2,}#", line)[0]) for line in lines if line.startswith("mmkg ")]
    return found


def test_commands_of_the_pages_exist_with_their_options():
    usage = {}
    assert len(shown_commands()) > 50
    for page, line in shown_commands():
        words = line.split()[1:3] if line.split()[1] == "sentiment" else line.split()[1:2]
        key = " ".join(words)
        if key not in usage:
            usage[key] = CliRunner().invoke(app, [*words, "--help"]).stdout
        assert usage[key].startswith("Usage: "), (page, line)
        for option in re.findall(r" (--?[a-z][a-z-]*)", re.sub(r"'[^']*'", "", line)):
            assert f"{option} " in usage[key], (page, line)


def banned():
    """Words of the last column of the glossary."""
    rows = re.findall(r"^\| \*\*.*\| ([^|]*) \|$", (DOCS / "concepts" / "glossary.md").read_text("utf-8"), flags=re.M)
    return sorted({word.strip() for row in rows for word in row.split(",") if word.strip()})


def test_there_is_one_term_for_one_thing():
    assert len(banned()) >= 4
    pattern = re.compile(r"\b(" + "|".join(banned()) + r")s?\b", re.IGNORECASE)
    for path in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]:
        if path.name != "glossary.md":
            assert pattern.findall(prose(path.read_text(encoding="utf-8"))) == [], path
