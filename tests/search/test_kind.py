"""An index kind registered from outside of mmkg: one class, one line."""

import tomllib
from dataclasses import dataclass

import numpy as np
import pytest

import mmkg
from mmkg.errors import InputError, UsageError
from mmkg.result.result import AlignmentResult
from mmkg.search import INDEXES, Index, IndexKind, load_index, sort_neighbors


@dataclass(frozen=True)
class ToyConfig:
    hidden: int = 0


class ToyIndex(Index):
    """All pairs in NumPy; the first ``hidden`` rows are never found."""

    kind = "toy"

    def __init__(self, rows, metric, config):
        self.metric, self.config, (self.size, self.dim) = metric, config, rows.shape
        self.rows = rows

    def search(self, queries, k):
        scores = np.asarray(queries, np.float32) @ self.rows.T
        scores[:, : self.config.hidden] = -np.inf
        ids = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        found = np.take_along_axis(scores, ids, axis=1)
        return sort_neighbors(np.where(np.isfinite(found), ids, -1), found)

    def write(self, path):
        with path.open("wb") as file:
            np.save(file, self.rows)


def build(vectors, metric, device, config, progress):
    return ToyIndex(np.asarray(vectors, np.float32), metric, config)


def load(path, metric, config, device):
    return ToyIndex(np.load(path), metric, config)


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.setitem(INDEXES, "toy", IndexKind(build, load, ToyConfig))


def test_build_index_takes_its_settings_as_keywords_or_configuration():
    base = np.eye(4, dtype=np.float32)
    for options in ({"hidden": 1}, {"config": ToyConfig(1)}):
        found = mmkg.build_index(base, kind="toy", metric="ip", **options).search(base, 4)
        assert found.ids[:, 0].tolist() == [1, 1, 2, 3] and found.ids[:, 3].tolist() == [-1] * 4
    with pytest.raises(UsageError, match="'hiden'; did you mean 'hidden'"):
        mmkg.build_index(base, kind="toy", hiden=1)
    with pytest.raises(UsageError, match="'flat' is configured by IndexConfig, got ToyConfig"):
        mmkg.build_index(base, kind="flat", config=ToyConfig(1))


def test_it_saves_and_loads_itself(tmp_path):
    base = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    index = mmkg.build_index(base, kind="toy", metric="ip", hidden=2)
    index.save(tmp_path / "index", about={"of": "toys"})
    stored = load_index(tmp_path / "index", expect={"of": "toys"})
    assert stored.index.config == ToyConfig(2) and (stored.index.kind, stored.index.metric) == ("toy", "ip")
    assert (stored.index.search(base, 9).ids == index.search(base, 9).ids).all()
    del INDEXES["toy"]
    with pytest.raises(InputError, match="unknown kind or metric in sidecar: 'toy'"):
        load_index(tmp_path / "index")
    INDEXES["toy"] = IndexKind(build)  # cannot be loaded


def test_what_a_kind_cannot_do_is_refused():
    index = mmkg.build_index(np.eye(3, dtype=np.float32), kind="toy")
    assert index.tuning_rows(100).tolist() == []
    with pytest.raises(UsageError, match="kind 'toy' has nothing to tune"):
        index.tune(np.eye(3))


@pytest.mark.parametrize("csls_k", [0, 3])
def test_a_run_uses_it_and_its_folder_holds_it(small_task, tmp_path, run, csls_k):
    settings = {"search": {"index": "toy", "options": {"hidden": 5}, "csls_k": csls_k}}
    folder = tmp_path / "run"
    made = mmkg.align(small_task, "propagation", settings=settings, out=folder)
    assert tomllib.loads((folder / "config.toml").read_text())["search"]["options"] == {"hidden": 5}
    again = AlignmentResult.load(folder)
    assert again.experiment == made.experiment and type(again.index()) is ToyIndex
    found = again.neighbors(1)[0].ids[:, 0]
    assert found.min() >= 5 and (found == made.neighbors(1)[0].ids[:, 0]).all()
    visible = mmkg.align(small_task, "propagation", settings={"search": {"csls_k": csls_k}})
    expected = visible.neighbors(1)[0].ids[:, 0]
    assert (expected < 5).any() and (found == expected)[expected >= 5].all()
    label = made.entities[0].labels[int(np.flatnonzero(expected < 5)[0])]
    shown = [
        run("search", folder, "--entity", label, "-k", 3, "--json", *more)
        for more in ((), ("--set=search.index=flat",))
    ]
    assert [each.code for each in shown] == [0, 0] and shown[0].out != shown[1].out
    with pytest.raises(UsageError, match=r"search\.options\.nprobe"):
        mmkg.align(small_task, "propagation", settings={"search": {"index": "toy", "options": {"nprobe": 5}}})


def test_settings_of_another_kind_do_not_carry_over(small_task):
    base = mmkg.Experiment.of({"model": "propagation", "search": {"options": {"hnsw_m": 8}}})
    other = mmkg.align(small_task, experiment=base, settings={"search": {"index": "toy"}}).experiment
    assert other.search.options == ToyConfig()
    same = mmkg.align(small_task, experiment=base, settings={"search": {"index": "flat"}}).experiment
    assert same.search.options.hnsw_m == 8
