import functools
import io
import os
import pickle
import struct
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from mmkg.data.arrays.by_id import read_arrays, read_images
from mmkg.data.arrays.by_name import holds_ids
from mmkg.data.arrays.safe_pickle import read_vectors
from mmkg.errors import InputError, UsageError


def vectors(number=5, dim=4, dtype=np.float32):
    rng = np.random.default_rng(0)
    return {int(i): rng.standard_normal(dim).astype(dtype) for i in rng.permutation(1000)[:number]}


def save(tmp_path, content, name="images.pkl"):
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


def as_numpy_1(data):
    """The same pickle with the module paths that NumPy 1 writes (protocols 2 and 3 name them in text lines)."""
    assert b"numpy._core." in data
    return data.replace(b"numpy._core.", b"numpy.core.")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4"])
def test_honest_pickles_load_bit_identical(tmp_path, protocol, dtype):
    expected = vectors(2500, 8, dtype)  # more than the 1,000 items of one SETITEMS
    images = read_images(save(tmp_path, pickle.dumps(expected, protocol)))
    assert images.ids.dtype == np.int64 and images.ids.tolist() == sorted(expected)
    assert images.features.dtype == np.float32
    want = np.stack([expected[i].astype(np.float32) for i in sorted(expected)])
    assert images.features.tobytes() == want.tobytes()


@pytest.mark.parametrize("protocol", [2, 3])
def test_the_module_paths_of_numpy_1_are_known(tmp_path, protocol):
    expected = vectors()
    images = read_images(save(tmp_path, as_numpy_1(pickle.dumps(expected, protocol))))
    assert {i: f.tobytes() for i, f in zip(images.ids.tolist(), images.features, strict=True)} == {
        i: f.tobytes() for i, f in expected.items()
    }


