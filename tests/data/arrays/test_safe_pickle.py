import pickle

import numpy as np
import pytest

from mmkg.data.arrays.safe_pickle import read_nested
from mmkg.errors import InputError


class Evil:
    def __reduce__(self):
        return (print, ("run",))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_nested_dictionaries_of_arrays_come_back(protocol):
    values = {
        "train": {
            "text": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
            "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
            "id": ["a$_$1", "b"],
            "raw": np.array(["x", "yy"]),
            "objects": np.array(["x", None], dtype=object),
            "lengths": [3, 2],
            "labels": np.array([1.5, -2.0]),
            "one": np.float32(1.5),
            "half": 0.5,
        }
    }
    found = read_nested(pickle.dumps(values, protocol))["train"]
    for name in ("text", "columns", "raw", "labels"):
        np.testing.assert_array_equal(found[name], values["train"][name])
    assert (found["id"], found["objects"], found["lengths"]) == (["a$_$1", "b"], ["x", None], [3, 2])
    assert (found["one"], found["half"]) == (1.5, 0.5)


def test_nothing_is_ever_called(capsys):
    for bad in ({"a": Evil()}, {"a": [Evil()]}, Evil()):
        with pytest.raises(InputError, match="print, which no such file needs"):
            read_nested(pickle.dumps(bad))
    assert capsys.readouterr().out == ""


def test_lists_that_hold_themselves_or_grow_without_end_are_refused():
    loop = []
    loop.append(loop)
    laughs = ["x"] * 10
    for _ in range(5):
        laughs = [laughs] * 10
    for bad in ({"a": loop}, {"a": laughs}):
        with pytest.raises(InputError, match="nested too deep or refers to itself"):
            read_nested(pickle.dumps(bad))


@pytest.mark.parametrize("bad", [[1], {1: 2}, {"a": {1, 2}}, {"a": 1j}, {"a": {2: 3}}])
def test_other_values_are_refused(bad):
    with pytest.raises(InputError, match="expected a pickled dictionary of arrays"):
        read_nested(pickle.dumps(bad))


def test_every_damaged_file_is_refused_or_read_whole():
    data = pickle.dumps({"train": {"x": np.arange(4.0), "id": ["a"]}}, 4)
    for place in range(len(data)):
        try:
            read_nested(data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :])
        except InputError:
            pass
    for place in range(0, len(data)):
        with pytest.raises(InputError):
            read_nested(data[:place])
