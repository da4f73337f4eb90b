import sys
from pathlib import Path

import numpy as np
import pytest
from drawn import draw, encoded
from PIL import Image

from mmkg.data.pictures.decode import decode
from mmkg.data.pictures.descriptor import Descriptor


def unit(vector):
    return np.asarray(vector, float) / np.linalg.norm(vector)


def by_hand(picture):
    """The four parts off their definitions, pixel by pixel where that is short."""
    from skimage.feature import hog, local_binary_pattern

    small = picture.resize((64, 64), Image.Resampling.BICUBIC, reducing_gap=3.0)
    grey = np.asarray(small.convert("L"))
    patterns = local_binary_pattern(grey, P=8, R=1, method="uniform")
    textures = np.zeros((4, 4, 10))
    colours = np.zeros((12, 4, 4))
    hsv = np.asarray(small.convert("HSV"))
    for y in range(64):
        for x in range(64):
            textures[y // 16, x // 16, int(patterns[y, x])] += 1
            h, s, v = (int(value) for value in hsv[y, x])
            colours[h * 12 // 256, s * 4 // 256, v * 4 // 256] += 1
    blocks = np.asarray(small, float).reshape(8, 8, 8, 8, 3).mean(axis=(1, 3))
    return [
        unit(hog(grey / 255, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2))),
        unit(np.sqrt(textures).ravel()),
        unit(np.sqrt(colours).ravel()),
        unit(blocks.ravel() / 127.5 - 1),
    ]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_parts_are_those_of_scikit_image_and_of_loops(number):
    picture = draw(number, 150)
    got = Descriptor()([picture])[0]
    assert got.dtype == np.float32 and got.shape == (Descriptor.dim,) == (2308,)
    shapes, textures, colours, thumbnail = by_hand(picture)
    np.testing.assert_allclose(got[:1764], shapes, atol=1e-6)
    np.testing.assert_allclose(got[1764:1924], textures, atol=1e-6)
    np.testing.assert_allclose(got[1924:2116], colours, atol=1e-6)
    np.testing.assert_allclose(got[2116:], thumbnail, atol=6e-3)  # Pillow rounds the means of a block
    assert np.linalg.norm(got) == pytest.approx(2, abs=1e-5)


def test_a_picture_is_described_alike_in_any_company():
    pictures = [draw(number) for number in range(5)]
    together = Descriptor()(pictures)
    for number, picture in enumerate(pictures):
        assert np.array_equal(Descriptor()([picture])[0], together[number])


def test_a_blank_picture_has_no_shapes_and_is_finite():
    got = Descriptor()([Image.new("RGB", (10, 10), (200, 10, 10))])[0]
    assert np.isfinite(got).all() and not got[:1764].any() and got[1764:].any()


CHANGES = {
    "as JPEG": lambda p: decode(encoded(p, "JPEG", quality=40)),
    "as WebP": lambda p: decode(encoded(p, "WEBP", quality=40)),
    "a third as large": lambda p: p.resize((p.width // 3, p.height // 3)),
    "five times as wide": lambda p: p.resize((p.width * 5, p.height)),
    "without its margin": lambda p: p.crop((p.width // 25, p.height // 25, p.width * 24 // 25, p.height * 24 // 25)),
    "in grey": lambda p: p.convert("L").convert("RGB"),
}


def nearest(change, pictures):
    first = Descriptor()(pictures)
    second = Descriptor()([change(picture) for picture in pictures])
    scores = (first / np.linalg.norm(first, axis=1, keepdims=True)) @ second.T
    return (scores / np.linalg.norm(second, axis=1)).argmax(axis=1).tolist()


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_picture_changed_is_nearer_than_any_other(change):
    pictures = [draw(number, 120) for number in range(40)]
    assert nearest(CHANGES[change], pictures) == list(range(40))


@pytest.mark.parametrize("change", ["as JPEG", "a third as large", "in grey"])
def test_the_same_photograph_changed_is_nearer_than_any_other(change):
    import skimage

    names = ["astronaut", "brick", "camera", "chelsea", "coffee", "coins", "grass", "gravel", "ihc", "moon", "page"]
    files = [Path(skimage.__file__).parent / "data" / f"{name}.png" for name in names]
    if not all(file.is_file() for file in files):
        pytest.skip("scikit-image brings no photographs here")
    photographs = [decode(file.read_bytes()) for file in files]
    assert nearest(CHANGES[change], photographs) == list(range(len(photographs)))


def test_without_scikit_image_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.feature", None)
    with pytest.raises(ImportError, match=r"pip install 'mmkg\[image\]'"):
        Descriptor()
