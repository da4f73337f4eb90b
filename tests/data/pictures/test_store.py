import numpy as np
import pytest
from drawn import draw, save, spoil

import mmkg
from mmkg.data.arrays.by_name import read_named
from mmkg.data.pictures.attach import with_images
from mmkg.data.pictures.store import store_features
from mmkg.errors import InputError, UsageError


def test_stored_features_are_those_of_the_pictures(task, files, tmp_path):
    direct = with_images(task, [files[0].parent])
    made = store_features(files[0].parent, tmp_path / "f.safetensors")
    assert made.features.shape == (10, 2308) and not (tmp_path / "f.safetensors.rejected.tsv").exists()
    stored = with_images(task, [tmp_path / "f.safetensors"])
    assert np.array_equal(stored.left.images.rows, direct.left.images.rows)
    assert np.array_equal(stored.left.images.features, direct.left.images.features)


def test_bad_pictures_are_listed_beside_the_stored_features(files, tmp_path):
    spoil(files)
    store_features(files[0].parent, tmp_path / "f.npz")
    assert read_named(tmp_path / "f.npz").names == ("e00", "e01", "e03", "e04", "e06", "e08", "e09")
    header, *rows = (tmp_path / "f.npz.rejected.tsv").read_text().splitlines()
    assert header == "picture\tkind\treason"
    assert [row.split("\t")[:2] for row in rows] == [[str(files[2]), "damaged"], [str(files[5]), "no picture"]]


def test_features_of_mmkb_pictures_go_where_its_reader_looks(tmp_path):
    pytest.importorskip("h5py")
    for name, text in {
        "A_EntityTriples.txt": "a0 r a1 .\na1 r a2 .\n",
        "B_EntityTriples.txt": "b0 r b1 .\nb1 r b2 .\n",
        "B_SameAsLink.txt": "a0 SameAs b0 .\na1 SameAs b1 .\n",
        "A_ImageIndex.txt": "a0\tAIMG0\na2\tAIMG2\n",
    }.items():
        (tmp_path / name).write_text(text)
    for number in (0, 2):
        save(tmp_path / "pictures" / f"AIMG{number}.png", draw(number))
    store_features(tmp_path / "pictures", tmp_path / "A_ImageData.h5")
    read = mmkg.load(tmp_path).left
    assert read.images.rows.tolist() == [0, 2]
    (tmp_path / "A_ImageData.h5").unlink()
    direct = mmkg.load(tmp_path, images=str(tmp_path / "pictures"))
    assert np.array_equal(direct.left.images.features, read.images.features)


def test_features_by_id_go_where_the_reader_of_dbp15k_looks(task, tmp_path):
    folder = mmkg.write_pair(task, tmp_path / "pair", "dbp15k")
    for number in range(0, 20, 3):
        save(tmp_path / "pictures" / f"{number}.png", draw(number))
    store_features(tmp_path / "pictures", tmp_path / "f.npz")
    read = mmkg.load(folder, images=str(tmp_path / "f.npz"))
    direct = mmkg.load(folder, images=str(tmp_path / "pictures"))
    assert read.left.images.rows.tolist() == [0, 3, 6, 9] and read.right.images.rows.tolist() == [2, 5, 8]
    for side in ("left", "right"):
        assert np.array_equal(getattr(read, side).images.features, getattr(direct, side).images.features)


def test_storing_refuses_before_it_works(files, tmp_path):
    with pytest.raises(UsageError, match="expected a file that ends in"):
        store_features(files[0].parent, tmp_path / "f.pkl")
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="expected pictures, 0 found and none could be encoded"):
        store_features(tmp_path / "none", tmp_path / "f.npz")
    assert not (tmp_path / "f.npz").exists()
