"""The oldest allowed versions, read from a setup.cfg, and what the tests of the pins do not say of it."""

import configparser
import sys

import pytest

SETUP = """
[options]
install_requires =
    torch>=2.6
    # a comment
    typing-extensions>=4.12
[options.extras_require]
rdf =
    pyoxigraph>=0.5
all =
    pyoxigraph>=0.5
    ray[train]>=2.60
odd =
    numpy>=1,<2
    scipy
"""


@pytest.fixture
def run_tool(load_tool, monkeypatch, capsys, tmp_path):
    tool = load_tool("oldest")
    (tmp_path / "setup.cfg").write_text(SETUP)
    monkeypatch.setattr(tool, "SETUP", tmp_path / "setup.cfg")

    def run_tool(*arguments):
        monkeypatch.setattr(sys, "argv", ["oldest.py", *arguments])
        tool.main()
        return capsys.readouterr().out.splitlines()

    return run_tool


def test_each_package_is_printed_once_with_its_lower_bound(run_tool):
    assert run_tool() == ["torch==2.6", "typing-extensions==4.12"]
    assert run_tool("rdf", "all")[2:] == ["pyoxigraph==0.5", "ray[train]==2.60"]


def test_a_package_can_be_replaced(run_tool):
    assert run_tool("--use", "torch==2.13.0") == ["torch==2.13.0", "typing-extensions==4.12"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "none: setup.cfg has no such extra"),
        (["--use", "pandas==1"], "--use pandas==1: not a direct dependency"),
        (["--use", "torch=1"], "--use torch=1: not a direct"),
        (["odd"], "scipy: expected one bound"),
    ],
)
def test_what_cannot_be_answered_is_said_in_one_line(run_tool, arguments, message):
    with pytest.raises(SystemExit) as stop:
        run_tool(*arguments)
    assert message in stop.value.code.splitlines()[0]


def test_every_bound_of_the_library_has_an_oldest_version(load_tool):
    tool, setup = load_tool("oldest"), configparser.ConfigParser()
    setup.read(tool.SETUP, encoding="utf-8")
    needed = tool.requirements(setup, setup["options.extras_require"])
    assert len(needed) > 20 and all("==" in tool.oldest(each) for each in needed)
