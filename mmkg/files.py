"""Atomic writing of files, and their hashes."""

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import InputError

FULL = {  # messages of libraries that hide the number of a system error, as of safetensors and FAISS
    errno.ENOSPC: ("No space left on device", "os error 28"),
    errno.EDQUOT: ("Disk quota exceeded", "os error 122"),
    errno.EFBIG: ("File too large", "os error 27"),
}

MAX_BYTES = 1 << 34  # default of the setting data.max_bytes: largest size of a file after decompression


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``path``; rename it to ``path`` on success, remove it on error.

    The file is flushed to disk before the rename, so that an interruption leaves either the old or the new file.

    Raises:
        OSError: the file cannot be written; also where a library reports a full disk by an error of its own.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException as error:
        with suppress(FileNotFoundError):
            temporary.unlink()
        if (number := full_disk(error)) is not None:
            raise OSError(number, os.strerror(number), str(path)) from error
        raise


def full_disk(error: BaseException) -> int | None:
    """The number of the system error, if an error means that a disk is full; else ``None``."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno if error.errno in FULL else None
    if isinstance(error, Exception) and not isinstance(error, InputError):
        for number, texts in FULL.items():
            if any(text in str(error) for text in texts):
                return number
    return None


def sync(folder: str | Path) -> None:
    """Flush the names of the files in a folder to disk, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_lines(path: str | Path, lines: Iterable[str]) -> int:
    """Write lines of UTF-8 text that end in newlines, whole or not at all; returns their number.

    Raises:
        InputError: a text that UTF-8 cannot hold, or an error while the lines are made; with the path.
    """
    count = 0
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        try:
            for line in lines:
                file.write(line)
                count += 1
        except UnicodeEncodeError as error:
            raise InputError(f"expected text that UTF-8 can hold, got {error.object.rstrip()!a:.80}", path) from None
        except InputError as error:
            if error.path is not None:
                raise
            raise InputError(str(error), path) from None
    return count


def sha256_file(path: str | Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
