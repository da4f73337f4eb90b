import numpy as np
import pytest


@pytest.fixture
def bench_peers(load_tool):
    return load_tool("bench_peers")


@pytest.mark.slow
def test_every_library_finds_the_planted_counterparts(bench_peers):
    left, right = bench_peers.planted(1500, 16, clusters=0, noise=0.1)
    left, right = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (left, right))
    rows = {(row["library"], row["kind"]): row for row in bench_peers.compared(left, right, "1,500", 300)}
    assert {"faiss", "mmkg"} <= {library for library, _ in rows}
    assert all(row["recall_at_1"] >= 0.999 for row in rows.values())
    assert rows["mmkg", "sq8"]["bytes_per_row"] == 16 and rows["mmkg", "flat"]["bytes_per_row"] == 64
    best = min(row["cpu_s"] for (library, _), row in rows.items() if library != "mmkg")
    assert rows["mmkg", "pq4"]["times_best_peer"] == pytest.approx(rows["mmkg", "pq4"]["cpu_s"] / best)


@pytest.mark.slow
def test_graphs_are_left_out_if_asked(bench_peers):
    left, right = bench_peers.planted(600, 8, clusters=0, noise=0.1)
    rows = bench_peers.compared(left, right, "600", 100, graphs=False)
    assert not any(row["kind"].startswith("hnsw") for row in rows)
