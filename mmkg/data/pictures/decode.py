"""Decode untrusted picture files: within limits on size and format, or refuse them with a reason."""

import io
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...compute.process import quiet
from ...errors import InputError, MissingPackageError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MAX_BYTES = 20 << 20  # size of a file
MAX_PIXELS = 25_000_000
MAX_SIDES = 100  # longer side / shorter side
LONGEST = 1024  # larger pictures are shrunk until their longer side has this many pixels
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif")


class PictureError(InputError):
    """A file that cannot be decoded as a picture.

    Args:
        kind: kind of fault in one to three words, to count by.
        reason: message that says what was expected and what was found.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def read_file(path: Path) -> bytes:
    """Read the bytes of a picture file.

    Raises:
        PictureError: there is no such file, it is no regular file, it is larger than 20 MiB, or it cannot be read.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise PictureError("not a file", "expected a regular file, got a folder, device or pipe")
        if status.st_size > MAX_BYTES:
            raise PictureError("file too large", f"expected at most {MAX_BYTES:,} bytes, got {status.st_size:,}")
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except FileNotFoundError:
        raise PictureError("missing", "no such file") from None
    except (OSError, ValueError) as error:
        if isinstance(error, PictureError):
            raise
        raise PictureError("unreadable", f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


def decode(content: bytes) -> "Picture":
    """Decode a JPEG, PNG, WebP or GIF file to RGB, shrunk to at most 1,024 pixels a side.

    Size and shape are checked before any pixel is decoded. An animation gives its first frame, transparent pixels
    become white, 16 bits per channel become 8. Orientation and other metadata are ignored.

    Args:
        content: bytes of the file.

    Raises:
        PictureError: another format, more than 25 million pixels, one side more than 100 times the other, or the file
            is truncated or damaged.
        MissingPackageError: Pillow is not installed.
    """
    Image = pillow()
    try:
        # Pillow warns about sizes, which are checked here, and about metadata
        with quiet(), Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            _check_size(*picture.size)
            return _rgb(picture)
    except PictureError:
        raise
    except Image.UnidentifiedImageError:
        got = "an empty file" if not content else f"a file that begins with {content[:8]!r}"
        raise PictureError("no picture", f"expected {', '.join(FORMATS)}, got {got}") from None
    except Image.DecompressionBombError as error:
        raise PictureError("too many pixels", str(error)) from None
    except Exception as error:  # decoders raise errors of any class; one bad picture must not stop a run
        raise PictureError("damaged", f"{error or type(error).__name__}") from None


def pillow() -> Any:
    """The module ``PIL.Image``.

    Raises:
        MissingPackageError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingPackageError("pictures need Pillow: pip install 'mmkg[image]'") from error
    return Image


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise PictureError("damaged", f"expected sides of at least one pixel, got {width} x {height}")
    if width * height > MAX_PIXELS:
        raise PictureError("too many pixels", f"expected at most {MAX_PIXELS:,} pixels, got {width} x {height}")
    if max(width, height) > MAX_SIDES * min(width, height):
        raise PictureError("too narrow", f"expected sides of at most {MAX_SIDES}:1, got {width} x {height}")


def _rgb(picture: Any) -> "Picture":
    """Decode, shrink, and put transparent pictures on a white ground."""
    Image = pillow()
    if picture.mode == "RGB" or picture.format == "JPEG":
        picture.thumbnail((LONGEST, LONGEST), Image.Resampling.BICUBIC)  # a large JPEG is decoded at a fraction
        _check_size(*picture.size)
    if picture.mode.startswith(("I", "F")):  # 16 bits of grey
        values = np.asarray(picture)
        picture = Image.fromarray((values.clip(0, 65535).astype(np.uint16) >> 8).astype(np.uint8))
    transparent = "transparency" in picture.info or picture.mode in ("LA", "La", "PA", "RGBA", "RGBa")
    picture = picture.convert("RGBA" if transparent else "RGB")
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.BICUBIC)
    if transparent:
        ground = Image.new("RGBA", picture.size, "white")
        ground.alpha_composite(picture)
        picture = ground.convert("RGB")
    decoded: Picture = picture
    return decoded
