"""Run folders: one writer at a time, a new run replaces the old one as a whole, a manifest seals the files.

A run is written to a hidden folder inside the run folder. When it is whole, that folder is renamed to ``.ready``: from
then on the new run is the valid one. Its files are then moved over the old ones, the manifest last. After an
interruption the next reader or writer finishes the moves. So at every moment either the old or the new run is whole.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from .errors import InputError, UsageError
from .files import sha256_file, sync, write_text

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

MANIFEST = "manifest.json"
LOCK = ".lock"
READY = ".ready"  # a whole run whose files are being moved into the folder
STAGED = ".new-"  # prefix of the folder in which a run is written
CHECKPOINTS = ("trainer*.safetensors", "teacher.safetensors")
IGNORED = {".DS_Store", ".gitignore", ".gitkeep", ".keep", "Thumbs.db", "desktop.ini", "lost+found"}
WAIT_SECONDS = 10.0  # for a writer that is moving files
_LEFT = re.compile(  # temporary files of an interrupted process
    r"\.(trainer|teacher|config|entities|graphs|links\.json|embeddings|metrics|record|index|alignment|report|model|manifest"
    r"|shape|predictions)[\w.-]*\.[A-Za-z0-9_]{8}\.part"
)
_held: dict[Path, tuple[int, int]] = {}  # folder -> process and thread that writes it


def free_folder(
    out: str | Path | None, overwrite: bool, instead: str = "give another folder, or overwrite it"
) -> Path | None:
    """The folder of a run to be written, checked before any work is done.

    Args:
        out: folder, existing or not; ``None`` = the run is not written.
        overwrite: whether a finished run in the folder may be replaced.
        instead: remedy named in the message if it may not.

    Raises:
        UsageError: the folder contains a finished run or other files, or is a file.
    """
    if out is None:
        return None
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; give a folder for the run")
    settle(folder)
    check_own(folder)
    if (folder / MANIFEST).is_file() and not overwrite:
        raise UsageError(f"{folder} holds a finished run already; {instead}")
    return folder


def check_own(folder: Path) -> None:
    """Refuse a folder with files that are no run, so that no file of the user is overwritten.

    Raises:
        UsageError: the folder is neither empty nor a run, finished or not.
    """
    if not folder.is_dir():
        return
    found = sorted(path.name for path in folder.iterdir() if not _passing(path.name))
    if not found or _is_run(folder) or any(next(folder.glob(pattern), None) for pattern in CHECKPOINTS):
        return
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    raise UsageError(
        f"{folder} holds files but no run ({', '.join(found[:3])}{more}); give a new or an empty folder for the run"
    )


@contextmanager
def claimed(folder: str | Path) -> Iterator[None]:
    """Be the only writer of a run folder, which is made if it does not exist; tidy up after interrupted writers.

    The lock ends with the process, also if it is killed. The thread that holds it may claim the folder again.

    Raises:
        InputError: another process or thread writes to the folder; the message names it.
    """
    folder = Path(folder)
    me = (os.getpid(), threading.get_ident())
    if _held.get(folder.resolve()) == me:
        yield
        return
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    key, handle = folder.resolve(), _lock(folder / LOCK)
    _held[key] = me
    try:
        _finish(folder)
        _tidy(folder)
        yield
    finally:
        del _held[key]
        with suppress(OSError):
            (folder / LOCK).unlink()
        os.close(handle)
        if made:
            with suppress(OSError):  # it has files
                folder.rmdir()


@contextmanager
def replaced(folder: str | Path, **facts: Any) -> Iterator[Path]:
    """Write a run and its manifest; a run that is in the folder stays until the new one is whole.

    Args:
        folder: made if it does not exist; other files in it stay.
        facts: JSON values for the manifest. A callable is called when all files are written.

    Yields:
        The folder to write the files to; the files become the run, and their SHA-256 enter the manifest.

    Raises:
        UsageError: the folder has files, but no run.
        InputError: another process or thread writes to the folder.
    """
    folder = Path(folder)
    check_own(folder)
    with claimed(folder):
        staged = Path(tempfile.mkdtemp(prefix=STAGED, dir=folder))
        try:
            yield staged
            values = {name: value() if callable(value) else value for name, value in facts.items()}
            hashes = {path.name: sha256_file(path) for path in sorted(staged.iterdir())}
            manifest = {**values, "sha256": hashes}
            text = json.dumps(manifest | {"seal": _seal(manifest)}, indent=1, ensure_ascii=False)
            write_text(staged / MANIFEST, text + "\n")
            sync(staged)
            staged.rename(folder / READY)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
        _finish(folder)


def settle(folder: Path) -> None:
    """Finish the replacement of a run that was interrupted; wait for one that is in progress.

    Raises:
        InputError: another process does not come to an end.
    """
    until = time.monotonic() + WAIT_SECONDS
    while os.path.lexists(folder / READY):
        try:
            with claimed(folder):
                return
        except InputError as error:
            if error.path != folder or time.monotonic() > until:
                raise
            time.sleep(0.02)


def read_manifest(
    folder: Path, required: Iterable[str], *, format: int, again: str, read: Container[str] | None = None
) -> dict[str, Any]:
    """The content of a manifest, after the hash of each file was checked.

    Args:
        folder: folder of a finished run.
        required: files that must exist in addition to those in the manifest.
        format: expected number of the run format.
        again: remedy for a damaged folder, for the message.
        read: names of the files that the caller reads, whose hashes are checked; ``None`` = all.

    Raises:
        InputError: no manifest, another run format, or a file is missing or damaged.
    """
    path = folder / MANIFEST
    settle(folder)
    if not path.is_file():
        raise InputError(f"expected a finished run with a manifest, found {_state(folder)}", folder)
    from .schema import Facts, read_json  # which needs pydantic, and --help does not

    try:
        manifest: dict[str, Any] = read_json(path, Facts)
        seal = manifest.pop("seal")
        hashes = {str(name): str(value) for name, value in dict(manifest["sha256"]).items()}
    except InputError as error:
        raise InputError(f"damaged manifest ({error.reason}); {again}", path) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"damaged manifest ({error!r}); {again}", path) from error
    if manifest.get("format") != format:
        raise InputError(f"expected run format {format}, got {manifest.get('format')!r}", path)
    if seal != _seal(manifest):
        raise InputError(f"damaged manifest: its hash differs from its seal; {again}", path)
    for name in sorted(set(required) | set(hashes)):
        if not _plain(name):
            raise InputError(f"damaged manifest: expected names of files in this folder, got {name!r}; {again}", path)
        if not (folder / name).is_file():
            raise InputError(f"{name} is missing from this run; {again}", folder)
        if read is not None and name not in read:
            continue
        if (found := sha256_file(folder / name)) != hashes.get(name):
            raise InputError(
                f"{name} is damaged or belongs to another run: SHA-256 {found}, in the manifest {hashes.get(name)}",
                folder,
            )
    return manifest


def _state(folder: Path) -> str:
    """What is in the place of a finished run, for a message."""
    if not folder.exists():
        return "no such folder"
    if not folder.is_dir():
        return "a file; give the folder of the run"
    if _is_run(folder) or any(any(folder.glob(pattern)) for pattern in CHECKPOINTS):
        return "an unfinished run; start the same command again to continue it"
    return "a folder without a run; give the folder of the run"


def remove_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of a run that is finished."""
    for pattern in CHECKPOINTS:
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)


