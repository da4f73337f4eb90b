import sys

import numpy as np
import pytest

from mmkg.data.dbp15k import read_dbp15k
from mmkg.data.synthetic import twin_graphs


@pytest.fixture
def bench_load(load_tool):
    return load_tool("bench_load")


def test_the_folder_that_is_measured_holds_the_synthetic_pair(bench_load, tmp_path):
    task = twin_graphs(30, image_dim=4, noise=0.1, seed=5)  # every third image missing
    bench_load.write_dbp15k(task, tmp_path / task.name)
    found = read_dbp15k(tmp_path / task.name)
    for graph, read in ((task.left, found.left), (task.right, found.right)):
        assert read.entities == graph.entities and read.names == graph.names
        labels = np.array([int(label) for label in read.relations])  # without rel_ids the number is the label
        triples = read.triples.copy()
        triples[:, 1] = labels[triples[:, 1]]
        assert np.array_equal(triples, graph.triples)
        assert np.array_equal(read.images.rows, graph.images.rows)
        assert np.array_equal(read.images.features, graph.images.features)
        facts = [
            {(int(entity), each.names[kind]) for entity, kind in zip(each.entity, each.attribute, strict=True)}
            for each in (graph.attributes, read.attributes)
        ]
        assert facts[0] == facts[1] and facts[0]
    assert {tuple(link) for link in found.links.all().tolist()} == {tuple(link) for link in task.links.all().tolist()}


def test_a_rate_is_a_number_per_cpu_second(bench_load):
    made = bench_load.per_second("read", "2 files", {"cpu_s": 0.25}, 123_456, "triples", floor_cpu_s=0.05)
    assert (made["per_cpu_s"], made["note"], made["times_floor"]) == (493_824, "494,000 triples per CPU-s", 5)


def test_without_pyarrow_there_is_no_plain_parse(bench_load, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert bench_load.plain_parse([], [], 1) is None
