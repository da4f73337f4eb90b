import json

import pytest


def test_a_step_of_each_model_is_measured(load_tool, tmp_path):
    load_tool("bench_sentiment").main(["--small", "--json", str(tmp_path / "x.json")])
    rows = json.loads((tmp_path / "x.json").read_text())["rows"]
    assert [(row["model"], row["axis"]) for row in rows] == [
        ("tfr-net", "feature"),
        ("tfr-net", "time"),
        ("tate", None),
    ]
    assert all(row["epoch_cpu_s"] == pytest.approx(3 * row["cpu_s"], rel=1e-4) for row in rows)  # 64 in batches of 24
    assert rows[0]["data_mb"] == pytest.approx(64 * (6 * 16 + 9 * 5 + 12 * 7) * 4e-6)
