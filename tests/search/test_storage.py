import json

import numpy as np
import pytest

from mmkg.errors import InputError, UsageError
from mmkg.search import build_index, load_index, save_index
from mmkg.search.sidecar import sidecar_path

KINDS = ["exact", "flat", "fp16", "hnsw", "ivf", "pq4", "sq8"]


def vectors(seed=0, n=120, d=8):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def saved(tmp_path, kind="flat", **options):
    path = tmp_path / "index.bin"
    save_index(build_index(vectors(), kind=kind, device="cpu", **options), path, about={"fingerprint": "abc"})
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("metric", ["cosine", "ip"])
def test_a_loaded_index_answers_as_the_saved_one(kind, metric, tmp_path):
    index = build_index(vectors(), kind=kind, metric=metric, device="cpu")
    index.save(tmp_path / "deep" / "index.bin")
    loaded = load_index(tmp_path / "deep" / "index.bin", device="cpu").index
    before, after = index.search(vectors(1, 9), 6), loaded.search(vectors(1, 9), 6)
    assert (before.ids == after.ids).all() and (before.scores == after.scores).all()
    assert (loaded.kind, loaded.metric, loaded.size, loaded.dim) == (kind, metric, 120, 8)
    assert sorted(p.name for p in (tmp_path / "deep").iterdir()) == ["index.bin", "index.bin.json"]


def test_settings_and_notes_come_back(tmp_path):
    stored = load_index(saved(tmp_path, "ivf", nlist=10, nprobe=3), device="cpu")
    assert stored.index.config.nprobe == 3
    few = build_index(vectors(), kind="ivf", nlist=10, nprobe=3, device="cpu").search(vectors(1, 9), 60)
    assert (few.ids == -1).any() and (stored.index.search(vectors(1, 9), 60).ids == few.ids).all()
    assert stored.about == {"fingerprint": "abc"}


def test_the_tuned_number_of_lists_is_saved(tmp_path):
    index = build_index(vectors(), kind="ivf", nlist=10, device="cpu")
    assert index.config.nprobe is None
    nprobe = index.tune(vectors(1, 30))
    index.save(tmp_path / "index.bin")
    assert load_index(tmp_path / "index.bin", device="cpu").index.config.nprobe == nprobe == index.config.nprobe


@pytest.mark.parametrize("kind", KINDS)
def test_any_flipped_byte_is_refused(kind, tmp_path):
    path = saved(tmp_path, kind)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in [0, len(whole) - 1, *rng.integers(0, len(whole), 20)]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(damaged))
        with pytest.raises(InputError, match="SHA-256"):
            load_index(path, device="cpu")
    for short in (whole[:-1], b"", whole + b"\0"):
        path.write_bytes(short)
        with pytest.raises(InputError, match="SHA-256"):
            load_index(path, device="cpu")
    path.write_bytes(whole)
    assert load_index(path, device="cpu").index.size == 120


@pytest.mark.parametrize(
    "change, message",
    [
        ({"dim": 9}, "dim 8, its sidecar has 9"),
        ({"size": 119}, "size 120, its sidecar has 119"),
        ({"kind": "hnsw"}, "kind 'hnsw', got IndexFlat"),
        ({"kind": "pickle"}, "unknown kind or metric"),
        ({"metric": "l2"}, "unknown kind or metric"),
        ({"version": 2}, "version 1, got 2"),
        ({"format": "other"}, "format 'mmkg-index'"),
        ({"size": "120"}, "'size' must be int"),
        ({"size": True}, "'size' must be int"),
        ({"about": []}, "'about' must be dict"),
        ({"config": {"nprob": 3}}, "did you mean 'nprobe'"),
        ({"extra": 1}, "fields differ.*extra"),
        ({"sha256": "0" * 64}, "SHA-256"),
    ],
)
def test_a_wrong_sidecar_is_refused_with_what_differs(change, message, tmp_path):
    path = saved(tmp_path)
    sidecar = json.loads(sidecar_path(path).read_text())
    sidecar_path(path).write_text(json.dumps({**sidecar, **change}))
    with pytest.raises(InputError, match=message) as caught:
        load_index(path, device="cpu")
    assert caught.value.path is not None


def test_missing_and_unreadable_files_are_refused(tmp_path):
    path = saved(tmp_path)
    text = sidecar_path(path).read_text()
    for wrong in ("{", "[]", "", "\x00"):
        sidecar_path(path).write_text(wrong)
        with pytest.raises(InputError, match="sidecar"):
            load_index(path, device="cpu")
    del_key = json.loads(text)
    del del_key["dim"]
    sidecar_path(path).write_text(json.dumps(del_key))
    with pytest.raises(InputError, match="fields differ.*dim"):
        load_index(path, device="cpu")
    sidecar_path(path).unlink()
    with pytest.raises(InputError, match="no such file"):
        load_index(path, device="cpu")
    with pytest.raises(InputError, match="no such file"):
        load_index(tmp_path / "nothing", device="cpu")


@pytest.mark.parametrize("kind", ["exact", "flat"])
def test_a_file_of_another_format_is_refused_even_with_its_own_hash(kind, tmp_path):
    from mmkg.files import sha256_file

    path = saved(tmp_path, kind)
    path.write_bytes(b"not an index at all")
    sidecar = json.loads(sidecar_path(path).read_text())
    sidecar_path(path).write_text(json.dumps({**sidecar, "sha256": sha256_file(path)}))
    with pytest.raises(InputError, match="cannot read|not a safetensors"):
        load_index(path, device="cpu")


def test_an_index_of_other_data_is_refused(tmp_path):
    path = saved(tmp_path)
    assert load_index(path, device="cpu", expect={"fingerprint": "abc"}).index.size == 120
    with pytest.raises(InputError, match="other data: fingerprint is 'abc', expected 'xyz'"):
        load_index(path, device="cpu", expect={"fingerprint": "xyz"})


def test_only_what_can_be_read_back_is_written(tmp_path):
    index = build_index(vectors(), kind="exact", device="cpu")
    with pytest.raises(UsageError, match="JSON values"):
        save_index(index, tmp_path / "a", about={"ids": np.arange(3)})
    with pytest.raises(UsageError, match="build_index"):
        save_index(object(), tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
