import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mmkg.data.arrays.cache import VectorCache, cache_folder


def keys(number, start=0):
    return [hashlib.sha256(bytes([k])).digest() for k in range(start, start + number)]


def filled(folder, number=5, start=0, identity="one"):
    vectors = np.random.default_rng(start).standard_normal((number, 3)).astype(np.float32)
    VectorCache(folder, identity).put(keys(number, start), vectors)
    return vectors


def test_vectors_come_back_to_the_bit_from_several_files(tmp_path):
    first, second = filled(tmp_path), filled(tmp_path, 4, 5)
    cache = VectorCache(tmp_path, "one")
    for key, vector in zip(keys(9), np.concatenate([first, second]), strict=True):
        assert np.array_equal(cache.get(key), vector)
    assert cache.get(b"\0" * 32) is None


def test_another_encoder_has_vectors_of_its_own(tmp_path):
    filled(tmp_path)
    assert VectorCache(tmp_path, "two").get(keys(1)[0]) is None


def test_nothing_is_made_before_there_is_something_to_keep(tmp_path):
    VectorCache(tmp_path / "cache", "one").get(keys(1)[0])
    assert not (tmp_path / "cache").exists()


DAMAGE = {
    "a flipped bit": lambda data: data[:-5] + bytes([data[-5] ^ 1]) + data[-4:],
    "a flipped bit of a key": lambda data: data.replace(keys(1)[0], keys(1, 9)[0]),
    "cut": lambda data: data[:-7],
    "empty": lambda data: b"",
    "text": lambda data: b"no safetensors at all",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_removed_and_the_others_stay(tmp_path, damage, caplog):
    first = filled(tmp_path)
    (path,) = tmp_path.rglob("*.safetensors")
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    second = filled(tmp_path, 4, 5)
    cache = VectorCache(tmp_path, "one")
    assert cache.get(keys(1)[0]) is None
    assert np.array_equal(cache.get(keys(1, 5)[0]), second[0])
    assert f"{path} is damaged" in caplog.text and not path.exists()
    VectorCache(tmp_path, "one").put(keys(5), first)
    assert np.array_equal(VectorCache(tmp_path, "one").get(keys(1)[0]), first[0])


@pytest.mark.parametrize(
    "arrays",
    [
        {"keys": np.zeros((2, 32), np.uint8), "vectors": np.zeros((3, 3), np.float32)},
        {"keys": np.zeros((2, 16), np.uint8), "vectors": np.zeros((2, 3), np.float32)},
        {"keys": np.zeros((2, 32), np.uint8), "vectors": np.zeros((2, 4), np.float32)},
        {"keys": np.zeros((2, 32), np.uint8), "vectors": np.zeros((2, 3), np.float64)},
        {"keys": np.zeros((2, 32), np.uint8)},
    ],
)
def test_a_file_of_another_make_is_removed(tmp_path, arrays):
    kept = filled(tmp_path)
    (path,) = tmp_path.rglob("*.safetensors")
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(each).tobytes() for each in arrays.values())).hexdigest()
    save_file(arrays, path.with_name("zz.safetensors"), metadata={"sha256": digest})
    cache = VectorCache(tmp_path, "one")
    assert not path.with_name("zz.safetensors").exists()
    assert np.array_equal(cache.get(keys(1)[0]), kept[0])
    assert set(load_file(path)) == {"keys", "vectors"}


def test_a_folder_that_cannot_be_written_costs_a_warning_only(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    filled(tmp_path / "file" / "cache")
    assert "cannot write vectors to the cache" in caplog.text


def test_the_cache_lies_where_the_user_says(monkeypatch):
    monkeypatch.setenv("MMKG_CACHE", "/somewhere")
    assert cache_folder() == Path("/somewhere")
    monkeypatch.delenv("MMKG_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_folder() == Path("/caches/mmkg")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path(os.path.expanduser("~")) / ".cache" / "mmkg"
