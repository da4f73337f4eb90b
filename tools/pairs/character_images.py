"""Descriptors of drawn characters; part of build_characters_pair.py.

Needs Pillow, scikit-image and resvg: pip install 'mmkg[emoji]' resvg-py.
"""

import io
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmkg.errors import MissingPackageError

CELL = 16  # pixels; 4 x 4 cells of 9 directions = 144 numbers
SCALE = 255
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {0}"><path fill="white" d="M0 0H{0}V{0}H0z"/>{1}</svg>'


def drawn_by_brush(drawing: dict[str, Any]) -> str:
    """SVG of a character of hanzi-writer-data: filled outlines of the strokes in a square of 1,024, y upwards."""
    outlines = "".join(f'<path d="{outline}"/>' for outline in drawing["strokes"])
    return SVG.format(1024, f'<g transform="translate(0 900) scale(1 -1)">{outlines}</g>')


def drawn_by_pen(drawing: bytes) -> str:
    """SVG of a character of KanjiVG: lines of width 3 in a square of 109, without the numbers of the strokes."""
    root = ElementTree.fromstring(drawing)
    lines = "".join(f'<path d="{path.get("d")}"/>' for path in root.iter("{http://www.w3.org/2000/svg}path"))
    style = 'fill="none" stroke="black" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"'
    return SVG.format(109, f"<g {style}>{lines}</g>")


def describe(drawings: Sequence[str]) -> np.ndarray:
    """Histograms of the directions of edges of each SVG, uint8 ``[P, 144]``; 255 is the largest value, 1.

    A drawing is scaled to 64 x 64 pixels, and its square is kept: small parts stay small.
    """
    try:
        import resvg_py
        from PIL import Image
        from skimage.feature import hog
    except ImportError as error:
        raise MissingPackageError("drawings need: pip install 'mmkg[emoji]' resvg-py") from error
    rows = []
    for drawing in drawings:
        png = bytes(resvg_py.svg_to_bytes(svg_string=drawing, width=4 * CELL))
        grey = np.asarray(Image.open(io.BytesIO(png)).convert("L"), float) / 255
        rows.append(hog(grey, 9, (CELL, CELL), (1, 1)))
    codes: np.ndarray = np.rint(np.stack(rows) * SCALE).astype(np.uint8)
    return codes
