"""Files of embedded pairs, and the scripts that write such files."""

import shutil
import tarfile
import zipfile

import numpy as np
import pytest

import mmkg
from mmkg.errors import InputError, UsageError
from mmkg.sources.characters import read_characters
from mmkg.sources.embedded import EmbeddedFiles, embedded_folder, kept_images
from mmkg.sources.emoji import read_emoji

READERS = {
    "emoji": lambda folder: read_emoji("fr-en", folder=folder),
    "characters": lambda f: read_characters(folder=f),
}


def test_data_are_found_in_a_wheel_and_in_a_checkout(tmp_path):
    package = tmp_path / "site" / "mmkg"
    for folder in (package.parent / "datasets" / "emoji", package / "datasets" / "emoji"):
        folder.mkdir(parents=True)
        (folder / "SHA256SUMS").touch()
        assert embedded_folder("emoji", package) == folder  # the one inside the package comes first


@pytest.mark.parametrize("name", READERS)
def test_absent_data_are_an_error_that_names_both_places(tmp_path, name):
    with pytest.raises(InputError, match="found neither") as caught:
        embedded_folder(name, tmp_path / "site" / "mmkg")
    assert str(tmp_path / "site" / "datasets" / name) in str(caught.value)
    assert f"tools/pairs/build_{name}_pair.py" in str(caught.value)
    with pytest.raises(InputError, match="SHA256SUMS"):
        READERS[name](tmp_path)


@pytest.mark.parametrize(("name", "file"), [("emoji", "text_fr.tsv"), ("characters", "ja_triples.tsv")])
def test_damaged_and_lost_files_are_refused(tmp_path, name, file):
    copy = tmp_path / name
    shutil.copytree(embedded_folder(name), copy)
    shipped = READERS[name](None)
    assert READERS[name](copy).left == shipped.left
    path = copy / file
    path.write_bytes(path.read_bytes()[:-2] + b"?\n")
    with pytest.raises(InputError, match="differs from SHA256SUMS") as caught:
        READERS[name](copy)
    assert caught.value.path == path
    path.unlink()
    with pytest.raises(InputError, match="found none"):
        READERS[name](copy)


@pytest.mark.parametrize("name", READERS)
def test_every_data_file_is_listed_with_its_hash(name):
    folder = embedded_folder(name)
    listed = {line.split()[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    assert listed == {path.name for path in folder.iterdir() if path.suffix in (".tsv", ".npz")}
    for file in listed:
        assert EmbeddedFiles(folder).read(file) == (folder / file).read_bytes()


def test_pictures_are_kept_in_the_order_of_entities():
    rows, codes = np.array([5, 2, 9]), np.array([[10, 20], [30, 40], [50, 60]], dtype=np.uint8)
    images = kept_images(rows, codes, 0.5, 1.0, np.random.default_rng(0))
    assert images.rows.tolist() == [2, 5, 9]
    assert images.features.tolist() == [[15, 20], [5, 10], [25, 30]] and images.features.dtype == np.float32
    two = kept_images(rows, codes, np.array([1, 10], np.float32), 0.67, np.random.default_rng(0))
    expected = {2: [30, 400], 5: [10, 200], 9: [50, 600]}
    assert len(two.rows) == 2 and two.features.tolist() == [expected[row] for row in two.rows.tolist()]
    assert kept_images(rows, codes, 0.5, 0.0, np.random.default_rng(0)) is None


def test_a_name_that_is_nearly_that_of_an_embedded_pair_is_corrected():
    with pytest.raises(UsageError, match="did you mean 'characters-zh-ja'"):
        mmkg.load("characters-ja-zh")


def test_a_package_that_is_not_the_pinned_one_is_refused(tmp_path, pairs_tool):
    packages = pairs_tool("pinned_packages")
    pinned = packages.npm("cldr-core", "48.0.0", "3b739a17")
    path = tmp_path / "cldr-core-48.0.0.tgz"
    path.write_bytes(b"something else")
    with pytest.raises(InputError, match="expected SHA-256 3b739a17") as caught:
        packages.fetch(pinned, tmp_path)
    assert caught.value.path == path


def test_members_of_a_package_are_found_by_name(tmp_path, pairs_tool):
    (tmp_path / "a.txt").write_text("A")
    with tarfile.open(tmp_path / "x.tgz", "w:gz") as tar, zipfile.ZipFile(tmp_path / "x.whl", "w") as wheel:
        tar.add(tmp_path / "a.txt", "package/data/a.txt")
        wheel.write(tmp_path / "a.txt", "data/a.txt")
    read_members = pairs_tool("pinned_packages").read_members
    for archive in (tmp_path / "x.tgz", tmp_path / "x.whl"):
        assert read_members(archive, ["data/a.txt"]) == {"data/a.txt": b"A"}
        with pytest.raises(InputError, match="expected 2 members, 1 are absent, first b.txt"):
            read_members(archive, ["data/a.txt", "b.txt"])


def test_equal_arrays_give_equal_npz_bytes(tmp_path, pairs_tool):
    for name in ("a.npz", "b.npz"):
        pairs_tool("data_files").write_npz(tmp_path / name, {"codes": np.arange(12, dtype=np.int8).reshape(3, 4)})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        assert arrays["codes"].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
