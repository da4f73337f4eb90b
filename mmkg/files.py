"""Atomic writing of files, their hashes, and the manifest that seals a run folder."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import InputError, UsageError

MANIFEST = "manifest.json"

MAX_BYTES = 1 << 34  # default of the setting data.max_bytes: largest size of a file after decompression


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``path``; rename it to ``path`` on success, remove it on error.

    The file is flushed to disk before the rename, so that an interruption leaves either the old or the new file.
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
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise


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


def free_folder(
    out: str | Path | None, overwrite: bool, instead: str = "give another folder, or overwrite it"
) -> Path | None:
    """The folder of a run to be written, checked before any work is done.

    Args:
        out: folder, existing or not; ``None`` = the run is not written.
        overwrite: whether a finished run in the folder may be replaced.
        instead: remedy named in the message if it may not.

    Raises:
        UsageError: the folder contains a finished run, or is a file.
    """
    folder = None if out is None else Path(out)
    if folder is not None and (folder / MANIFEST).is_file() and not overwrite:
        raise UsageError(f"{folder} holds a finished run already; {instead}")
    if folder is not None and folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; give a folder for the run")
    return folder


def write_manifest(folder: Path, names: Iterable[str], **facts: Any) -> None:
    """Write the SHA-256 of each file, some facts, and a seal over both; call it after all other files are written."""
    manifest = {**facts, "sha256": {name: sha256_file(folder / name) for name in sorted(names)}}
    text = json.dumps(manifest | {"seal": _seal(manifest)}, indent=1, ensure_ascii=False)
    write_text(folder / MANIFEST, text + "\n")


def read_manifest(folder: Path, required: Iterable[str], *, format: int, again: str) -> dict[str, Any]:
    """The content of a manifest, after the hash of each file was checked.

    Args:
        folder: folder of a finished run.
        required: files that must exist in addition to those in the manifest.
        format: expected number of the run format.
        again: remedy for a damaged folder, for the message.

    Raises:
        InputError: no manifest, another run format, or a file is missing or damaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        state = (
            "an unfinished run; start the same command again to continue it" if folder.is_dir() else "no such folder"
        )
        raise InputError(f"expected a finished run with a manifest, found {state}", folder)
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        seal = manifest.pop("seal")
        hashes = dict(manifest["sha256"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"damaged manifest ({error!r}); {again}", path) from error
    if manifest.get("format") != format:
        raise InputError(f"expected run format {format}, got {manifest.get('format')}", path)
    if seal != _seal(manifest):
        raise InputError(f"damaged manifest: its hash differs from its seal; {again}", path)
    for name in sorted(set(required) | set(hashes)):
        if not (folder / name).is_file():
            raise InputError(f"{name} is missing from this run; {again}", folder)
        if (found := sha256_file(folder / name)) != hashes.get(name):
            raise InputError(
                f"{name} is damaged or belongs to another run: SHA-256 {found}, in the manifest {hashes.get(name)}",
                folder,
            )
    return dict(manifest)


def _seal(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of the content of a manifest."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
