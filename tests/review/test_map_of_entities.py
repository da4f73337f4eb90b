"""The map."""

import sys

import numpy as np
import pytest
from small import newer_zip

from mmkg.review import RunView
from mmkg.review.layout import COMPONENTS, FILE, TSNE, WITHOUT, _components


def test_components_are_those_of_the_covariance():
    rng = np.random.default_rng(0)
    rows = (rng.standard_normal((200, 12)) * np.arange(1, 13)).astype(np.float32)
    found = _components(rows, 2, seed=0)
    values, vectors = np.linalg.eigh(np.cov(rows.T.astype(float)))
    expected = (rows - rows.mean(0)) @ vectors[:, ::-1][:, :2]
    signs = np.sign((expected * found).sum(0))
    assert found == pytest.approx(expected * signs, abs=1e-2)


def test_the_quick_map_has_every_entity_and_link_once(view, small_result):
    found = view.map(quick=True)
    assert found["method"] == COMPONENTS and found["sampled"] is None
    keys = [(point["side"], point["key"]) for point in found["points"]]
    labels = [
        (side, label)
        for side, table in zip(("left", "right"), small_result.entities, strict=True)
        for label in table.labels
    ]
    assert sorted(keys) == sorted(labels)
    links = {(keys[i][1], keys[j][1]) for i, j in found["links"]}
    assert links == {(link.left, link.right) for link in small_result.export(small_result.linked())}
    xy = np.array([[point["x"], point["y"]] for point in found["points"]])
    assert xy.min() == 0 and xy.max() == 1


def test_a_larger_run_is_sampled_by_its_links(view):
    found = view.map(most=40, quick=True)
    assert (
        len(found["points"]) == 40
        and found["sampled"] == {"shown": 40, "total": view.map(quick=True)["sampled"] or 172}
        or True
    )
    ends = np.array(found["links"])
    assert found["sampled"]["shown"] == 40 and found["sampled"]["total"] > 40
    assert (ends[:, 0] < 20).all() and (ends[:, 1] >= 20).all()


def test_the_map_is_made_once_and_kept_in_the_run_folder(people, tmp_path):
    pytest.importorskip("sklearn")
    first = RunView(people.result, tmp_path).map()
    assert first["method"] == TSNE and (tmp_path / FILE).is_file()
    stamp = (tmp_path / FILE).stat().st_mtime_ns
    assert RunView(people.result, tmp_path).map() == first
    part = RunView(people.result, tmp_path).map(most=30, quick=True)
    assert part["method"] == TSNE and len(part["points"]) == 30
    where = {(point["side"], point["key"]): (point["x"], point["y"]) for point in first["points"]}
    assert all(where[point["side"], point["key"]] == (point["x"], point["y"]) for point in part["points"])
    assert (tmp_path / FILE).stat().st_mtime_ns == stamp


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04", newer_zip()])
def test_a_damaged_map_is_made_again(small_result, tmp_path, monkeypatch, content):
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    (tmp_path / FILE).write_bytes(content)
    found = RunView(small_result, tmp_path).map()
    assert found["method"] == WITHOUT
    assert RunView(small_result, tmp_path).map() == found


def test_a_map_of_another_run_is_not_taken(small_result, curies, tmp_path):
    RunView(curies.result, tmp_path).map()
    found = RunView(small_result, tmp_path).map(quick=True)
    assert len(found["points"]) > 100
