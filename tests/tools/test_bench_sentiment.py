import json
import re

import pytest
import torch

from mmkg.sentiment.data import SentimentSplit


def test_a_step_of_each_model_is_measured(load_tool, tmp_path):
    load_tool("bench_sentiment").main(["--small", "--json", str(tmp_path / "x.json")])
    rows = json.loads((tmp_path / "x.json").read_text())["rows"]
    assert [(row["model"], row["axis"]) for row in rows] == [
        ("tfr-net", "feature"),
        ("tfr-net", "time"),
        ("tate", None),
    ]
    assert all(row["epoch_cpu_s"] == pytest.approx(3 * row["cpu_s"], rel=1e-4) for row in rows)  # 64 in batches of 24
    assert not any("%" in row["note"] for row in rows)
    assert rows[0]["data_mb"] == pytest.approx(64 * (6 * 16 + 9 * 5 + 12 * 7) * 4e-6)


def test_batches_are_drawn_from_all_samples_where_they_are_held(load_tool, tmp_path, monkeypatch):
    tool, drawn = load_tool("bench_sentiment"), []
    batch = SentimentSplit.batch
    monkeypatch.setattr(SentimentSplit, "batch", lambda self, seen, rows: drawn.extend(rows) or batch(self, seen, rows))
    words = ["--small", "--whole", "--models", "tate", "--repeats", "1", "--json", str(tmp_path / "x.json")]
    tool.main(words)
    rows = json.loads((tmp_path / "x.json").read_text())["rows"]
    assert [row["stage"] for row in rows] == ["sentiment samples", "sentiment step, all samples held"]
    assert len(drawn) == len(set(drawn)) == 48 and max(drawn) > 47 and max(drawn) < 64  # a warm-up and a step of 24


def test_the_costliest_operator_of_a_step_is_told(load_tool):
    x = torch.ones(300, 300)
    told = load_tool("bench_sentiment").shares(lambda: x @ x @ x, 1)
    assert re.fullmatch(r"mm (\d+)%", told) and int(told.split()[1][:-1]) > 50
