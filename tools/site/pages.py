"""Texts of the generated pages: settings, command line, API, errors, and files of the repository."""

import dataclasses
import importlib
import inspect
import json
import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any

import typer

from mmkg.cli.app import app
from mmkg.config.experiment import Experiment
from mmkg.models.registry import MODELS
from mmkg.search.config import IndexConfig

ROOT = Path(__file__).parents[2]
API = ("mmkg", "mmkg.search", "mmkg.matching", "mmkg.evaluation", "mmkg.losses", "mmkg.fusion", "mmkg.encoders")
SECTIONS = ("data", "features", "training", "bootstrap", "refinement", "search")
COPIED = {
    "reference/figures.md": "tools/FIGURES.md",
    "develop/changes.md": "CHANGELOG.md",
    "develop/extend.md": "CONTRIBUTING.md",
    "develop/security.md": "SECURITY.md",
}
# Weight of a page or of a folder in the search. A message of an error is found before pages that have some of its
# words; first steps come before details, and references of many words last.
WEIGHTS = {
    "start": 2.0,
    "reference/errors.md": 8.0,
    "reference/messages.md": 8.0,
    "reference/api.md": 0.2,
    "reference/figures.md": 0.3,
    "develop/changes.md": 0.1,
    "develop/extend.md": 0.3,
    "design.md": 0.3,
    "style.md": 0.2,
    "map.md": 0.2,
}


def generated() -> dict[str, str]:
    """Text of each generated page, by its path in the site."""
    found = {page: copied(page, source) for page, source in COPIED.items()}
    found["reference/settings.md"] = settings_page()
    found["reference/commands.md"] = commands_page()
    found["reference/api.md"] = api_page()
    for path in sorted((ROOT / "docs" / "tutorials").glob("*.ipynb")):
        found[f"tutorials/{path.stem}.md"] = notebook_page(path)
    return found


def copied(page: str, source: str) -> str:
    """A file of the repository as a page."""
    return linked((ROOT / source).read_text(encoding="utf-8"), page, source)


def linked(text: str, page: str, source: str) -> str:
    """A text with links to pages of the site; of links to other files of the repository the words are left."""
    copies = {original: path for path, original in COPIED.items()}

    def link(found: re.Match[str]) -> str:
        words, target, anchor = found[1], found[2], found[3] or ""
        if not target or target.startswith(("http:", "https:")):
            return found[0]
        path = ((ROOT / source).parent / target).resolve()
        name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""
        up = "../" * page.count("/")
        if name in copies:
            return f"[{words}]({up}{copies[name]}{anchor})"
        return found[0] if path.is_relative_to(ROOT / "docs") and source.startswith("docs/") else words

    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)#]*)(#[^)]*)?\)", link, text)


