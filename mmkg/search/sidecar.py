"""The JSON sidecar of an index file."""

import json
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError, MmkgError
from .config import FAISS_KINDS, IndexConfig

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
    """Where the sidecar of an index file lies: the same name plus ``.json``."""
    path = Path(path)
    return path.with_name(path.name + ".json")


def _read_sidecar(path: Path) -> dict[str, Any]:
    where = sidecar_path(path)
    for file in (path, where):
        if not file.is_file():
            raise InputError("no such file; an index is two files, the index and its sidecar .json", file)
    try:
        sidecar = json.loads(where.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"sidecar is not JSON: {error}", where) from None
    if not isinstance(sidecar, dict) or sidecar.get("format") != FORMAT:
        raise InputError(f"expected a sidecar with format {FORMAT!r}", where)
    if sidecar.get("version") != VERSION:
        raise InputError(f"expected format version {VERSION}, got {sidecar.get('version')!r}; save it again", where)
    if set(sidecar) != set(FIELDS):
        odd = sorted(set(sidecar) ^ set(FIELDS))
        raise InputError(f"sidecar fields differ from those of version {VERSION}: {', '.join(odd)}", where)
    for name, kind in FIELDS.items():
        if not isinstance(sidecar[name], kind) or isinstance(sidecar[name], bool):
            raise InputError(f"sidecar field {name!r} must be {kind.__name__}, got {sidecar[name]!r}", where)
    if sidecar["kind"] not in ("exact", "parts", *FAISS_KINDS) or sidecar["metric"] not in ("cosine", "ip"):
        raise InputError(f"unknown kind or metric in sidecar: {sidecar['kind']!r}, {sidecar['metric']!r}", where)
    try:
        IndexConfig.of(sidecar["config"])
    except MmkgError as error:
        raise InputError(f"sidecar config: {error}", where) from None
    return sidecar


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise InputError(f"not a safetensors file: {error}", path) from None