def _seal(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of the content of a manifest."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _passing(name: str) -> bool:
    """Whether a file is none of the user's: a lock, a temporary file, or one that the system makes."""
    return name in (LOCK, READY, *IGNORED) or name.startswith(STAGED) or _LEFT.fullmatch(name) is not None


def _plain(name: str) -> bool:
    """Whether a name is that of a file in the folder itself, on any system."""
    return name not in ("", ".", "..") and not set(name) & set("/\\:\0")


def _is_run(folder: Path) -> bool:
    if {"sha256", "seal"} <= set(_manifest(folder / MANIFEST)):
        return True
    return all((folder / name).is_file() for name in ("config.toml", "metrics.jsonl", "record.json"))


def _manifest(path: Path) -> dict[str, Any]:
    """A manifest, not checked; empty if it cannot be read."""
    from .schema import Facts, read_json

    try:
        found = read_json(path, Facts)
    except InputError:
        return {}
    return found if isinstance(found.get("sha256"), dict) else {}


def _finish(folder: Path) -> None:
    """Move the files of a whole run into the folder, the manifest last, and remove what the old run had besides."""
    ready = folder / READY
    if not os.path.lexists(ready):
        return
    if ready.is_symlink() or not ready.is_dir():
        raise InputError("expected a folder that an interrupted run left; delete it", ready)
    if (ready / MANIFEST).is_file():
        new = _manifest(ready / MANIFEST)
        if not new:
            raise InputError("damaged manifest of a run that is being moved to this folder; delete it", ready)
        for name in filter(_plain, new["sha256"]):
            if (ready / name).is_file():
                (ready / name).replace(folder / name)
        for name in set(_manifest(folder / MANIFEST).get("sha256", ())) - set(new["sha256"]):
            if _plain(name) and (folder / name).is_file():
                (folder / name).unlink()
        sync(folder)
        (ready / MANIFEST).replace(folder / MANIFEST)
        sync(folder)
    remove_checkpoints(folder)
    ready.rmdir()


def _tidy(folder: Path) -> None:
    """Remove temporary files of interrupted writers, and checkpoints of rounds without that of the first round."""
    for path in list(folder.iterdir()):
        if path.name.startswith(STAGED) and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif _LEFT.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)
        elif path.match("trainer-*.safetensors") and not (folder / "trainer.safetensors").exists():
            path.unlink(missing_ok=True)


def _lock(path: Path) -> int:
    """An open lock file that only this process and thread has locked."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if sys.platform == "win32":
                os.lseek(handle, 1 << 20, os.SEEK_SET)  # beyond the text, which others read
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                owner = _owner(handle)
                os.close(handle)
                raise InputError(
                    f"{owner} is writing a run to this folder; wait until it ends, stop it, or give another folder",
                    path.parent,
                ) from None
            if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL):
                os.close(handle)
                raise
        with suppress(FileNotFoundError):  # the owner before removed the file
            if os.path.samestat(os.fstat(handle), path.stat()):
                break
        os.close(handle)
    with suppress(OSError):  # the disk is full: the lock holds without the text
        os.ftruncate(handle, 0)
        text = f"process {os.getpid()} on {socket.gethostname()} (since {datetime.now():%Y-%m-%d %H:%M:%S})"
        os.pwrite(handle, text.encode(), 0) if hasattr(os, "pwrite") else os.write(handle, text.encode())
    return handle


def _owner(handle: int) -> str:
    """Text that the owner of a lock left in it."""
    with suppress(OSError):
        os.lseek(handle, 0, os.SEEK_SET)
        return os.read(handle, 200).decode(errors="replace") or "another process"
    return "another process"
