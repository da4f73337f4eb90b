import json

import pytest
import torch


@pytest.fixture
def cluster_cost(load_tool):
    return load_tool("cluster_cost")


def test_the_speed_follows_from_seconds_and_bytes(cluster_cost):
    rows = [cluster_cost.costs("a step", "", 1, 4.0, 0.0), cluster_cost.costs("a step", "", 2, 2.0, 250e6)]
    alone, two = cluster_cost.compared(rows)
    assert "pays_from_gb_s" not in alone
    # 250 MB are 2 Gb: two seconds at 1 Gb/s, which two seconds saved make up for
    assert two["times_at_1_gb_s"] == pytest.approx(1.0) and two["pays_from_gb_s"] == pytest.approx(1.0)
    assert two["times_at_10_gb_s"] == pytest.approx(4 / 2.2) and two["times_at_100_gb_s"] == pytest.approx(4 / 2.02)
    assert cluster_cost.compared([rows[0], rows[0] | {"workers": 2}])[1]["pays_from_gb_s"] is None


def test_bytes_of_a_ring(cluster_cost, monkeypatch):
    for name in ("all_reduce", "all_gather", "broadcast"):
        monkeypatch.setattr(cluster_cost.dist, name, lambda *given, **more: None)
    counted = cluster_cost.Counted(4)
    counted.all_reduce(torch.zeros(100))  # 400 bytes, of which 3 / 4 are sent twice
    assert counted.sent == 600
    counted.all_gather([], torch.zeros(10))
    assert counted.sent == 600 + 3 * 40
    counted.broadcast(torch.zeros(10), src=0)
    assert counted.sent == 600 + 3 * 40 + 30


@pytest.mark.slow
def test_every_number_of_workers_is_measured(cluster_cost, tmp_path):
    cluster_cost.main(["--small", "--without-ray", "--json", str(tmp_path / "rows.json")])
    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert [row["workers"] for row in rows] == [1, 2, 4]
    assert rows[0]["mb_per_worker"] == 0 < rows[1]["mb_per_worker"] < rows[2]["mb_per_worker"]
