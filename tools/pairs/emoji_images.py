"""Image descriptors of emoji, small enough to ship; part of build_emoji_pair.py.

Needs Pillow and scikit-image: pip install 'mmkg[emoji]'.
"""

import io
from collections.abc import Sequence

import numpy as np

from mmkg.errors import MissingPackageError


def describe(pngs: Sequence[bytes]) -> np.ndarray:
    """Hand-made descriptor of each picture, float64 ``[P, 2472]``.

    Each picture is cropped to its non-transparent part, put on white and scaled to 64 x 64. Parts: HOG of grey (8 px
    cells, 1764) and of alpha (16 px cells, 324), square root of the HSV histogram 12 x 4 x 4 (192), 8 x 8 RGB thumbnail
    (192); each part is centred over the vendor's pictures and scaled to length 1.
    """
    try:
        from PIL import Image
        from skimage.feature import hog
    except ImportError as error:
        raise MissingPackageError("pictures need Pillow and scikit-image: pip install 'mmkg[emoji]'") from error
    parts: list[list[np.ndarray]] = [[], [], []]
    for png in pngs:
        picture = Image.open(io.BytesIO(png)).convert("RGBA")
        picture = picture.crop(picture.getchannel("A").getbbox()).resize((64, 64), Image.Resampling.BICUBIC)
        ground = Image.new("RGBA", picture.size, "white")
        ground.alpha_composite(picture)
        rgb = ground.convert("RGB")
        grey, alpha = (np.asarray(p, float) / 255 for p in (rgb.convert("L"), picture.getchannel("A")))
        hsv = np.asarray(rgb.convert("HSV"), float).reshape(-1, 3) / 256
        bins = (hsv * (12, 4, 4)).astype(int) @ (16, 4, 1)
        parts[0].append(np.concatenate([hog(grey, 9, (8, 8), (2, 2)), hog(alpha, 9, (16, 16), (2, 2))]))
        parts[1].append(np.sqrt(np.bincount(bins, minlength=192) / len(bins)))
        parts[2].append(np.asarray(rgb.resize((8, 8), Image.Resampling.BOX), float).ravel() / 255)
    blocks = []
    for part in parts:
        block = np.stack(part)
        block -= block.mean(axis=0)
        blocks.append(block / np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-12))
    return np.concatenate(blocks, axis=1)


def reduce_jointly(features: Sequence[np.ndarray], dim: int) -> list[np.ndarray]:
    """Project both vendors on the first ``dim`` principal axes of all pictures together (no links are used)."""
    together = np.concatenate(features)
    together = together - together.mean(axis=0)
    _, axes = np.linalg.eigh(together.T @ together)
    axes = axes[:, ::-1][:, :dim]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(dim)])
    return np.split(together @ axes, [len(features[0])])


def quantise(values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """int8 codes with ``values ~ codes * scale``; the error is at most half a scale."""
    codes: np.ndarray = np.rint(values / scale).clip(-127, 127).astype(np.int8)
    return codes
