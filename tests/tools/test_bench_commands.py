import os
import sys

import pytest


@pytest.fixture
def bench_commands(load_tool):
    return load_tool("bench_commands")


def test_the_memory_of_a_command_is_its_own(bench_commands):
    held = bytearray(300_000_000)  # of this process
    out, spent = bench_commands.command([sys.executable, "-S", "-c", "print('x' * 3)"], dict(os.environ))
    assert out == "xxx\n" and 0 < spent["peak_rss_mb"] < 100 and spent["cpu_s"] > 0
    _, more = bench_commands.command([sys.executable, "-S", "-c", "b = b'x' * 200_000_000"], dict(os.environ))
    assert 200 < more["peak_rss_mb"] < 300
    del held


def test_a_command_that_fails_says_what_it_printed(bench_commands):
    with pytest.raises(SystemExit, match="no such pair"):
        bench_commands.command([sys.executable, "-S", "-c", "raise SystemExit('no such pair')"], dict(os.environ))


def test_cost_is_told_in_full_products(bench_commands):
    made = bench_commands.line("match", "2 x 3", {"cpu_s": 6.0}, 1.5, "Hits@1 0.500")
    assert (made["products"], made["note"]) == (4.0, "Hits@1 0.500; 4.0 full products")
