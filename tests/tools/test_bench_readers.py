import pytest


@pytest.fixture
def bench_readers(load_tool):
    return load_tool("bench_readers")


def test_every_reader_finds_the_triples_that_were_written(bench_readers, tmp_path):
    for stage in filter(bench_readers.installed, bench_readers.READERS):
        file, reader = bench_readers.READERS[stage]
        bench_readers.write(tmp_path, file, 200, 40)
        assert reader(tmp_path / file) == 200, stage


def test_the_headlines_are_stages(bench_readers):
    assert set(bench_readers.HEADLINES) <= set(bench_readers.READERS)
