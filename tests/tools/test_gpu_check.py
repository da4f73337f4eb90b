import json
import sys
from types import SimpleNamespace

import pytest
import torch
from pretend_cuda import pretended


@pytest.fixture
def check(load_tool):
    return load_tool("check")


def rows_of(path):
    return json.loads(path.read_text())["rows"]


def test_the_reduced_form_runs_every_check_on_a_cpu(check, tmp_path, capsys):
    path = tmp_path / "new" / "gpu.json"
    assert check.main(["--reduced", "--device", "cpu", "--json", str(path)]) == 0
    rows, out = rows_of(path), capsys.readouterr().out
    assert {row["check"] for row in rows} == set(check.CHECKS)
    assert {row["status"] for row in rows} <= {"ok", "measured", "skipped"}
    assert sum(row["status"] == "ok" for row in rows) >= 20
    assert all(row["note"].startswith("needs ") for row in rows if row["status"] == "skipped")
    about = json.loads(path.read_text())["machine"]
    assert (about["gpu"], about["reduced"], about["versions"]["torch"]) == (None, True, torch.__version__)
    assert out.splitlines()[-1].endswith("skipped") and "no GPU, reduced form" in out


@pytest.mark.slow
def test_the_checks_put_every_tensor_on_the_gpu(check, tmp_path):
    path = tmp_path / "gpu.json"
    # the profiler of "waiting" needs a real GPU; tests/test_on_cuda.py trains the models of "sentiment"
    only = ",".join(name for name in check.CHECKS if name not in ("waiting", "sentiment"))
    with pretended():
        check.main(["--reduced", "--device", "cuda", "--only", only, "--json", str(path)])
    assert [row for row in rows_of(path) if row["status"] == "failed"] == []


def fake(**functions):
    return SimpleNamespace(**functions)


def test_a_failed_check_is_a_row_and_the_next_one_runs(check, monkeypatch, tmp_path, capsys):
    def broken(work):
        work.verify("sum", 1 + 1 == 2, "2", "2")
        raise RuntimeError("no kernel\nfor this")

    def wrong(work):
        work.verify("sum", False, "3", "2")

    monkeypatch.setitem(sys.modules, "fakes", fake(broken=broken, wrong=wrong))
    monkeypatch.setattr(check, "CHECKS", {"a": ("fakes", "broken", 5), "b": ("fakes", "wrong", 5)})
    path = tmp_path / "gpu.json"
    assert check.main(["--reduced", "--json", str(path)]) == 1
    found = rows_of(path)
    assert [(row["check"], row["status"]) for row in found] == [("a", "ok"), ("a", "failed"), ("b", "failed")]
    assert found[1]["note"] == "RuntimeError: no kernel" and "in broken" in found[1]["trace"]
    assert "failed    b            sum: 3 (expected 2)" in capsys.readouterr().out


def test_a_child_that_dies_or_hangs_keeps_its_rows(check):
    row = 'print(\'ROW {"check": "a", "what": "x", "status": "ok"}\', flush=True); '
    died = list(check.in_a_process("a", [sys.executable, "-c", row + "raise MemoryError('full')"], 20))
    assert [each.status for each in died] == ["ok", "failed"]
    assert died[1].note == "the process ended with code 1: MemoryError: full"
    hung = list(check.in_a_process("a", [sys.executable, "-c", row + "import time; time.sleep(60)"], 3))
    assert [each.status for each in hung] == ["ok", "skipped"] and hung[1].note == "not done after 3 s"


def test_checks_after_the_budget_are_skipped(check, capsys):
    assert check.main(["--reduced", "--device", "cpu", "--only", "machine", "--budget", "0"]) == 0
    assert "skipped   machine      all:   the time of --budget is spent" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "speed"], "unknown check speed; known: machine, training"),
        (["--pair", "nowhere"], "expected a folder in DBP15K layout, nowhere is none"),
        pytest.param(
            ["--device", "cuda"],
            "this torch sees no CUDA device",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA"),
        ),
    ],
)
def test_wrong_options_are_refused(check, capsys, words, message):
    with pytest.raises(SystemExit, match="2"):
        check.main(words)
    assert message in capsys.readouterr().err


def test_missing_packages_are_named(check, monkeypatch, capsys):
    monkeypatch.setattr(check, "missing_packages", lambda: ["scipy", "pydantic"])
    with pytest.raises(SystemExit):
        check.main([])
    assert "mmkg needs these packages too: scipy pydantic" in capsys.readouterr().err