def test_the_module_paths_of_numpy_1_are_known_in_framed_pickles():
    for protocol in (4, 5):
        data = pickle.dumps(vectors(), protocol)
        for module in (b"numpy._core.multiarray", b"numpy._core.numeric"):
            old = module.replace(b"_core", b"core")
            data = data.replace(bytes([0x8C, len(module)]) + module, bytes([0x8C, len(old)]) + old)
        at = data.index(b"\x95")
        data = data[: at + 1] + struct.pack("<Q", struct.unpack("<Q", data[at + 1 : at + 9])[0] - 1) + data[at + 9 :]
        assert {i: f.tobytes() for i, f in read_vectors(data).items()} == {i: f.tobytes() for i, f in vectors().items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            assert pickle.loads(data).keys() == vectors().keys()  # still an honest pickle


def test_one_array_may_serve_several_entities_and_keys_may_be_text():
    one = np.arange(3, dtype=np.float32)
    assert {k: v.tolist() for k, v in read_vectors(pickle.dumps({1: one, "22": one})).items()} == {
        1: [0, 1, 2],
        22: [0, 1, 2],
    }


class Calls:
    """Pickles to a call of ``function(*arguments)``."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Bare:
    pass


def persistent(value):
    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            return "id" if isinstance(obj, np.ndarray) else None

    buffer = io.BytesIO()
    Pickler(buffer, 4).dump(value)
    return buffer.getvalue()


def out_of_band(value):
    return pickle.dumps(value, 5, buffer_callback=lambda buffer: None)


def state(*parts):
    """A pickle of {1: array} whose state is ``parts``: what ``BUILD`` would be given."""

    class Forged:
        def __reduce__(self):
            return np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), parts

    return pickle.dumps({1: Forged()}, 4)


F4 = np.dtype("<f4")
MARKER = "was run"
COPIES = b"\x80\x04\x8c\xc8" + b"a" * 200 + b"\x94" + b"c_codecs\nencode\nh\x00\x8c\x06latin1\x86R" * 99 + b"."
HOSTILE = {
    "os.system": lambda p: pickle.dumps({1: Calls(os.system, f"echo > '{p}'")}),
    "os.system alone": lambda p: pickle.dumps(Calls(os.system, f"echo > '{p}'")),
    "os.system protocol 0": lambda p: f"cos\nsystem\n(S'echo > \"{p}\"'\ntR.".encode(),
    "eval": lambda p: pickle.dumps({1: Calls(eval, f"open({str(p)!r}, 'w').close()")}),
    "exec": lambda p: pickle.dumps({1: Calls(exec, f"open({str(p)!r}, 'w').close()")}),
    "open": lambda p: pickle.dumps({1: Calls(open, str(p), "w")}),
    "getattr": lambda p: pickle.dumps({1: Calls(getattr, "x", "y")}),
    "numpy.save": lambda p: pickle.dumps({1: Calls(np.save, str(p), 1)}),
    "numpy.load": lambda p: pickle.dumps({1: Calls(np.load, str(p), None, True)}),
    "numpy.fromfile": lambda p: pickle.dumps({1: Calls(np.fromfile, "/dev/zero", "f4", 3)}),
    "numpy.memmap": lambda p: pickle.dumps({1: Calls(np.memmap, str(p), "f4", "w+", 0, (3,))}),
    "functools.partial": lambda p: pickle.dumps({1: functools.partial(open, str(p), "w")}),
    "pathlib touch": lambda p: pickle.dumps({1: Calls(Path.touch, Path(p))}),
    "bytearray of 2**36": lambda p: pickle.dumps({1: Calls(bytearray, 2**36)}),
    "dotted name": lambda p: b"\x80\x04\x8c\x05numpy\x8c\x0cndarray.dump\x93.",
    "object array": lambda p: pickle.dumps({1: np.array([Calls(open, str(p), "w"), 2], dtype=object)}, 4),
    "object dtype": lambda p: state(1, (1,), np.dtype(object), False, b"x" * 8),
    "void dtype": lambda p: state(1, (1,), np.dtype("V4"), False, b"x" * 4),
    "structured dtype": lambda p: pickle.dumps({1: np.zeros(2, "f4,f4")}, 4),
    "text array": lambda p: pickle.dumps({1: np.array(["a"])}, 4),
    "integer array": lambda p: pickle.dumps({1: np.arange(3)}, 4),
    "persistent id": lambda p: persistent(vectors()),
    "persistent id in text": lambda p: b"\x80\x02Pid\n.",
    "out-of-band buffers": lambda p: out_of_band(vectors()),
    "INST": lambda p: b"\x80\x02(S'x'\nios\nsystem\n.",
    "OBJ": lambda p: b"\x80\x02(cos\nsystem\nX\x01\x00\x00\x00xo.",
    "NEWOBJ": lambda p: pickle.dumps({1: Bare()}, 4),
    "NEWOBJ_EX": lambda p: b"\x80\x04cnumpy\nndarray\n)}\x92.",
    "EXT1": lambda p: b"\x80\x02\x82\x01.",
    "EXT4": lambda p: b"\x80\x02\x84\x01\x00\x00\x00.",
    "set": lambda p: pickle.dumps({1, 2}, 4),
    "list": lambda p: pickle.dumps([np.zeros(2)], 4),
    "an array": lambda p: pickle.dumps(np.zeros(2), 4),
    "None": lambda p: pickle.dumps(None),
    "list values": lambda p: pickle.dumps({1: [0.0, 1.0]}, 4),
    "float values": lambda p: pickle.dumps({1: 1.0}, 4),
    "tuple keys": lambda p: pickle.dumps({(1, 2): np.zeros(2)}, 4),
    "negative keys": lambda p: pickle.dumps({-1: np.zeros(2)}, 4),
    "keys over int63": lambda p: pickle.dumps({2**63: np.zeros(2)}, 4),
    "word keys": lambda p: pickle.dumps({"one": np.zeros(2)}, 4),
    "the same key twice": lambda p: pickle.dumps({1: np.zeros(2), "1": np.zeros(2)}, 4),
    "dictionary in a dictionary": lambda p: pickle.dumps({1: {2: np.zeros(2)}}, 4),
    "dictionary in itself": lambda p: b"\x80\x04}\x94K\x01h\x00s.",
    "ragged": lambda p: pickle.dumps({1: np.zeros(2), 2: np.zeros(3)}, 4),
    "matrix values": lambda p: pickle.dumps({1: np.zeros((1, 2))}, 4),
    "scalar values": lambda p: pickle.dumps({1: np.zeros(())}, 4),
    "empty vectors": lambda p: pickle.dumps({1: np.zeros(0)}, 4),
    "shape too large": lambda p: state(1, (2**40,), F4, False, b"x" * 4),
    "negative shape": lambda p: state(1, (-1,), F4, False, b"x" * 4),
    "shape of text": lambda p: state(1, ("4",), F4, False, b"x" * 4),
    "state of another version": lambda p: state(2, (1,), F4, False, b"x" * 4),
    "state of a function": lambda p: b"\x80\x04cnumpy\nndarray\n}b.",
    "memo index 2**31": lambda p: b"\x80\x02}r\x00\x00\x00\x80j\x01\x00\x00\x80.",
    "memo of nothing": lambda p: b"\x80\x02h\x05.",
    "length 2**36": lambda p: b"\x80\x04\x8e" + struct.pack("<Q", 2**36) + b"x.",
    "length 2**63": lambda p: b"\x80\x04\x8d" + struct.pack("<Q", 2**63) + b"x.",
    "frame 2**40": lambda p: b"\x80\x04\x95" + struct.pack("<Q", 2**40) + b"}.",
    "truncated": lambda p: pickle.dumps(vectors(), 4)[:-10],
    "without end": lambda p: b"\x80\x04}",
    "empty file": lambda p: b"",
    "trailing bytes": lambda p: pickle.dumps(vectors(), 4) + b"x",
    "two pickles": lambda p: pickle.dumps(vectors(), 4) * 2,
    "a second PROTO": lambda p: b"\x80\x04\x80\x04}.",
    "deep marks": lambda p: b"\x80\x04" + b"(" * 10**6 + b"t" * 10**6 + b".",
    "deep tuples": lambda p: b"\x80\x04)" + b"\x85" * 10**6 + b".",
    "long tuple": lambda p: b"\x80\x04(" + b"K\x01" * 10**4 + b"t.",
    "stack underflow": lambda p: b"\x80\x04R.",
    "pop of a mark": lambda p: b"\x80\x04(\x85.",
    "SETITEM without dictionary": lambda p: b"\x80\x04K\x01K\x02K\x03s.",
    "odd SETITEMS": lambda p: b"\x80\x04}(K\x01u.",
    "two values left": lambda p: b"\x80\x04}}.",
    "copies of one text": lambda p: COPIES,
    "text": lambda p: b"id,feature\n1,0.5\n",
    "a zip": lambda p: b"PK\x03\x04" + b"\0" * 30,
    "no array content": lambda p: (
        b"\x80\x04}K\x01cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87Rs."
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_or_broken_pickle_is_refused_before_anything_runs(tmp_path, kind):
    marker = tmp_path / MARKER
    file = save(tmp_path, HOSTILE[kind](marker))
    started = time.process_time()
    with pytest.raises(InputError) as caught:
        read_images(file)
    assert time.process_time() - started < 2
    assert str(caught.value).startswith(f"{file}: expected")
    assert len(str(caught.value)) < len(str(file)) + 300
    assert sorted(os.listdir(tmp_path)) == ["images.pkl"]


def test_memory_stays_within_the_size_of_the_file(tmp_path):
    assert len(COPIES) < 99 * 200
    with pytest.raises(InputError, match="copies more than it holds"):
        read_images(save(tmp_path, COPIES))


def test_the_hostile_files_would_have_run(tmp_path):
    """The planted calls work when unpickled, so that the test above tests something."""
    for kind in ("os.system", "eval", "exec", "numpy.save"):
        marker = tmp_path / f"{kind}.npy"
        result = pickle.loads(HOSTILE[kind](marker))
        if hasattr(result.get(1), "close"):
            result[1].close()
        assert marker.exists(), kind


@settings(max_examples=200, deadline=None)
@given(st.integers(2, 5), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=3))
@example(2, [(10, 92)])  # a text with a bad escape
def test_a_damaged_pickle_gives_vectors_or_an_input_error(protocol, changes):
    data = bytearray(pickle.dumps(vectors(3, 2), protocol))
    for place, value in changes:
        data[place % len(data)] = value
    try:
        found = read_vectors(bytes(data))
    except InputError:
        return
    assert all(type(k) is int and v.ndim == 1 and v.dtype.kind == "f" for k, v in found.items())


def test_features_that_are_not_finite_name_the_entity(tmp_path):
    for value in (np.nan, np.inf, -np.inf):
        table = vectors(50)
        table[1234] = np.array([0, 1, value, 0], np.float32)
        with pytest.raises(InputError, match="1 vectors have NaN or infinity, first <1234>"):
            read_images(save(tmp_path, pickle.dumps(table)), label="<{}>".format)
    with pytest.raises(InputError, match="first 7$"):  # finite in float64, not in float32
        read_images(save(tmp_path, pickle.dumps({7: np.array([1e300])})))


def test_npz_and_safetensors_give_what_was_written(tmp_path):
    ids, features = np.array([5, 2, 9]), np.array([[5, 1], [2, 1], [9, 1]], np.float32)
    np.savez_compressed(tmp_path / "a.npz", ids=ids, features=features.astype(np.float64))
    save_file({"ids": ids, "features": features}, tmp_path / "a.safetensors")
    for name in ("a.npz", "a.safetensors"):
        images = read_images(tmp_path / name)
        assert images.ids.tolist() == [2, 5, 9] and images.features.tolist() == [[2, 1], [5, 1], [9, 1]]
        assert images.features.dtype == np.float32


IDS, FEATURES = np.array([0, 1]), np.zeros((2, 3), np.float32)
WRONG_ARRAYS = {
    "no ids": ({"features": FEATURES}, "'ids'"),
    "no features": ({"ids": IDS}, "'features'"),
    "float ids": ({"ids": IDS.astype("f4"), "features": FEATURES}, "integer ids"),
    "integer features": ({"ids": IDS, "features": FEATURES.astype("i4")}, "float features"),
    "flat features": ({"ids": IDS, "features": FEATURES[0]}, "float features"),
    "too few": ({"ids": IDS, "features": FEATURES[:1]}, "one vector for each of 2 ids"),
    "no width": ({"ids": IDS, "features": FEATURES[:, :0]}, "one vector for each"),
    "repeated": ({"ids": IDS * 0, "features": FEATURES}, "unique ids"),
    "negative": ({"ids": -IDS, "features": FEATURES}, "unique ids >= 0"),
    "not finite": ({"ids": IDS, "features": FEATURES * np.array([[1], [np.nan]], "f4")}, "first 1$"),
}


@pytest.mark.parametrize("kind", WRONG_ARRAYS)
@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_arrays_of_another_layout_are_refused(tmp_path, kind, suffix):
    arrays, message = WRONG_ARRAYS[kind]
    file = tmp_path / f"a.{suffix}"
    if suffix == "npz":
        np.savez(file, **arrays)
    else:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, file)
    with pytest.raises(InputError, match=message):
        read_images(file)


def test_an_npz_never_unpickles(tmp_path):
    marker = tmp_path / MARKER
    planted = np.array([Calls(open, str(marker), "w")], dtype=object)
    np.savez(tmp_path / "a.npz", ids=IDS, features=planted)
    with pytest.raises(InputError, match="expected an npz file of plain arrays"):
        read_images(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("ids.npy", pickle.dumps(Calls(open, str(marker), "w")))
    with pytest.raises(InputError):
        read_images(tmp_path / "b.npz")
    assert not marker.exists()


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_an_npz_with_any_changed_byte_is_read_or_refused(tmp_path, write):
    path, refused = tmp_path / "a.npz", 0
    write(path, ids=np.arange(5), features=np.ones((5, 3), np.float32))
    whole = path.read_bytes()
    for place, byte in enumerate(whole):
        for changed in {0, 255, byte ^ 1} - {byte}:
            path.write_bytes(whole[:place] + bytes([changed]) + whole[place + 1 :])
            holds_ids(path)
            try:
                read_arrays(path)
            except InputError:
                refused += 1
    assert refused > len(whole) / 3


def test_broken_and_oversized_files_are_refused(tmp_path):
    for name in ("a.npz", "a.safetensors"):
        with pytest.raises(InputError, match="expected a"):
            read_images(save(tmp_path, b"not that at all", name))
    with pytest.raises(InputError, match="no such file"):
        read_images(tmp_path / "none.pkl")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_arrays(tmp_path / "folder.npz")
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "none.npz")
    with pytest.raises(InputError, match="at most 100 bytes"):
        read_images(save(tmp_path, pickle.dumps(vectors())), max_bytes=100)
    np.savez_compressed(tmp_path / "bomb.npz", ids=np.arange(100), features=np.zeros((100, 1000), np.float32))
    with pytest.raises(InputError, match="after decompression"):
        read_images(tmp_path / "bomb.npz", max_bytes=100_000)
    one = np.zeros(1000, np.float32)
    with pytest.raises(InputError, match="got 1000 x 1000 floats"):
        read_images(save(tmp_path, pickle.dumps(dict.fromkeys(range(1000), one))), max_bytes=100_000)
    with pytest.raises(UsageError, match=r"\.pkl, \.pickle, \.npz, \.safetensors"):
        read_images(save(tmp_path, b"", "a.pt"))


@pytest.mark.skipif(not os.path.isfile("/proc/self/maps"), reason="needs /proc")
def test_features_of_a_safetensors_file_are_mapped(tmp_path):
    features = np.arange(4000, dtype=np.float32).reshape(1000, 4)
    save_file({"ids": np.arange(1000), "features": features}, tmp_path / "mapped.safetensors")
    images = read_images(tmp_path / "mapped.safetensors")
    with open("/proc/self/maps", encoding="utf-8") as maps:
        assert "mapped.safetensors" in maps.read()
    assert np.array_equal(images.features, features)
