import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MACHINE = {
    "cpu": "Abacus",
    "cores": 2,
    "memory_gb": 24.4,
    "gpu": None,
    "threads": 1,
    "versions": {"python": "3.12", "torch": "2.13", "scipy": "1"},
}
SEARCH = {
    "bench": "search",
    "small": False,
    "machine": MACHINE,
    "rows": [
        {"stage": "flat", "size": "10k", "cpu_s": 1.25, "times_floor": 1.5, "peak_rss_mb": 512.3, "headline": True},
        {"stage": "  block", "size": "1k", "cpu_s": 0.5},
        {"stage": "a|b", "size": "", "cpu_s": 0.0123, "headline": True, "note": "half of sgemm", "k": 3},
    ],
}
TABLE = """\
Abacus, 2 cores, 24 GB, 1 thread; python 3.12, torch 2.13.

| bench | what | size | CPU-s | times its floor | peak MB |  |
|---|---|---|---|---|---|---|
| search | flat | 10k | 1.25 | 1.50 | 512 |  |
| search | a\\|b |  | 0.0123 |  |  | half of sgemm |"""


@pytest.fixture
def bench_table(load_tool):
    return load_tool("bench_table")


@pytest.fixture
def files(tmp_path):
    """A folder with one report, and a page with empty markers."""
    (tmp_path / "search.json").write_text(json.dumps(SEARCH))
    (tmp_path / "page.md").write_text("# Title\n\n<!-- bench -->\n<!-- /bench -->\n\nThe end.\n")
    return [str(tmp_path), "--page", str(tmp_path / "page.md")]


def test_headlines_become_a_table_with_the_machine(bench_table, files, capsys):
    bench_table.main(files[:1])
    assert capsys.readouterr().out == TABLE + "\n"


def test_the_table_goes_between_the_markers_and_nowhere_else(bench_table, files):
    expected = f"# Title\n\n<!-- bench -->\n{TABLE}\n<!-- /bench -->\n\nThe end.\n"
    for _ in range(2):
        bench_table.main([*files, "--write"])
        assert Path(files[2]).read_text() == expected


def test_other_figures_and_sizes_pass_the_check_and_other_rows_do_not(bench_table, files):
    bench_table.main([*files, "--write"])
    flat, _, other = SEARCH["rows"]
    quick = {**SEARCH, "small": True, "rows": [{**flat, "size": "10", "cpu_s": 9.0}, other, {**flat, "size": "20"}]}
    path = Path(files[0]) / "search.json"
    path.write_text(json.dumps(quick))
    bench_table.main([*files, "--check"])
    path.write_text(json.dumps({**quick, "rows": [flat, {**other, "stage": "ivf"}]}))
    with pytest.raises(SystemExit, match=r"that no benchmark gives: search a\\\|b; rows that it lacks: search ivf"):
        bench_table.main([*files, "--check"])


def test_other_columns_do_not_pass_the_check(bench_table, files):
    readme = Path(files[2])
    readme.write_text(
        readme.read_text().replace("<!-- bench -->\n", f"<!-- bench -->\n{TABLE}\n".replace("CPU-s", "s"))
    )
    with pytest.raises(SystemExit, match="has the columns"):
        bench_table.main([*files, "--check"])


def test_quick_runs_are_not_written_down(bench_table, files):
    (Path(files[0]) / "search.json").write_text(json.dumps({**SEARCH, "small": True}))
    with pytest.raises(SystemExit, match="run make bench"):
        bench_table.main([*files, "--write"])


@pytest.mark.parametrize("text", ["", "<!-- bench -->", "<!-- /bench --> <!-- bench -->", "<!-- bench -->" * 2])
def test_missing_markers_are_named(bench_table, files, text):
    Path(files[2]).write_text(text)
    with pytest.raises(SystemExit, match="<!-- bench --> and then <!-- /bench -->"):
        bench_table.main([*files, "--check"])


def test_an_empty_folder_is_an_error(bench_table, tmp_path):
    with pytest.raises(SystemExit, match="found none"):
        bench_table.main([str(tmp_path)])


def test_two_machines_are_both_named(bench_table, files, capsys):
    other = {**SEARCH, "machine": {**MACHINE, "threads": 2, "gpu": "Big"}, "rows": []}
    (Path(files[0]) / "train.json").write_text(json.dumps(other))
    bench_table.main(files[:1])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("Abacus, Big, 2 cores, 24 GB, 2 threads;")


def test_the_page_has_a_table_that_the_columns_fit(bench_table):
    _, old, _ = bench_table.split(bench_table.PAGE.read_text(encoding="utf-8"), bench_table.PAGE)
    columns, rows = bench_table.shape(old)
    assert columns == [name.strip() for name in bench_table.COLUMNS.values()]
    benches = {path.stem.removeprefix("bench_") for path in (ROOT / "tools" / "bench").glob("bench_*.py")} - {"table"}
    assert {bench for bench, _ in rows} <= benches
