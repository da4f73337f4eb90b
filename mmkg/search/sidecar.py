"""Index files: one data file and a JSON sidecar that describes it and holds its hash."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, UsageError
from ..files import atomic_path, sha256_file, write_text
from ..schema import Facts, read_json

if TYPE_CHECKING:
    import torch

FORMAT = "mmkg-index"
VERSION = 1
FIELDS = {
    "format": str,
    "version": int,
    "kind": str,
    "metric": str,
    "dim": int,
    "size": int,
    "sha256": str,
    "config": dict,
    "about": dict,
}


def sidecar_path(path: str | Path) -> Path:
    """Path of the sidecar of an index file: the same name plus ``.json``."""
    path = Path(path)
    return path.with_name(path.name + ".json")


def write_stored(
    path: str | Path, write: Callable[[Path], None], facts: Mapping[str, Any], about: Mapping[str, Any]
) -> None:
    """Write an index file and its sidecar, each whole or not at all, the sidecar last.

    Args:
        path: of the index file; folders are made.
        write: writes the data to the path it is given.
        facts: the sidecar fields ``kind``, ``metric``, ``dim``, ``size`` and ``config``.
        about: JSON values to keep with the index.

    Raises:
        UsageError: ``about`` is not JSON.
    """
    path = Path(path)
    try:
        notes = json.loads(json.dumps(dict(about), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise UsageError(f"about must hold JSON values only: {error}") from None
    with atomic_path(path) as temporary:
        write(temporary)
        digest = sha256_file(temporary)
    sidecar = {"format": FORMAT, "version": VERSION, "sha256": digest, "about": notes, **facts}
    write_text(sidecar_path(path), json.dumps(sidecar, indent=1, sort_keys=True) + "\n")


def read_sidecar(path: Path) -> dict[str, Any]:
    """The sidecar of an index file, after checking its form.

    Raises:
        InputError: a file is missing, or the sidecar is not one of this version.
    """
    where = sidecar_path(path)
    for file in (path, where):
        if not file.is_file():
            raise InputError("no such file; an index is two files, the index and its sidecar .json", file)
    try:
        sidecar: dict[str, Any] = read_json(where, Facts)
    except InputError as error:
        raise InputError(f"sidecar is not JSON: {error.reason}", where, error.line) from None
    if sidecar.get("format") != FORMAT:
        raise InputError(f"expected a sidecar with format {FORMAT!r}", where)
    if sidecar.get("version") != VERSION:
        raise InputError(f"expected format version {VERSION}, got {sidecar.get('version')!r}; save it again", where)
    if set(sidecar) != set(FIELDS):
        odd = sorted(set(sidecar) ^ set(FIELDS))
        raise InputError(f"sidecar fields differ from those of version {VERSION}: {', '.join(odd)}", where)
    for name, kind in FIELDS.items():
        if not isinstance(sidecar[name], kind) or isinstance(sidecar[name], bool):
            raise InputError(f"sidecar field {name!r} must be {kind.__name__}, got {sidecar[name]!r}", where)
    if sidecar["dim"] < 1 or sidecar["size"] < 1:
        raise InputError("sidecar fields 'dim' and 'size' must be at least 1", where)
    return sidecar


def check_digest(path: Path, expected: str, digest: str | None = None) -> None:
    """Refuse an index file whose hash is not the one in its sidecar; ``digest`` is that hash, if it is known."""
    digest = sha256_file(path) if digest is None else digest
    if digest != expected:
        raise InputError(
            f"index file is damaged or does not belong to its sidecar: SHA-256 {digest}, the sidecar has {expected}; "
            "build and save the index again",
            path,
        )


def read_tensors(path: Path) -> "dict[str, torch.Tensor]":
    """The tensors of a safetensors file.

    Raises:
        InputError: the file is not one.
    """
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (MemoryError, OSError):
        raise
    except Exception as error:  # SafetensorError, and others where the header is hostile
        raise InputError(f"not a safetensors file: {error}", path) from None


def check_vectors(rows: "torch.Tensor", what: str, path: Path) -> None:
    """Refuse stored vectors ``[n, d]`` with NaN, infinity or values of which inner products overflow."""
    from .vectors import Rows

    try:
        Rows(rows, what, normalise=False)
    except InputError as error:
        raise InputError(error.reason, path) from None


def write_tensors(path: Path, tensors: "Mapping[str, torch.Tensor]") -> None:
    """Write tensors as a safetensors file."""
    from safetensors.torch import save_file

    save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, path)
