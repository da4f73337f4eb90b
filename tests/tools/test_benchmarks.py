import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

TOOLS = Path(__file__).parents[2] / "tools" / "bench"
SCRIPTS = sorted(path.name for path in TOOLS.glob("bench_*.py") if path.name != "bench_table.py")


@pytest.fixture
def benchmarks(load_tool):
    return load_tool("harness")


def spent(**changes):
    return {"cpu_s": 3.0, "wall_s": 4.0, "peak_rss_mb": 500.0, "above_mb": 20.0} | changes


def test_a_row_shows_its_floor_and_the_distance_from_it(benchmarks):
    # a product of 1,000 x 100 and 100 x 1,000 is 0.2 GFLOP: 2 ms at 100 GFLOP/s
    made = benchmarks.row("product", "1k", spent(cpu_s=0.005), floor_cpu_s=2 * 1000 * 1000 * 100 / 100e9, kind="flat")
    assert made["floor_cpu_s"] == pytest.approx(0.002)
    assert made["times_floor"] == pytest.approx(2.5)
    assert (made["stage"], made["size"], made["kind"], made["cpu_s"]) == ("product", "1k", "flat", 0.005)
    assert "times_floor" not in benchmarks.row("x", "", spent())


def test_the_table_is_aligned_and_puts_seconds_last(benchmarks):
    rows = [
        benchmarks.row("search", "10k", spent(), floor_cpu_s=1.5, headline=True),
        benchmarks.row("x", "a larger one", {"cpu_s": 0.01234}, count=12345),
    ]
    assert benchmarks.table(rows).splitlines() == [
        "stage   size           count   cpu_s  wall_s  floor_cpu_s  times_floor  peak_rss_mb  above_mb",
        "search  10k                     3.00    4.00         1.50         2.00          500      20.0",
        "x       a larger one  12,345  0.0123",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (math.nan, ""), (3, "3"), (0.0, "0"), (0.00123, "0.00123"), (1.0, "1.00"), (99.96, "100")]
    + [(1234.5, "1,234"), (-2.5, "-2.50"), (True, "True"), ("a", "a")],
)
def test_cells_have_three_digits(benchmarks, value, text):
    assert benchmarks.cell(value) == text


def test_the_json_holds_machine_and_rows(benchmarks, tmp_path, capsys):
    args = benchmarks.start(benchmarks.parser("A bench."), ["--json", str(tmp_path / "new" / "a.json"), "--small"])
    benchmarks.report("a", [benchmarks.row("x", "1", spent(above_mb=math.nan), share=1 / 3, headline=True)], args)
    found = json.loads((tmp_path / "new" / "a.json").read_text())
    assert set(found) == {"bench", "small", "machine", "rows"}
    assert (found["bench"], found["small"]) == ("a", True)
    expected = {"stage": "x", "size": "1", "share": 0.333333, "headline": True, "above_mb": None}
    assert found["rows"] == [{**expected, "cpu_s": 3.0, "wall_s": 4.0, "peak_rss_mb": 500.0}]
    assert found["machine"]["versions"]["torch"] == torch.__version__
    assert found["machine"]["threads"] == torch.get_num_threads() and found["machine"]["cores"] >= 1
    assert "x      1" in capsys.readouterr().out


def test_a_dash_prints_the_json_alone(benchmarks, capsys):
    args = benchmarks.start(benchmarks.parser("A bench."), ["--json", "-"])
    benchmarks.report("a", [], args)
    assert json.loads(capsys.readouterr().out)["rows"] == []


def test_threads_hold_for_torch_and_for_libraries_loaded_later(benchmarks, monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "9")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "9")
    try:
        args = benchmarks.start(benchmarks.parser("A bench."), ["--threads", "1"])
        assert args.threads == torch.get_num_threads() == 1
        assert benchmarks.os.environ["OMP_NUM_THREADS"] == benchmarks.os.environ["OPENBLAS_NUM_THREADS"] == "1"
    finally:
        torch.set_num_threads(before)
    with pytest.raises(SystemExit):
        benchmarks.start(benchmarks.parser("A bench."), ["--threads", "-1"])


def test_measuring_gives_the_median_and_the_memory_of_the_call(benchmarks, monkeypatch):
    clock = iter([0, 1, 10, 15, 20, 22])  # three calls: 1, 5 and 2 seconds
    monkeypatch.setattr(benchmarks.time, "process_time", lambda: next(clock))
    calls = []
    result, found = benchmarks.measure(lambda: calls.append(1) or len(calls), repeats=3, warmup=2)
    assert (result, found["cpu_s"]) == (5, 2)
    monkeypatch.undo()
    _, found = benchmarks.measure(lambda: torch.ones(25_000_000).sum())
    if Path("/proc/self/clear_refs").exists():  # elsewhere the peak cannot be reset
        assert 90 < found["above_mb"] < 150  # 100 MB


def test_rates_are_of_a_plausible_size(benchmarks):
    assert 1e8 < benchmarks.sgemm_rate(size=256) < 1e13
    assert 1e7 < benchmarks.gather_rate(rows=1000, width=64) < 1e12
    assert 1e7 < benchmarks.stream_rate(megabytes=8) < 1e12


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_benchmark_runs_small(script):
    command = [sys.executable, str(TOOLS / script), "--small", "--json", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert f"bench_{found['bench']}.py" == script
    assert found["rows"] and all(line["stage"].strip() and line["cpu_s"] >= 0 for line in found["rows"])
    assert any(line.get("headline") for line in found["rows"])
