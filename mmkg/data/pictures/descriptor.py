"""Image features without learned weights: shape, texture and colour."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import MissingPackageError
from ...typing import FloatArray
from .decode import pillow

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

SIDE = 64
GRID = 4  # cells of the texture histogram per side
BINS = (12, 4, 4)  # bins of hue, saturation and value
VERSION = "1"  # a new version invalidates cached vectors


class Descriptor:
    """Concatenation of HOG, local binary patterns, a colour histogram and a thumbnail; 2,308 numbers.

    The picture is resized to 64 x 64. HOG of the grey values has 9 directions, cells of 8 x 8 pixels and blocks of
    2 x 2 cells (1,764 numbers). Uniform local binary patterns of 8 neighbours at distance 1 give a histogram of 10 bins
    in each of 4 x 4 cells (160). The HSV histogram has 12 x 4 x 4 bins (192). The thumbnail is 8 x 8 in RGB, scaled to
    [-1, 1] (192). Both histograms are square-rooted. Each of the four parts is normalised to length 1, so that all have
    the same weight in a cosine.

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
        """One row per picture (RGB, any size), float32 ``[B, 2308]``, in [-1, 1]; of length 2 if no part is zero."""
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
        raise MissingPackageError("the encoder 'classical' needs scikit-image: pip install 'mmkg[image]'") from error
    return hog, local_binary_pattern