def notebook_page(path: Path) -> str:
    """The cells of a notebook as a page."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    shown = [
        text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```"
        for cell, text in zip(cells, texts, strict=True)
    ]
    place = f"This page is the notebook `docs/tutorials/{path.name}`, which a test runs."
    return "\n\n".join([shown[0], place, *shown[1:]]) + "\n"


def settings_page() -> str:
    """Every setting of an experiment: name, values, default, meaning, from the configuration classes."""
    lines = [
        "# Settings",
        "",
        "Each is given as `--set section.name=value`, in a TOML file for `--config`, or in Python as",
        '`settings={"section": {"name": value}}`. A misspelt name is an error that names the nearest known one.',
        "",
        *rows(Experiment, "", {"model", "seed", "refit"}),
    ]
    propagation = Experiment.of({"model": "propagation"})
    trained = Experiment.of({"model": "meaformer"})
    for name in SECTIONS:
        part = getattr(trained if name == "training" else propagation, name)
        lines += ["", f"## {name}", "", summary(type(part)), "", *rows(type(part), name)]
        if name == "search":
            lines += ["", "Of the index:", "", *rows(IndexConfig, name)]
    for name, entry in MODELS.items():
        if entry.config is not None:
            lines += ["", f"## options of {name}", "", summary(entry.config), "", *rows(entry.config, "options")]
    return "\n".join(lines) + "\n"


def summary(kind: type) -> str:
    """The first paragraph of a docstring."""
    return (inspect.getdoc(kind) or "").split("\n\n")[0].replace("``", "`")


def rows(kind: type, section: str, only: set[str] | None = None) -> Iterator[str]:
    """A table of the fields of a configuration class."""
    yield "| setting | values | default | meaning |"
    yield "|---|---|---|---|"
    meanings = arguments(kind)
    hints = typing.get_type_hints(kind, include_extras=True) if section else {}
    for field in dataclasses.fields(kind):
        if only is not None and field.name not in only:
            continue
        default = field.default if field.default is not dataclasses.MISSING else "as `model` says"
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        key = f"{section}.{field.name}" if section else field.name
        shown = f"`{default!r}`".replace("|", "\\|") if default not in ("as `model` says",) else default
        yield f"| `{key}` | {values_of(hints.get(field.name, field.type))} | {shown} | {meanings.get(field.name, '')} |"


def arguments(kind: type) -> dict[str, str]:
    """Meaning of each argument, from the section Args of the docstring; a line may name several."""
    text = inspect.getdoc(kind) or ""
    found = re.search(r"^Args:\n((?:[ ]+.*\n?|\n)*)", text, flags=re.MULTILINE)
    meanings: dict[str, str] = {}
    for names, meaning in re.findall(
        r"^ {4}([\w, ]+):\s+((?:.*\n?)(?:^ {8}.*\n?)*)", found[1] if found else "", flags=re.M
    ):
        for name in names.split(","):
            meanings[name.strip()] = " ".join(meaning.split()).replace("``", "`").replace("|", "\\|")
    return meanings


def values_of(hint: Any) -> str:
    """Type and range of a field in words."""
    if typing.get_origin(hint) is typing.Annotated:
        kind, *facts = typing.get_args(hint)
        bounds = [text for fact in facts for each in getattr(fact, "metadata", [fact]) if (text := bound(each))]
        return ", ".join([values_of(kind), *bounds])
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(f"`{value}`" for value in typing.get_args(hint))
    if typing.get_origin(hint) in (typing.Union, UnionType):
        return " or ".join(values_of(each) for each in typing.get_args(hint) if each is not type(None))
    names: Mapping[Any, str] = {int: "whole number", float: "number", bool: "`true` or `false`", str: "text"}
    return names.get(hint, "list" if typing.get_origin(hint) is tuple else "")


def bound(fact: Any) -> str:
    """A limit of a number in words."""
    for key, words in (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<")):
        if getattr(fact, key, None) is not None:
            return f"{words} {getattr(fact, key):g}"
    return ""


def commands_page() -> str:
    """Usage, options and example of every sub-command."""
    lines = [
        "# Command line",
        "",
        "Results go to stdout, progress to stderr. Exit status 0 = done, 1 = failed, 2 = wrong usage.",
        "`PAIR` is the name of an embedded pair, a folder, or two graphs.",
    ]
    command = typer.main.get_command(app)
    for path, each in walked(command, ["mmkg"]):
        lines += ["", f"## {' '.join(path)}", "", (each.help or "").replace("``", "`").strip(), ""]
        context = each.make_context(" ".join(path), [], resilient_parsing=True)
        pieces = each.collect_usage_pieces(context)
        lines += ["```", " ".join([*path, *pieces]), "```", ""]
        options = [each_option for each_option in each.params if each_option.name != "help"]
        if options:
            lines += ["| option | meaning |", "|---|---|"]
        for option in options:
            record = option.get_help_record(context)
            if record is None:
                record = (option.human_readable_name, getattr(option, "help", "") or "")
            names, meaning = (" ".join(text.split()).replace("|", "\\|") for text in record)
            lines.append(f"| `{names}` | {meaning.replace('``', '`')} |")
        if each.epilog:
            lines += ["", re.sub(r"Example: (.*)", r"Example: `\1`", each.epilog)]
    return "\n".join(lines) + "\n"


def walked(command: Any, path: list[str]) -> Iterator[tuple[list[str], Any]]:
    """All commands below a group, in their order, with their words."""
    for name, each in command.commands.items():
        if hasattr(each, "commands"):
            yield from walked(each, [*path, name])
        else:
            yield [*path, name], each


def api_page() -> str:
    """Signatures and docstrings of the public names."""
    lines = ["# API", "", "Public names, by the module that they are imported from.", ""]
    shown = set()
    for module in API:
        lines += [f"## {module}", ""]
        names = importlib.import_module(module).__all__
        for name in names:
            each = getattr(importlib.import_module(module), name)
            place = f"{each.__module__}.{each.__qualname__}" if hasattr(each, "__qualname__") else ""
            if place in shown:
                lines += [f"[`{name}`](#{place}): see above.", ""]
            elif place:  # a registry is shown where parts are added
                shown.add(place)
                lines += [f"::: {place}", "    options:", "      heading_level: 3", ""]
    return "\n".join(lines) + "\n"
