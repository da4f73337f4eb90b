import sys

import pytest


@pytest.fixture
def bench_load(load_tool):
    return load_tool("bench_load")


def test_a_rate_is_a_number_per_cpu_second(bench_load):
    made = bench_load.per_second("read", "2 files", {"cpu_s": 0.25}, 123_456, "triples", floor_cpu_s=0.05)
    assert (made["per_cpu_s"], made["note"], made["times_floor"]) == (493_824, "494,000 triples per CPU-s", 5)


def test_without_pyarrow_there_is_no_plain_parse(bench_load, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert bench_load.plain_parse([], [], 1) is None
