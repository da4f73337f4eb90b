"""Pictures of entities: those that the graphs of a run name, decoded and made small before anybody sees them."""

import base64
import io
from pathlib import Path
from urllib.parse import quote

from ..data.pictures.decode import PictureError, decode, read_file
from ..errors import MissingPackageError, UsageError
from .side import Side

LARGE, SMALL = 480, 96  # pixels of the longer side
QUALITY = 78


def files_of(side: Side, row: int) -> list[Path]:
    """Picture files of an entity; empty if it has none, or one that is elsewhere on the web."""
    named = side.graph.pictures if side.graph is not None else None
    text = None if named is None else named[row]
    if not text or "://" in text or text.startswith("data:"):
        return []
    path = Path(text)
    return [path] if path.is_file() else []


def addresses(side: Side, row: int) -> list[str]:
    """Addresses of the pictures of an entity on the page of a server."""
    key = quote(side.key(row), safe="")
    return [f"/api/v1/picture/{side.name}?key={key}&n={number}" for number in range(len(files_of(side, row)))]


def embedded(side: Side, row: int) -> list[str]:
    """The pictures of an entity as small ``data:`` addresses; one that cannot be read is left out."""
    found = []
    for path in files_of(side, row):
        try:
            small = thumbnail(path, SMALL)
        except (PictureError, MissingPackageError):
            continue
        found.append(f"data:image/webp;base64,{base64.b64encode(small).decode()}")
    return found


def picture(side: Side, row: int, number: int) -> bytes:
    """One picture of an entity as WebP, at most 480 pixels a side.

    Raises:
        UsageError: the entity has no such picture.
        PictureError: the file cannot be read as a picture.
        MissingPackageError: Pillow is not installed.
    """
    files = files_of(side, row)
    if not 0 <= number < len(files):
        raise UsageError(f"{side.key(row)!r} has {len(files)} pictures, there is no number {number}")
    return thumbnail(files[number], LARGE)


def thumbnail(path: Path, longest: int) -> bytes:
    """A picture file as WebP with at most so many pixels a side.

    Raises:
        PictureError: the file cannot be read as a picture.
        MissingPackageError: Pillow is not installed.
    """
    image = decode(read_file(path))
    image.thumbnail((longest, longest))
    out = io.BytesIO()
    image.save(out, "WEBP", quality=QUALITY)
    return out.getvalue()
