"""A description of pictures without any weights: shapes, textures, colours."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import MissingPackageError
from ...typing import FloatArray
from .decode import pillow

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

SIDE = 64
GRID = 4  # cells of the texture histogram, a side
BINS = (12, 4, 4)  # of hue, saturation, value
VERSION = "1"  # a change of it makes cached vectors stale


class Descriptor:
    """HOG, local binary patterns, a colour histogram and a thumbnail, side by side.

    The picture is made 64 x 64. HOG of grey: 9 directions, cells of 8, blocks of 2 x 2 (1,764 numbers). Uniform
    local binary patterns of 8 neighbours at distance 1, as a histogram of 10 in each of 4 x 4 cells (160). HSV
    histogram of 12 x 4 x 4 (192). Thumbnail of 8 x 8 in RGB, grey at zero (192). Roots are taken of the histograms;
    each of the four parts has length 1, so that each has the same say in a cosine.

    Raises:
        MissingPackageError: Pillow or scikit-image is not installed.

    Source: Dalal and Triggs, CVPR 2005 (HOG); Ojala et al., TPAMI 2002 (uniform patterns).
    """

    dim = 1764 + GRID * GRID * 10 + BINS[0] * BINS[1] * BINS[2] + 192
    batch_size = 16

    def __init__(self) -> None:
        pillow()
        _skimage()
        self.identity = f"classical {VERSION}"

    def __call__(self, pictures: Sequence["Picture"]) -> FloatArray:
        """One row per picture (RGB, any size), float32 ``[B, 2308]``, in [-1, 1], of length 2 if no part is blank."""
        return np.stack([self._describe(picture) for picture in pictures])

    def _describe(self, picture: "Picture") -> FloatArray:
        Image = pillow()
        hog, local_binary_pattern = _skimage()
        picture = picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC, reducing_gap=3.0)
        grey = np.asarray(picture.convert("L"))
        shapes = hog(grey / 255, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2))
        patterns = local_binary_pattern(grey, 8, 1, method="uniform").astype(np.int64)  # 0..9
        cell = np.arange(SIDE) * GRID // SIDE
        place = (cell[:, None] * GRID + cell[None, :]) * 10 + patterns
        textures = np.sqrt(np.bincount(place.ravel(), minlength=GRID * GRID * 10))
        hsv = np.asarray(picture.convert("HSV"), np.int64).reshape(-1, 3)
        code = (hsv * BINS // 256) @ (BINS[1] * BINS[2], BINS[2], 1)
        colours = np.sqrt(np.bincount(code, minlength=BINS[0] * BINS[1] * BINS[2]))
        thumbnail = np.asarray(picture.resize((8, 8), Image.Resampling.BOX), np.float64).ravel() / 127.5 - 1
        parts = [part / max(float(np.linalg.norm(part)), 1e-12) for part in (shapes, textures, colours, thumbnail)]
        return np.concatenate(parts).astype(np.float32)


def _skimage() -> tuple[Any, Any]:
    try:
        from skimage.feature import hog, local_binary_pattern
    except ImportError as error:
        raise MissingPackageError(
            "describing pictures without weights needs scikit-image: pip install 'mmkg[image]'"
        ) from error
    return hog, local_binary_pattern
