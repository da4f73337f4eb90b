import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from mmkg.data.arrays.by_id import read_images
from mmkg.data.arrays.by_name import holds_ids, read_named, write_named
from mmkg.errors import InputError, UsageError

FEATURES = np.arange(6, dtype=np.float32).reshape(3, 2) / 4


@pytest.mark.parametrize("form", ["safetensors", "npz", "h5"])
def test_names_and_features_come_back(tmp_path, form):
    names = ["Berlin", "http:Paris", "東京"]
    write_named(tmp_path / f"f.{form}", names, FEATURES)
    found = read_named(tmp_path / f"f.{form}")
    order = [found.names.index(name) for name in names]
    assert sorted(found.names) == sorted(names)
    assert np.array_equal(found.features[order], FEATURES) and found.features.dtype == np.float32
    assert not holds_ids(tmp_path / f"f.{form}")


@settings(max_examples=40, deadline=None)
@given(
    names=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\n\0"), min_size=1), unique=True, min_size=1
    ),
    form=st.sampled_from(["safetensors", "npz"]),
)
def test_any_names_come_back(names, form, tmp_path_factory):
    path = tmp_path_factory.mktemp("named") / f"f.{form}"
    features = np.arange(len(names) * 2, dtype=np.float32).reshape(-1, 2)
    write_named(path, names, features)
    found = read_named(path)
    assert dict(zip(found.names, map(tuple, found.features.tolist()), strict=True)) == dict(
        zip(names, map(tuple, features.tolist()), strict=True)
    )


@pytest.mark.parametrize("form", ["safetensors", "npz"])
def test_numbers_are_stored_as_the_ids_that_dbp15k_folders_take(tmp_path, form):
    path = tmp_path / f"f.{form}"
    write_named(path, ["30", "4", "100"], FEATURES)
    assert holds_ids(path)
    images = read_images(path)
    assert images.ids.tolist() == [4, 30, 100]
    assert images.features.tolist() == FEATURES[[1, 0, 2]].tolist()
    assert read_named(path).names == ("4", "30", "100")


def test_hdf5_is_that_of_mmkb(tmp_path):
    h5py = pytest.importorskip("h5py")
    write_named(tmp_path / "X_ImageData.h5", ["IMG1", "IMG2", "IMG3"], FEATURES)
    with h5py.File(tmp_path / "X_ImageData.h5") as file:
        assert {name: file[name][:].tolist() for name in file} == {
            f"IMG{k}": FEATURES[k - 1].tolist() for k in (1, 2, 3)
        }


def test_what_cannot_be_stored_is_refused(tmp_path):
    for names, form, message in [
        (["a", "b", "a"], "npz", "'a' comes more than once"),
        (["a", "b\nc", "d"], "npz", r"without line ends and NUL, got 'b\\nc'"),
        (["a", "", "d"], "npz", "got ''"),
        (["a", "b/c", "d"], "h5", "without a slash"),
    ]:
        with pytest.raises(InputError, match=message):
            write_named(tmp_path / f"f.{form}", names, FEATURES)
    with pytest.raises(UsageError, match=r"ends in \.safetensors, \.npz, \.h5, \.hdf5, got 'f\.pkl'"):
        write_named(tmp_path / "f.pkl", ["a", "b", "c"], FEATURES)
    assert list(tmp_path.iterdir()) == []


def as_names(*names):
    return np.frombuffer("\n".join(names).encode(), np.uint8)


BAD = {
    "no features": ({"names": as_names("a")}, "expected float features"),
    "no names": ({"features": FEATURES}, "expected 'features' and 'names' or 'ids', got"),
    "too few names": ({"names": as_names("a", "b"), "features": FEATURES}, r"float features \[2, d\]"),
    "a name twice": ({"names": as_names("a", "b", "a"), "features": FEATURES}, "unique names"),
    "whole numbers": ({"names": as_names("a", "b", "c"), "features": FEATURES.astype(int)}, "int64"),
    "not finite": (
        {"names": as_names("a", "b", "c"), "features": FEATURES + np.float32(np.inf)},
        "finite features, 3 vectors have NaN or infinity",
    ),
    "no UTF-8": ({"names": np.array([255, 254], np.uint8), "features": FEATURES[:1]}, "names in UTF-8"),
    "no width": ({"names": as_names("a"), "features": FEATURES[:1, :0]}, "float features"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("form", ["safetensors", "npz"])
def test_a_file_of_another_layout_is_refused_by_name(tmp_path, name, form):
    arrays, message = BAD[name]
    path = tmp_path / f"f.{form}"
    if form == "npz":
        np.savez(path, **arrays)
    else:
        save_file({key: np.ascontiguousarray(value) for key, value in arrays.items()}, path)
    with pytest.raises(InputError, match=message) as caught:
        read_named(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("form", ["safetensors", "npz", "h5"])
def test_a_missing_or_damaged_file_is_refused(tmp_path, form):
    path = tmp_path / f"f.{form}"
    with pytest.raises(InputError, match="no such file"):
        read_named(path)
    for content in (b"", b"PK\x03\x04 and no more", b"\x89HDF\r\n\x1a\n" + b"\0" * 50):
        path.write_bytes(content)
        with pytest.raises(InputError, match="expected"):
            read_named(path)


def test_hdf5_that_leads_elsewhere_or_holds_other_things_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = FEATURES[0]
    fill = {
        "an external link": lambda file: file.__setitem__("a", h5py.ExternalLink(tmp_path / "other.h5", "secret")),
        "a group": lambda file: file.create_group("a"),
        "text": lambda file: file.__setitem__("a", "text"),
        "two widths": lambda file: (file.__setitem__("a", FEATURES[0]), file.__setitem__("b", FEATURES)),
        "nothing": lambda file: None,
        "more than memory": lambda file: file.create_dataset("a", (2**40,), "f4", chunks=True),
    }
    for number, (what, make) in enumerate(fill.items()):
        path = tmp_path / f"{number}.h5"
        with h5py.File(path, "w") as file:
            make(file)
        with pytest.raises(InputError, match="expected (numbers|vectors of one length|at most .* data.max_bytes)"):
            read_named(path)
        assert what
