"""Arrays of a safetensors file that are mapped from the disk."""

import json
import struct

import numpy as np
import pytest
from safetensors.numpy import save_file

from mmkg.errors import InputError
from mmkg.search.mapped import largest, map_arrays, release


@pytest.fixture
def path(tmp_path):
    arrays = {
        "rows": np.arange(12, dtype=np.float32).reshape(3, 4),
        "half": np.array([[0.5, -2.0]], np.float16),
        "ids": np.array([[1, -1]], np.int32),
        "none": np.empty((0, 4), np.float32),
    }
    save_file(arrays, tmp_path / "a.safetensors", {"note": "hello"})
    return tmp_path / "a.safetensors"


def test_arrays_and_texts_are_those_of_the_file(path):
    arrays, metadata = map_arrays(path)
    assert metadata == {"note": "hello"}
    assert {name: (array.dtype.name, array.tolist()) for name, array in arrays.items()} == {
        "rows": ("float32", [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]),
        "half": ("float16", [[0.5, -2.0]]),
        "ids": ("int32", [[1, -1]]),
        "none": ("float32", []),
    }


def test_writing_to_an_array_leaves_the_file_as_it_is(path):
    before = path.read_bytes()
    map_arrays(path).arrays["rows"][0, 0] = 99
    assert path.read_bytes() == before and map_arrays(path).arrays["rows"][0, 0] == 0


def with_header(path, header):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(48))


@pytest.mark.parametrize(
    "header",
    [
        {"rows": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 40]}},
        {"rows": {"dtype": "F32", "shape": [3, 400], "data_offsets": [0, 4800]}},
        {"rows": {"dtype": "BF16", "shape": [6, 4], "data_offsets": [0, 48]}},
        {"rows": {"dtype": "F32", "shape": [-3, -4], "data_offsets": [0, 48]}},
        {"rows": {"dtype": "F32", "shape": [3, 4], "data_offsets": [48, 0]}},
        {"rows": []},
    ],
)
def test_a_header_that_does_not_fit_is_refused(path, header):
    with_header(path, header)
    with pytest.raises(InputError, match="a.safetensors: not a safetensors file"):
        map_arrays(path)


@pytest.mark.parametrize("content", [b"", b"\x00" * 7, b"\xff" * 8, b"\x02" + b"\x00" * 7 + b"[]"])
def test_another_file_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a safetensors file"):
        map_arrays(path)


@pytest.mark.parametrize("kind", [np.float16, np.float32])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, -0.0], 0.0),
        ([0.5, -0.75, 0.25], 0.75),
        ([1.0, np.nan], np.inf),
        ([-np.inf, 2.0], np.inf),
        ([-np.nan], np.inf),
        ([], 0.0),
    ],
)
def test_the_largest_value_is_found_in_any_block(monkeypatch, kind, values, expected):
    for block in (1, 2, 100):
        monkeypatch.setattr("mmkg.search.mapped.BLOCK", block)
        monkeypatch.setattr("mmkg.search.mapped.BLOCKS_KEPT", 1)
        assert largest(np.array([values], kind)) == expected


def test_released_rows_are_read_again(path):
    arrays = map_arrays(path).arrays
    assert largest(arrays["rows"]) == 11
    for array in (*arrays.values(), arrays["rows"][1:], np.ones(3)):
        before = array.copy()
        release(array)
        assert np.array_equal(array, before)
