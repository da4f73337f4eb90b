"""The benchmark of start-up and of questions."""

import pytest

from mmkg.result.read_hits import read_hits


@pytest.fixture
def bench_startup(load_tool, monkeypatch):
    found = load_tool("bench_startup")
    monkeypatch.setattr(found, "QUESTIONS", 5)
    return found


def test_a_question_is_measured_by_its_median(bench_startup, small_run):
    spent, note = bench_startup.warm(read_hits(small_run), 3)
    assert 0 < spent["cpu_s"] < 1 and 0 < spent["wall_s"]
    assert note.startswith("p50 ") and note.endswith(" ms of 5")


def test_questions_to_a_run_are_cold_and_warm(bench_startup, small_run):
    rows = bench_startup.questions(small_run, {})
    stages = ["mmkg search ", "mmkg match R", "mmkg evaluat", "a question i", "a question i"]
    assert [row["stage"][:12] for row in rows] == stages
    assert rows[0]["cpu_s"] > rows[3]["cpu_s"] and rows[0]["peak_rss_mb"] < 200
