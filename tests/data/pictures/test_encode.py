import shutil

import numpy as np
import pytest
from drawn import draw, encoded, save, spoil

from mmkg.data.pictures import encode
from mmkg.data.pictures.encode import encode_pictures, picture_encoder
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


def test_features_are_in_the_order_of_the_files_a_batch_at_a_time(files):
    encoder = Mean()
    made = encode_pictures(files[::-1], encoder)
    assert made.positions.tolist() == list(range(10)) and made.rejected == []
    np.testing.assert_allclose(made.features, colours(files[::-1]), atol=1e-3)
    assert encoder.batches == [4, 4, 2]


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

    monkeypatch.setattr(encode, "CACHE_EVERY", 4)
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
