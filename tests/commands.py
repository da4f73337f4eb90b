"""What tests of the command line share: processes of their own, examples of the help, checks of the output."""

import shlex
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from mmkg.cli import app as cli

ROOT = Path(__file__).parents[1]
COMMANDS = (
    "describe",
    "align",
    "evaluate",
    "search",
    "explain",
    "ask",
    "match",
    "serve",
    "review",
    "merge",
    "dedupe",
    "extend",
    "publish",
    "images",
    "fetch",
    "inspect",
    "convert",
    "doctor",
)
DIRECTIONS = {"left_to_right", "right_to_left"}


def python(*arguments, **options):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, **options)


def example(command):
    text = CliRunner().invoke(cli.app, [command, "--help"]).stdout  # 80 columns: an example must fit on one line
    last = text.rstrip().splitlines()[-1]
    assert last.strip().startswith("Example: mmkg "), text
    return shlex.split(last.strip().removeprefix("Example: mmkg "))


def check_figures(values):
    assert {"protocol", "test", "seconds", "peak_rss_mb"} <= set(values)
    assert set(values["test"]) == DIRECTIONS
    for figures in values["test"].values():
        assert {"hits@1", "hits@10", "mrr", "mr"} <= set(figures)
        assert 0 <= figures["hits@1"] <= figures["hits@10"] <= 1 and 0 < figures["mrr"] <= 1 <= figures["mr"]
    assert all(seconds >= 0 for seconds in values["seconds"].values()) and values["peak_rss_mb"] > 10
    assert {"candidates", "csls_k", "modalities", "selection", "surface_names"} <= set(values["protocol"])


def one_line(done, code):
    assert done.code == code, (done.code, done.out, done.err)
    assert done.out == "" and "Traceback" not in done.err
    assert done.err.startswith("mmkg: ") and done.err.count("\n") == 1, done.err
    return done.err
