"""The benchmark of the server."""

import http.client
import json

import pytest


@pytest.fixture
def bench_serve(load_tool):
    return load_tool("bench_serve")


def test_a_planted_run_answers_with_the_twin_of_an_entity(bench_serve):
    run = bench_serve.planted(200)
    found = run.search("http://left.example/7", k=3)
    assert found[0].label == "http://right.example/7"
    keys, texts = bench_serve.questions(run, 20)
    assert len(keys) == len(texts) == 20 and all(run.entities[0].rows_of(key) for key in keys)


def test_time_is_counted_by_call(bench_serve):
    seen = []
    spent = bench_serve.timed(seen.append, 30)
    assert seen == [*range(20), *range(30)] and 0 <= spent["wall_s"] <= spent["p99"]
    line = bench_serve.line("x", {"cpu_s": 0.002, "wall_s": 0.002, "p99": 0.01}, 0.001, 5)
    assert (line["per_cpu_s"], line["of_faiss"], line["p99_ms"]) == (500.0, 0.5, 10.0)


@pytest.mark.slow
def test_the_server_of_the_benchmark_answers(bench_serve):
    class Args:
        threads, small, queries = 1, True, 20

    with bench_serve.server(300, Args()) as (facts, connection):
        assert isinstance(connection, http.client.HTTPConnection) and facts["faiss"] > 0
        assert [each["stage"] for each in facts["rows"]][2:] == [
            "candidates, in process", "text search, in process", "misspelt names, in process"
        ]  # fmt: skip
        paths = bench_serve.addresses(facts["keys"], facts["texts"], 5)
        row = bench_serve.over_http("x", paths["candidates, over HTTP"], connection, facts["pid"], 1e-3, 300)
        assert row["cpu_s"] >= 0 and json.dumps(row)
