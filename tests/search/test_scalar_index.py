"""Rows in 16 or 8 bits: what they become, and that all of them are scored."""

import numpy as np
import pytest

from mmkg.errors import InputError, UsageError
from mmkg.search import build_index, load_index, save_index, scalar_index
from mmkg.search.faiss_module import import_faiss

ROWS = np.random.default_rng(0).standard_normal((400, 9)).astype(np.float32)
QUERIES = np.random.default_rng(1).standard_normal((30, 9)).astype(np.float32)


def rounded(kind, rows):  # each column in 256 equal steps, the middle of which is stored; or IEEE half precision
    if kind == "fp16":
        return rows.astype(np.float16).astype(np.float64)
    low, high = rows.min(axis=0).astype(np.float64), rows.max(axis=0).astype(np.float64)
    steps = np.floor((rows - low) / (high - low) * 255)
    return low + (steps + 0.5) / 255 * (high - low)


@pytest.mark.parametrize("kind", ["fp16", "sq8"])
@pytest.mark.parametrize("block_bytes", [1, 4 * 9 * 64, 1 << 20])
def test_every_row_is_scored_as_it_is_stored(monkeypatch, kind, block_bytes):
    monkeypatch.setattr(scalar_index, "BLOCK_BYTES", block_bytes)
    found = build_index(ROWS, kind=kind, metric="ip").search(QUERIES, 7)
    scores = QUERIES.astype(np.float64) @ rounded(kind, ROWS).T
    np.testing.assert_allclose(found.scores, -np.sort(-scores, axis=1)[:, :7], atol=1e-4)
    np.testing.assert_allclose(np.take_along_axis(scores, found.ids, axis=1), found.scores, atol=1e-4)


def test_a_column_of_one_value_keeps_it():
    rows = np.concatenate([ROWS, np.full((400, 1), -0.75, np.float32)], axis=1)
    only_last = np.eye(10, dtype=np.float32)[9:]
    for kind in ("fp16", "sq8", "pq4"):
        found = build_index(rows, kind=kind, metric="ip").search(only_last, 3)
        np.testing.assert_allclose(found.scores, -0.75, atol=1e-6)


@pytest.mark.parametrize("kind", ["fp16", "pq4"])
def test_values_beyond_16_bits_are_refused(kind):
    with pytest.raises(InputError, match="up to 65,504, and the vectors have 7e"):
        build_index(np.array([[1, 7e4], [1, 2]], np.float32), kind=kind, metric="ip")
    assert build_index(np.array([[1, 7e4], [1, 2]], np.float32), kind="sq8", metric="ip").size == 2


@pytest.mark.parametrize("kind", ["fp16", "sq8", "pq4"])
def test_other_devices_are_refused(kind):
    with pytest.raises(UsageError, match=f"kind '{kind}' runs on the CPU only"):
        build_index(ROWS, kind=kind, device="cuda")


def wrong_size(codes):
    codes.codes.resize(codes.codes.size() - 1)


def not_finite(codes):
    view = import_faiss().rev_swig_ptr(codes.codes.data(), codes.codes.size())
    view[:2] = [0x00, 0x7C]  # infinity in half precision


def wrong_range(codes):
    codes.sq.trained.resize(5)


def infinite_range(codes):
    import_faiss().rev_swig_ptr(codes.sq.trained.data(), 18)[12] = np.inf


@pytest.mark.parametrize(
    ("kind", "change"),
    [("fp16", not_finite), ("fp16", wrong_size), ("sq8", wrong_size), ("sq8", wrong_range), ("sq8", infinite_range)],
)
def test_forged_files_are_refused(tmp_path, kind, change):
    index = build_index(ROWS, kind=kind)
    change(index._index)
    save_index(index, tmp_path / "index.faiss")
    with pytest.raises(InputError, match="of this index must be finite|in this index|FAISS cannot read") as found:
        load_index(tmp_path / "index.faiss")
    assert found.value.path == tmp_path / "index.faiss"
