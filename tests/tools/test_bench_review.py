"""The benchmark of the page of a run."""


def test_the_planted_run_is_found_and_every_part_is_measured(load_tool):
    bench = load_tool("bench_review")
    rows = bench.rows_of(400)
    assert [row["stage"] for row in rows][0::7] == ["headline, the first time", "report.html"] and len(rows) == 8
    assert all(row["cpu_s"] >= 0 for row in rows)
    linked = bench.planted(400).linked()
    right = linked.left == linked.right
    assert right.mean() > 0.9 and 300 < len(linked) < 400
