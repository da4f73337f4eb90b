from pathlib import Path

import numpy as np
import pytest

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def bench_search(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    import bench_search

    return bench_search


@pytest.mark.parametrize("clusters", [0, 20])
def test_the_counterparts_are_where_they_were_planted(bench_search, clusters):
    left, right = bench_search.planted(300, 40, clusters=clusters, noise=0.1)
    distances = ((left[:, None].astype(np.float64) - right[None]) ** 2).sum(axis=2)
    assert (distances.argmin(axis=1) == np.arange(300)).all()


def test_ivf_rows_say_what_was_lost_against_exact_search(bench_search):
    left, right = bench_search.planted(3000, 16, clusters=0, noise=0.1)
    rows = {(row["stage"], row.get("k")): row for row in bench_search.ivf_rows(left, right, 3, "3,000")}
    found = rows["search list by list", 1]
    assert found["hits_at_1"] > 0.99 and found["missed_of_exact"] <= 0.001 and found["hits_at_1_lost"] <= 0.001
    assert rows["search query by query", 3]["timed"] == 1000 and "build" in {stage for stage, _ in rows}
