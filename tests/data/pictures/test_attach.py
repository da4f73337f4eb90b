import logging
from dataclasses import replace

import numpy as np
import pytest
from drawn import draw, save, spoil

import mmkg
from mmkg.data.arrays.by_name import write_named
from mmkg.data.pictures.attach import with_images
from mmkg.errors import InputError, UsageError


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
    shown = {row: text for row, text in enumerate(got.right.pictures) if text}  # for people
    assert shown == {row: str(tmp_path / "right" / f"f{9 - row:02}.jpg") for row in range(2, 10)}


def test_a_picture_that_the_graph_names_itself_stays(task, files):
    own = ["https://example.org/own.jpg", *[None] * (task.left.num_entities - 1)]
    got = with_images(replace(task, left=replace(task.left, pictures=own)), [files[0].parent])
    assert got.left.pictures[0] == own[0] and got.left.pictures[1] == str(files[1])


def test_bad_pictures_count_as_absent_and_are_told(task, files, caplog):
    spoil(files)
    with caplog.at_level(logging.WARNING):
        got = with_images(task, [files[0].parent])
    assert got.left.images.rows.tolist() == [0, 1, 3, 4, 6, 8, 9]
    assert got.right.images is None
    assert got.notes == {
        "left images left out: damaged": 1,
        "left images left out: no picture": 1,
        "right images: pictures of no entity, e.g. 'e00.png', where an entity is 'f09'": 9,
    }
    assert f"no entity of the right graph gets an image from {files[0].parent}" in caplog.text
    assert "2 pictures left out, their entities count as having no image" in caplog.text
    assert f"{files[5]} (expected JPEG, PNG, WEBP, GIF, got a file that begins with b'<html>40')" in caplog.text


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (["a", "b", "c"], "expected one source of images, or one for each graph, got 3"),
        ([], "got 0"),
        (["none"], "no such folder or table of pictures"),
        (["empty"], "got none: no picture is named like an entity; entities are named 'http://l/e00', 'f09'"),
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
