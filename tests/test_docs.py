"""The pages for contributors name what exists, and their examples run."""

import ast
import builtins
import functools
import importlib
import json
import re
from collections.abc import MutableMapping
from pathlib import Path

import pytest
import yaml
from small import twins

import mmkg

ROOT = Path(__file__).parents[1]
PAGES = ("CONTRIBUTING.md", "docs/design.md", "docs/style.md", "docs/map.md")
PLACEHOLDERS = ("ARGS", "FILE", "FOLDER", "NAME")  # stand for a value of the reader's
ROOTS = ("mmkg/", "tools/", "tests/", "docs/", "datasets/", ".ci/")


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page):
    """Texts of the Python blocks of a page."""
    return re.findall(r"^```python\n(.*?)^```$", text_of(page), flags=re.MULTILINE | re.DOTALL)


def prose(page):
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def spans(page):
    """Texts of the inline code of a page, outside of blocks."""
    return re.findall(r"`([^`]+)`", prose(page))


def folders():
    """Folders of the library and of tools that hold files, and the others that the map has to name."""
    found = {"datasets/", "docs/", "tests/"}
    for top in ("mmkg", "tools"):
        for path in (ROOT / top).rglob("*"):
            holds_files = path.is_dir() and any(each.is_file() for each in path.iterdir())
            ours = not {"__pycache__", "datasets", "node_modules"}.intersection(path.parts)
            if holds_files and ours:
                found.add(f"{path.relative_to(ROOT).as_posix()}/")
    return found | {"mmkg/"}


@functools.cache
def defined_names():
    """All names that a file of the library, the tools or the tests defines, at any level."""
    found = set(dir(builtins))
    for top in ("mmkg", "tools", "tests"):
        for path in (ROOT / top).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef | ast.FunctionDef):
                    found.add(node.name)
                elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    found.add(node.id)
                elif isinstance(node, ast.arg):
                    found.add(node.arg)
    return found


def test_the_map_names_every_folder_and_nothing_else():
    named = re.findall(r"^\| `([^`]+/)` \|", text_of("docs/map.md"), flags=re.MULTILINE)
    assert len(set(named)) == len(named)
    assert set(named) == folders()


@pytest.mark.parametrize("page", PAGES)
def test_files_and_modules_named_there_exist(page):
    for span in spans(page):
        if re.fullmatch(r"[\w./-]+", span) and span.startswith(ROOTS):
            assert (ROOT / span).exists(), span
        elif re.fullmatch(r"(data|search|encoders|matching)/[\w./]*", span):
            assert (ROOT / "mmkg" / span).exists(), span
        elif re.fullmatch(r"mmkg(\.\w+)+", span):
            module, _, name = span.rpartition(".")
            assert hasattr(importlib.import_module(module), name), span


@pytest.mark.parametrize("page", PAGES)
def test_names_in_code_exist(page):
    known = defined_names()
    example = {node.name for text in blocks(page) for node in ast.walk(ast.parse(text)) if hasattr(node, "name")}
    for span in spans(page):
        for name in re.findall(r"^([A-Z]\w+$|[a-z_]+(?=\())", span):
            assert name in known | example or name in PLACEHOLDERS, span


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings(page):
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", prose(page)):
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), target
        headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        slugs = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings]
        assert not anchor or anchor in slugs, anchor


@pytest.mark.parametrize("page", PAGES)
def test_targets_of_make_named_there_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), flags=re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text_of(page), flags=re.MULTILINE)) <= targets


def registries():
    """The dicts of the table in CONTRIBUTING.md."""
    table = re.findall(r"^\| [^|]+ \| `(mmkg\.[\w.]+)` \|", text_of("CONTRIBUTING.md"), flags=re.MULTILINE)
    parts = [name.rpartition(".") for name in table]
    return [getattr(importlib.import_module(module), name) for module, _, name in parts]


@pytest.fixture
def examples():
    """The blocks of CONTRIBUTING.md, run one after the other; the registries are restored afterwards."""
    kept = [(each, dict(each)) for each in registries()]
    names = {"__name__": "contributing"}
    try:
        for block in blocks("CONTRIBUTING.md"):
            exec(compile(block, "CONTRIBUTING.md", "exec"), names)
        yield names
    finally:
        for registry, before in kept:
            registry.clear()
            registry.update(before)


def test_every_registry_of_the_table_is_a_dict_or_acts_as_one():
    assert len(registries()) >= 10
    assert all(isinstance(each, MutableMapping) for each in registries())


def test_the_examples_run(examples, tmp_path):
    """Model, loss, encoder, fill, modality, matcher and index kind in one run; then formats of pairs and links."""
    settings = {
        "options": {"dim": 8, "encoder": "mlp", "fill": "ones"},
        "training": {"epochs": 2, "eval_every": 1},
        "search": {"index": "numpy", "matcher": "first-come"},
    }
    result = mmkg.align(twins(), "margin", seed=0, settings=settings)
    assert "degree" in result.widths
    assert result.index().kind == "numpy"
    assert len(result.match(method="first-come")) > 0
    again = mmkg.AlignmentResult.load(result.save(tmp_path / "run"))
    assert again.index().kind == "numpy"
    chance = mmkg.align(twins(), "chance", seed=0, settings={"options": {"dim": 16}})
    assert chance.widths == {"structure": 16} and chance.metrics["left_to_right"]["hits@1"] < 0.2

    folder = tmp_path / "pair"
    folder.mkdir()
    triples = {"left": [["a", "r", "b"]], "right": [["x", "r", "y"]]}
    (folder / "pair.json").write_text(json.dumps({**triples, "links": [["a", "x"], ["b", "y"]]}), encoding="utf-8")
    task = mmkg.load(folder, valid_ratio=0.0)
    assert task.left.entities == ("a", "b") and len(task.links.all()) == 2
    links = tmp_path / "links.equal"
    links.write_text("a = x\nb = y\n", encoding="utf-8")
    (tmp_path / "left.tsv").write_text("a\tr\tb\n", encoding="utf-8")
    (tmp_path / "right.tsv").write_text("x\tr\ty\n", encoding="utf-8")
    assert len(mmkg.read_pair(tmp_path / "left.tsv", tmp_path / "right.tsv", links).links.all()) == 2


def test_the_loss_of_the_example_has_the_value_of_its_formula(examples):
    import torch

    # s = [[1, 0], [0, 1]]: max(0, 1.5 - 1 + 0) = 0.5 for both other pairs
    eye = torch.eye(2)
    assert examples["margin"](eye, eye, gap=1.5).item() == pytest.approx(0.5)
    assert examples["margin"](eye[:1], eye[:1]).item() == 0.0


def test_the_citation_file_is_valid():
    """The keys that the schema of the Citation File Format 1.2.0 requires, and no others than it knows."""
    cff = yaml.safe_load(text_of("CITATION.cff"))
    assert cff["cff-version"] == "1.2.0"
    assert {"cff-version", "message", "title", "authors"} <= set(cff)
    assert set(cff) <= {
        "cff-version",
        "message",
        "type",
        "title",
        "abstract",
        "version",
        "license",
        "keywords",
        "authors",
    }
    assert cff["type"] == "software"
    assert cff["version"] == mmkg.__version__
    assert cff["license"] == "MIT"
    assert cff["authors"] == [{"name": "The mmkg developers"}]
