"""Files and folders at an address, as of object storage: brought to this machine before a run, and back after it."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config.data import DataConfig
from ..errors import InputError, MissingPackageError, UsageError
from ..folders import MANIFEST

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://")
_ONE_SLASH = re.compile(r"([a-z][a-z0-9+.-]+):/(?!/)")
LOCAL = ("file", "local")  # their paths begin with a slash
OF_READERS = ("http", "https", "bolt", "neo4j", "bolt+s", "neo4j+s", "bolt+ssc", "neo4j+ssc")  # not files


def is_address(place: Any) -> bool:
    """Whether a place is the address of files, e.g. ``s3://bucket/pair``, and no path of this machine."""
    found = _ADDRESS.match(place) if isinstance(place, str) else None
    return found is not None and found[0].removesuffix("://") not in OF_READERS


def as_address(path: str) -> str:
    """An address of which a path has dropped slashes, as it was; any other path as it is."""
    found = _ONE_SLASH.match(path)
    if found is None:
        return path
    return f"{found[1]}://{'/' if found[1] in LOCAL else ''}{path[found.end() :]}"


def opened(address: str) -> tuple[Any, str]:
    """The file system of an address, by fsspec, and the path in it.

    Raises:
        MissingPackageError: fsspec, or its package for this kind of storage, is not installed.
        UsageError: no known kind of storage.
    """
    try:
        import fsspec
    except ImportError:
        raise MissingPackageError(f"{address}: needs fsspec; pip install 'mmkg[ray]'") from None
    try:
        system, path = fsspec.core.url_to_fs(address)
    except ImportError as error:  # its message names the package
        raise MissingPackageError(f"{address}: {error}") from None
    except ValueError as error:
        raise UsageError(f"{address}: {error}; give a path or an address such as s3://BUCKET/FOLDER") from None
    return system, str(path)


@contextmanager
def fetched(place: Any, config: DataConfig) -> Iterator[tuple[Any, DataConfig]]:
    """The place of a pair and its settings, with every address replaced by a copy on this machine.

    Args:
        place: a pair as ``load`` takes it: a name, a path or an address, or two of these.
        config: settings of the data, whose links, pictures and rejected pairs may be at an address too.

    Raises:
        InputError: nothing is there, or it cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="mmkg-") as folder:

        def local(each: Any, name: str) -> Any:
            return str(_copied(each, Path(folder) / name)) if is_address(each) else each

        if isinstance(place, tuple):
            here: Any = tuple(local(each, f"graph{number}") for number, each in enumerate(place))
        else:
            here = local(place, "pair")
        changes = {name: local(getattr(config, name), name) for name in ("links", "never", "decisions")}
        images = config.images or ()
        changes["images"] = tuple(local(each, f"images{number}") for number, each in enumerate(images)) or config.images
        yield here, replace(config, **changes)


def _copied(address: str, folder: Path) -> Path:
    """A copy of the file or folder at an address, under its own name."""
    system, path = opened(address)
    folder.mkdir(parents=True)
    target = folder / (path.rstrip("/").rpartition("/")[2] or "data")
    try:
        if not system.exists(path):
            raise InputError("no such file or folder; check the address", address)
        system.get(path.rstrip("/"), str(target), recursive=True)
    except InputError:
        raise
    except Exception as error:  # each storage has errors of its own
        raise InputError(f"cannot be read ({type(error).__name__}: {error}); check the address", address) from error
    return target


@contextmanager
def run_folder(out: str | None, overwrite: bool) -> Iterator[Path | None]:
    """A run folder on this machine; one for an address is copied there when the ``with`` block ends without an error.

    The manifest is removed from an old run first, and copied last, so that a run there is whole or none.

    Args:
        out: path or address; ``None`` = the run is not written.
        overwrite: whether a finished run there may be replaced.

    Raises:
        UsageError: there is a finished run.
        InputError: the run cannot be written.
    """
    if out is None or not is_address(out):
        yield None if out is None else Path(out)
        return
    system, path = opened(out)
    path = path.rstrip("/")
    with _written(out):
        finished = system.exists(f"{path}/{MANIFEST}")
    if finished and not overwrite:
        raise UsageError(f"{out} holds a finished run already; give another --out, or --overwrite")
    folder = Path(tempfile.mkdtemp(prefix="mmkg-run-"))
    try:
        yield folder
        with _written(out):
            system.makedirs(path, exist_ok=True)
            if finished:
                system.rm_file(f"{path}/{MANIFEST}")
            files = sorted(each for each in folder.iterdir() if each.is_file() and each.name != MANIFEST)
            for file in [*files, folder / MANIFEST]:
                system.put_file(str(file), f"{path}/{file.name}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _written(out: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # each storage has errors of its own
        raise InputError(f"cannot be written ({type(error).__name__}: {error}); check the address", out) from error
