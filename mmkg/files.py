"""Files that are written whole or not at all, their hashes, and folders sealed by a manifest."""

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


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Hand out a temporary path beside ``path``; rename it to ``path`` on success, remove it on error.

    The file is flushed to disk before the rename, so a kill leaves the old file or the new one.
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
    """Write UTF-8 text, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def sha256_file(path: str | Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def free_folder(
    out: str | Path | None, overwrite: bool, instead: str = "give another folder, or overwrite it"
) -> Path | None:
    """The folder that a run is to be written to, checked before anything is read or learnt.

    Args:
        out: folder, there or not; ``None`` for none.
        overwrite: a finished run in it may be replaced.
        instead: what to do where one may not.

    Raises:
        UsageError: it holds a finished run, or is a file.
    """
    folder = None if out is None else Path(out)
    if folder is not None and (folder / MANIFEST).is_file() and not overwrite:
        raise UsageError(f"{folder} holds a finished run already; {instead}")
    if folder is not None and folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; give a folder for the run")
    return folder


def write_manifest(folder: Path, names: Iterable[str], **facts: Any) -> None:
    """Write the SHA-256 of each file, some facts, and a seal over both; the last file of a folder."""
    manifest = {**facts, "sha256": {name: sha256_file(folder / name) for name in sorted(names)}}
    text = json.dumps(manifest | {"seal": _seal(manifest)}, indent=1, ensure_ascii=False)
    write_text(folder / MANIFEST, text + "\n")


def read_manifest(folder: Path, required: Iterable[str], *, format: int, again: str) -> dict[str, Any]:
    """What ``write_manifest`` wrote, after checking the hash of each file.

    Args:
        folder: of a finished run.
        required: files that must be there besides those that it names.
        format: number that must stand in it.
        again: what to do with a damaged folder, for the message.

    Raises:
        InputError: no manifest, or anything is missing or damaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        state = "an unfinished run; start the same command again to go on" if folder.is_dir() else "no such folder"
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
        raise InputError(f"damaged manifest: it does not hash to its seal; {again}", path)
    for name in sorted(set(required) | set(hashes)):
        if not (folder / name).is_file():
            raise InputError(f"{name} is missing from this run; {again}", folder)
        if (found := sha256_file(folder / name)) != hashes.get(name):
            raise InputError(
                f"{name} is damaged or not of this run: SHA-256 {found}, the manifest says {hashes.get(name)}", folder
            )
    return dict(manifest)


def _seal(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of what a manifest says."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
