"""Pictures drawn for tests: no two numbers look alike."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


def draw(number, side=96, mode="RGB"):
    """Coloured shapes on a coloured ground, the same ones for the same number at any size."""
    rng = np.random.default_rng(number)
    picture = Image.new("RGB", (side, side), tuple(rng.integers(0, 256, 3).tolist()))
    pen = ImageDraw.Draw(picture)
    for _ in range(6):
        x, y = np.sort(rng.random((2, 2)), axis=1) * side
        box = (x[0], y[0], x[1] + 1, y[1] + 1)
        colour = tuple(rng.integers(0, 256, 3).tolist())
        (pen.ellipse if rng.random() < 0.5 else pen.rectangle)(box, fill=colour)
    return picture.convert(mode)


def encoded(picture, form="PNG", **options):
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def save(path, picture, **options):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)
    return path


def spoil(files):
    """Damage three of at least eight picture files; the kind of fault by position."""
    files[2].write_bytes(files[2].read_bytes()[:100])
    files[5].write_text("<html>404 not found</html>")
    files[7].unlink()
    return {2: "damaged", 5: "no picture", 7: "missing"}
