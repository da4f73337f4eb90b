import logging
import shutil
from dataclasses import replace

import numpy as np
import pytest
from drawn import draw, encoded, save

import mmkg
from mmkg.data.arrays.by_name import read_named, write_named
from mmkg.data.kg import KnowledgeGraph
from mmkg.data.pictures import encode as picture_features
from mmkg.data.pictures.encode import encode_pictures, picture_encoder, store_features, with_images
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.errors import InputError, UsageError


class Mean:
    """The mean colour; counts the pictures it is given, and refuses none."""

    batch_size = 4

    def __init__(self, identity="mean"):
        self.identity = identity
        self.batches = []

    def __call__(self, pictures):
        self.batches.append(len(pictures))
        return np.stack([np.asarray(picture, np.float32).mean(axis=(0, 1)) for picture in pictures])


def colours(paths):
    from PIL import Image

    return np.stack([np.asarray(Image.open(path).convert("RGB"), np.float32).mean(axis=(0, 1)) for path in paths])


@pytest.fixture
def files(tmp_path):
    return [save(tmp_path / "pictures" / f"e{number:02}.png", draw(number, 24)) for number in range(10)]


def test_features_are_in_the_order_of_the_files_a_batch_at_a_time(files):
    encoder = Mean()
    made = encode_pictures(files[::-1], encoder)
    assert made.positions.tolist() == list(range(10)) and made.rejected == []
    np.testing.assert_allclose(made.features, colours(files[::-1]), atol=1e-3)
    assert encoder.batches == [4, 4, 2]


def spoil(files):
    files[2].write_bytes(files[2].read_bytes()[:100])
    files[5].write_text("<html>404 not found</html>")
    files[7].unlink()
    return {2: "damaged", 5: "no picture", 7: "missing"}


def test_bad_pictures_are_named_and_the_others_encoded(files):
    spoiled = spoil(files)
    made = encode_pictures(files, Mean())
    good = [number for number in range(10) if number not in spoiled]
    assert made.positions.tolist() == good
    np.testing.assert_allclose(made.features, colours([files[number] for number in good]), atol=1e-3)
    assert {files.index(bad.path): bad.kind for bad in made.rejected} == spoiled
    assert all(bad.reason for bad in made.rejected)


def test_nothing_but_bad_pictures_gives_no_features(files):
    files[0].write_text("x")
    made = encode_pictures(files[:1], Mean())
    assert len(made.positions) == len(made.features) == 0 and len(made.rejected) == 1
    assert encode_pictures([], Mean()).features.shape == (0, 0)


def test_equal_files_are_encoded_once(files):
    shutil.copy(files[0], files[3])
    encoder = Mean()
    made = encode_pictures([files[0], files[3], files[0], files[1]], encoder)
    assert sum(encoder.batches) == 2
    assert np.array_equal(made.features[0], made.features[1]) and np.array_equal(made.features[0], made.features[2])
    assert not np.array_equal(made.features[0], made.features[3])


def test_the_cache_spares_what_is_known_and_nothing_else(files, tmp_path):
    first = encode_pictures(files[:6], Mean(), cache=tmp_path / "cache")
    encoder = Mean()
    made = encode_pictures(files, encoder, cache=tmp_path / "cache")
    assert sum(encoder.batches) == 4
    assert np.array_equal(made.features[:6], first.features)
    renamed = files[0].rename(files[0].with_name("other.png"))
    save(files[1], draw(99, 24))
    encoder = Mean()
    made = encode_pictures([renamed, *files[1:]], encoder, cache=tmp_path / "cache")
    assert sum(encoder.batches) == 1  # a new name is nothing new, a new content is
    np.testing.assert_allclose(made.features, colours([renamed, *files[1:]]), atol=1e-3)
    other = Mean("other")
    encode_pictures(files[2:], other, cache=tmp_path / "cache")
    assert sum(other.batches) == 8


