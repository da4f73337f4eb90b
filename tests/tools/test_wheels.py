"""The table of wheels, with a pip that knows what it has."""

import sys

import pytest


@pytest.fixture
def run_tool(load_tool, monkeypatch, tmp_path, capsys):
    tool = load_tool("wheels")
    (tmp_path / "constraints.txt").write_text("# pins\ntorch==2.13.0\nnumpy==2.4.6\nh5py==3.16.0\n")
    monkeypatch.setattr(tool, "PINS", tmp_path / "constraints.txt")
    lacking = {"3.12": [], "3.14": ["numpy==2.4.6", "torch==2.13.0"], "3.15": ["numpy==1"]}

    def resolve(python, pins):
        missing = [pin for pin in lacking[python] if pin in pins or python == "3.15"]
        return not missing, "".join(f"ERROR: No matching distribution found for {pin}\n" for pin in missing)

    monkeypatch.setattr(tool, "resolve", resolve)

    def run_tool(*versions):
        monkeypatch.setattr(sys, "argv", ["wheels.py", *versions])
        tool.main()
        return capsys.readouterr().out.splitlines()[2:]

    return run_tool


def test_each_version_of_python_has_a_row_with_what_is_missing(run_tool):
    assert run_tool("3.12", "3.14") == ["| 3.12 | 3 of 3 | - |", "| 3.14 | 1 of 3 | numpy==2.4.6, torch==2.13.0 |"]


def test_another_fault_of_pip_is_no_missing_wheel(run_tool):
    with pytest.raises(SystemExit, match=r"pip for Python 3\.15: ERROR: No matching distribution found for numpy==1"):
        run_tool("3.15")
