"""Unpacking of untrusted archives: regular files inside one folder, within limits, all or nothing.

Members are copied from a stream; ``tarfile`` and ``zipfile`` extract nothing. Zip and tar share the checks of names,
duplicates and sizes, which are stricter than ``tarfile.data_filter``: that accepts links inside the folder, duplicates
and any size.
"""

import bz2
import errno
import gzip
import hashlib
import lzma
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from ..errors import InputError

BLOCK = 1 << 20
SLACK = 1 << 20  # bytes of content that every archive may have, however small it is
SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


class Limits(NamedTuple):
    """Limits of an archive: members, bytes after decompression, and these per byte of the archive."""

    members: int = 20_000
    size: int = 20 << 30
    ratio: int = 200


class Member(NamedTuple):
    """A member: its name, its size by the archive, and a function that opens it (``None`` for a folder)."""

    name: str
    size: int
    open: Callable[[], IO[bytes]] | None


def unpack(archive: Path, target: Path, limits: Limits | None = None) -> dict[str, str]:
    """Unpack a zip or tar archive into a new folder; after an error, the folder does not exist.

    Args:
        archive: ``.zip``, ``.tar``, ``.tar.gz``, ``.tgz``, ``.tar.bz2`` or ``.tar.xz``.
        target: folder to create.
        limits: by default those of ``Limits``.

    Returns:
        SHA-256 of each file by its path in ``target``.

    Raises:
        InputError: ``target`` exists; the archive is damaged; a member is a link or a device, has a path outside the
            folder or occurs twice; or a limit is exceeded.
    """
    limits = limits or Limits()
    if target.exists():
        raise InputError("expected no such folder yet; move it away to unpack again", target)
    target.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        digests = _unpack(archive, place, limits)
        place.chmod(0o755)
        place.rename(target)
    except InputError:
        raise
    except (
        *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError),
        *(struct.error, ValueError, OverflowError, IndexError),  # of numbers and names in a damaged directory
    ) as error:
        raise InputError(f"expected a zip or tar archive, got a damaged one: {error}", archive) from None
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # a fault of the disk, not an offset outside the archive
            raise
        raise InputError(f"expected a zip or tar archive, got a damaged one: {error}", archive) from None
    except (NotImplementedError, RuntimeError) as error:  # unknown compression, or a password
        raise InputError(f"cannot be unpacked: {error}", archive) from None
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return digests


def _unpack(archive: Path, place: Path, limits: Limits) -> dict[str, str]:
    most = min(limits.size, limits.ratio * archive.stat().st_size + SLACK)
    digests: dict[str, str] = {}
    seen: dict[str, str] = {}  # names by what they are on a file system that ignores case and accents
    total = members = 0
    for member in _members(archive):
        members += 1
        if members > limits.members:
            raise InputError(f"expected at most {limits.members:,} members, got more", archive)
        path = _inside(member.name, archive)
        key = unicodedata.normalize("NFC", str(path)).casefold()
        if member.open is None:
            (place / path).mkdir(parents=True, exist_ok=True)
            continue
        if key in seen:
            raise InputError(f"expected unique members, got {seen[key]!r} and {member.name!r}", archive)
        seen[key] = member.name
        if total + member.size > most:
            raise _too_large(archive, member.name, most)
        try:
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            target = (place / path).open("xb")
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise InputError(f"expected a file or a folder called {member.name!r}, got both", archive) from None
        digest = hashlib.sha256()
        with target as file, member.open() as source:
            while block := source.read(BLOCK):
                total += len(block)
                if total > most:
                    raise _too_large(archive, member.name, most)
                digest.update(block)
                file.write(block)
        digests[str(path)] = digest.hexdigest()
    return digests


def _members(archive: Path) -> Iterator[Member]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            for info in file.infolist():
                kind = stat.S_IFMT(info.external_attr >> 16)
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise _special(archive, info.filename)
                if info.orig_filename != info.filename:
                    raise InputError(f"expected a path inside the archive, got {info.orig_filename!r}", archive)
                folder = info.is_dir()
                yield Member(info.filename, info.file_size, None if folder else partial(file.open, info))
        return
    with _stream(archive) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
        for entry in tar:
            if not (entry.isreg() or entry.isdir()) or entry.issparse():
                raise _special(archive, entry.name)
            yield Member(entry.name, entry.size, None if entry.isdir() else partial(_extracted, tar, entry))
        if stream.tell() != tar.offset + tarfile.BLOCKSIZE:  # the block of zeros at the end
            raise EOFError("its end is missing")
        if len(stream.read(SLACK)) == SLACK:  # to the end: a compressed file has its checksum there
            raise InputError("expected nothing after the last member, got more", archive)


def _stream(archive: Path) -> IO[bytes] | gzip.GzipFile:
    """The bytes of a tar archive, decompressed if necessary."""
    with archive.open("rb") as file:
        head = file.read(6)
    if head.startswith(b"\x1f\x8b"):
        return gzip.open(archive)
    if head.startswith(b"BZh"):
        return bz2.open(archive)
    return lzma.open(archive) if head.startswith(b"\xfd7zXZ\0") else archive.open("rb")


def _extracted(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    """The content of a regular file of a tar archive."""
    content = tar.extractfile(entry)
    assert content is not None  # only links and folders have none
    return content


def _inside(name: str, archive: Path) -> PurePosixPath:
    """The path of a member relative to the folder; an error if it is outside or no valid name."""
    path = PurePosixPath(name)
    bad = not path.parts or len(name) > 1000 or any(len(part.encode("utf-8", "replace")) > 255 for part in path.parts)
    bad = bad or "\\" in name or any(ord(sign) < 32 or ord(sign) == 127 for sign in name)
    if bad or path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name):
        raise InputError(f"expected a path inside the archive, got {name[:200]!r}; nothing of it was kept", archive)
    return path


def _special(archive: Path, name: str) -> InputError:
    return InputError(f"expected files and folders, got the link or device {name[:200]!r}; nothing was kept", archive)


def _too_large(archive: Path, name: str, most: int) -> InputError:
    return InputError(f"expected at most {most:,} bytes after decompression, got more at {name[:200]!r}", archive)