def test_a_damaged_cache_is_made_anew(files, tmp_path, caplog):
    first = encode_pictures(files, Mean(), cache=tmp_path / "cache")
    (path,) = (tmp_path / "cache").rglob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-3] + b"\1\2\3")
    for expected in (10, 0):
        encoder = Mean()
        made = encode_pictures(files, encoder, cache=tmp_path / "cache")
        assert sum(encoder.batches) == expected and np.array_equal(made.features, first.features)
    assert "is damaged" in caplog.text


def test_what_is_encoded_before_a_kill_is_kept(files, tmp_path, monkeypatch):
    class Killed(Mean):
        def __call__(self, pictures):
            if len(self.batches) == 2:
                assert len(list((tmp_path / "cache").rglob("*.safetensors"))) == 2  # a kill at once would spare these
                raise KeyboardInterrupt
            return super().__call__(pictures)

    monkeypatch.setattr(picture_features, "KEPT", 4)
    with pytest.raises(KeyboardInterrupt):
        encode_pictures(files, Killed(), cache=tmp_path / "cache")
    encoder = Mean()
    encode_pictures(files, encoder, cache=tmp_path / "cache")
    assert sum(encoder.batches) == 2


def test_features_that_are_not_finite_are_no_features(files):
    class Broken(Mean):
        def __call__(self, pictures):
            vectors = super().__call__(pictures)
            vectors[1:2] = np.nan
            return vectors

    shutil.copy(files[1], files[9])
    made = encode_pictures(files, Broken())
    assert [bad.kind for bad in made.rejected] == ["no finite features"] * 3
    assert [bad.path for bad in made.rejected] == [files[1], files[5], files[9]]
    assert made.positions.tolist() == [0, 2, 3, 4, 6, 7, 8] and np.isfinite(made.features).all()


@pytest.mark.parametrize("shape", [(3, 2), (4,), (4, 2, 1)])
def test_an_encoder_that_breaks_its_contract_is_refused(files, shape):
    class Odd(Mean):
        def __call__(self, pictures):
            return np.zeros(shape, np.float32)

    with pytest.raises(InputError, match="expected one vector for each of 4 pictures"):
        encode_pictures(files, Odd())


def test_a_thousand_pictures_with_every_kind_of_damage_go_through(tmp_path):
    from test_decode import BAD

    good = encoded(draw(1, 16))
    paths = []
    for number in range(1000):
        path = tmp_path / f"{number:04}.png"
        bad = [content for content, *_ in BAD.values()]
        path.write_bytes(
            bad[number // 40] if number % 40 == 7 and number // 40 < len(bad) else good + bytes([number % 251])
        )
        paths.append(path)
    made = encode_pictures(paths, Mean())
    assert len(made.rejected) == len(BAD) and len(made.positions) == 1000 - len(BAD)


def test_encoders_by_name(tmp_path):
    assert picture_encoder("classical").identity.startswith("classical")
    with pytest.raises(UsageError, match="unknown encoder of pictures 'clasical'; did you mean 'classical'"):
        picture_encoder("clasical")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="expected a vision model"):
        picture_encoder(tmp_path / "empty")


# --- tasks


@pytest.fixture
def task():
    links = np.stack([np.arange(10), np.arange(10)[::-1]], axis=1)
    none = np.empty((0, 3), np.int64)
    left = KnowledgeGraph(tuple(f"http://l/e{n:02}" for n in range(10)), (), none)
    right = KnowledgeGraph(tuple(f"f{9 - n:02}" for n in range(10)), (), none)
    return AlignmentTask(left, right, LinkSplit(links[:3], links[3:4], links[4:]), "drawn")


def test_each_graph_gets_the_pictures_of_its_entities(task, files, tmp_path):
    for number in range(8):
        save(tmp_path / "right" / f"f{number:02}.jpg", draw(number, 40), quality=80)
    got = with_images(task, [files[0].parent, tmp_path / "right"])
    assert got.left.images.rows.tolist() == list(range(10))
    assert got.right.images.rows.tolist() == list(range(2, 10))  # f07 .. f00
    left, right = (
        t / np.linalg.norm(t, axis=1, keepdims=True) for t in (got.left.images.features, got.right.images.features)
    )
    assert (left @ right.T).argmax(axis=0).tolist() == [7, 6, 5, 4, 3, 2, 1, 0]
    assert got.links is task.links and got.notes == {}


