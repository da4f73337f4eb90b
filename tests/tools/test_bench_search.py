import numpy as np
import pytest


@pytest.fixture
def bench_search(load_tool):
    return load_tool("bench_search")


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


def test_rows_of_five_parts_compare_one_set_of_lists_with_one_per_part(bench_search):
    left, right = bench_search.joint(400)
    np.testing.assert_allclose([np.linalg.norm(left, axis=1), np.linalg.norm(right, axis=1)], 1, atol=1e-5)
    lacking = (right[:, :100] == 0).all(axis=1).mean()
    assert 0.15 < lacking < 0.35  # 30 % of those that may lack the first part, four of five
    rows = {row["kind"]: row for row in bench_search.modality_rows(3000) if row["stage"] == "search of five parts"}
    assert set(rows) == {"ivf", "parts"}
    assert rows["parts"]["hits_at_1_lost"] <= rows["ivf"]["hits_at_1_lost"] + 0.002


def test_copies_of_a_few_vectors_are_timed_as_one_search_and_one_pass_of_means(bench_search):
    stages = [(row["stage"], row["kind"]) for row in bench_search.copy_rows(3000, 8, 3)]
    assert stages == [("build and search", "flat"), ("CSLS means of both sides", "exact")]
