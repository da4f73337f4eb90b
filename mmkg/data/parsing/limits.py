"""Limits on the length of lines, and on the size of files after decompression, which may be small on disk."""

from pathlib import Path

from ...errors import InputError
from ...files import MAX_BYTES

MAX_LINE = 1 << 20  # bytes of a line of a text file
RATIO = 200  # the ratio that archives may have, too
SLACK = 1 << 30  # bytes that every file may have, however small it is on disk


def most_bytes(path: Path, max_bytes: int = MAX_BYTES) -> int:
    """Bytes that a file may have after decompression.

    Args:
        path: the file.
        max_bytes: the setting ``data.max_bytes``. Its default, 16 GiB, is lowered for small files: to 1 GiB plus 200
            times their size on disk.
    """
    return min(max_bytes, SLACK + RATIO * path.stat().st_size) if max_bytes == MAX_BYTES else max_bytes


def too_large(path: Path, most: int, what: str = "bytes after decompression", got: str = "more") -> InputError:
    """The error for a file above its limit."""
    return InputError(f"expected at most {most:,} {what}, got {got}; to read it, raise data.max_bytes", path)