def test_bad_pictures_count_as_absent_and_are_told(task, files, caplog):
    spoil(files)
    with caplog.at_level(logging.WARNING):
        got = with_images(task, [files[0].parent])
    assert got.left.images.rows.tolist() == [0, 1, 3, 4, 6, 8, 9]
    assert got.right.images is None
    assert got.notes == {
        "left images left out: damaged": 1,
        "left images left out: no picture": 1,
        "right images: pictures of no entity": 9,
    }
    assert f"no entity of the right graph gets an image from {files[0].parent}" in caplog.text
    assert "2 pictures left out, their entities count as without an image" in caplog.text
    assert f"{files[5]} (expected JPEG, PNG, WEBP, GIF, got a file that begins with b'<html>40')" in caplog.text


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


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (["a", "b", "c"], "expected one source of images, or one for each graph, got 3"),
        ([], "got 0"),
        (["none"], "no such folder or table of pictures"),
        (["empty"], "got none: no picture is called like an entity; entities are called 'http://l/e00', 'f09'"),
        (["bad"], r"got none: 1 pictures were left out, first .*e00\.png \(expected JPEG"),
        (["none.npz"], "no such file; check the path of the image features"),
    ],
)
def test_sources_without_a_picture_of_an_entity_are_refused(task, tmp_path, monkeypatch, sources, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "e00.png").write_text("x")
    with pytest.raises((InputError, UsageError), match=message):
        with_images(task, sources)


def test_features_by_name_replace_those_of_the_data(task, tmp_path):
    write_named(tmp_path / "f.npz", ["e03", "f04", "nobody"], np.eye(3, dtype=np.float32))
    before = with_images(task, [tmp_path / "f.npz"])
    assert before.left.images.rows.tolist() == [3] and before.left.images.features.tolist() == [[1, 0, 0]]
    assert before.right.images.rows.tolist() == [5]
    write_named(tmp_path / "g.npz", ["e00"], np.ones((1, 2), np.float32))
    after = with_images(before, [tmp_path / "g.npz"])
    assert after.left.images.features.tolist() == [[1, 1]] and after.right.images is None


def test_bad_rows_of_a_table_are_errors_or_skipped(task, files, tmp_path):
    (tmp_path / "t.tsv").write_text("entity\tpicture\ne01\tpictures/e01.png\ne02\n")
    with pytest.raises(InputError, match=r"t\.tsv:3: expected"):
        with_images(task, [tmp_path / "t.tsv"])
    got = with_images(task, [tmp_path / "t.tsv"], on_error="skip")
    assert got.left.images.rows.tolist() == [1] and got.notes["t.tsv: skipped lines"] == 1


def test_storing_refuses_before_it_works(files, tmp_path):
    with pytest.raises(UsageError, match="expected a file that ends in"):
        store_features(files[0].parent, tmp_path / "f.pkl")
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="expected pictures, 0 found and none of them good"):
        store_features(tmp_path / "none", tmp_path / "f.npz")
    assert not (tmp_path / "f.npz").exists()


def test_the_embedded_emoji_take_pictures_by_label(tmp_path):
    task = mmkg.load("emoji-fr-en")
    labels = [task.left.entities[left] for left in task.links.train[:5, 0]]
    table = tmp_path / "pictures.tsv"
    rows = "".join(f"{label}\t{number}.png\n" for number, label in enumerate(labels))
    table.write_text("entity\tpicture\n" + rows)
    for number in range(5):
        save(tmp_path / f"{number}.png", draw(number, mode="RGBA"))
    got = mmkg.load("emoji-fr-en", images=str(table))
    assert sorted(got.left.entities[row] for row in got.left.images.rows) == sorted(labels)
    assert got.left.images.features.shape == (5, 2308)
    assert replace(got.left, images=None).fingerprint() == replace(task.left, images=None).fingerprint()
