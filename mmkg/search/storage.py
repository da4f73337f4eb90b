"""Indexes on disk, of every kind: save one, load one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..compute.host import isolated
from ..errors import InputError, MmkgError, UsageError
from ..settings import parse
from .index import INDEXES, METRICS
from .kind import Index
from .sidecar import check_digest, read_sidecar, sidecar_path

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class StoredIndex:
    """A loaded index and the notes in its sidecar.

    Args:
        index: ready to search.
        about: notes of the writer, e.g. entity ids or the fingerprint of the data.
    """

    index: Index
    about: dict[str, Any]


@isolated
def save_index(index: Index, path: str | Path, *, about: Mapping[str, Any] | None = None) -> None:
    """Write an index file (FAISS format, safetensors for the kinds exact and parts) and its sidecar ``<path>.json``.

    Each file is written whole or not at all, the sidecar last; after a kill in between, ``load_index`` refuses the
    pair.

    Args:
        index: from ``build_index``.
        path: of the index file, e.g. ``runs/x/index.faiss``; folders are made.
        about: JSON values to keep with it, e.g. the fingerprint of the data.

    Raises:
        UsageError: an object of another library, or ``about`` is not JSON.
    """
    if not isinstance(index, Index):
        raise UsageError(f"only indexes made by build_index can be saved, got {type(index).__name__}")
    index.save(path, about=about)


@isolated
def load_index(
    path: str | Path,
    *,
    device: "str | torch.device" = "auto",
    expect: Mapping[str, Any] | None = None,
    digest: str | None = None,
) -> StoredIndex:
    """Read an index that ``save_index`` wrote, after checking the sidecar and the hash of the index file.

    Args:
        path: of the index file.
        device: as for ``build_index``; ``auto`` keeps FAISS kinds on the CPU.
        expect: entries that ``about`` must hold, e.g. ``{"fingerprint": ...}``: an index of other data is
            refused.
        digest: SHA-256 of the index file, if it is known already; ``None`` = the file is read to compute it.

    Raises:
        InputError: a file is missing, damaged or inconsistent, or an expected entry differs.
        UsageError: the device is missing, or cannot hold this kind.
    """
    path = Path(path)
    sidecar = read_sidecar(path)
    kind, metric, about = sidecar["kind"], sidecar["metric"], sidecar["about"]
    load = INDEXES[kind].load if kind in INDEXES else None
    if load is None or metric not in METRICS:
        raise InputError(f"unknown kind or metric in sidecar: {kind!r}, {metric!r}", sidecar_path(path))
    try:
        config = parse(INDEXES[kind].config(), sidecar["config"], "config")
    except MmkgError as error:
        raise InputError(f"sidecar: {error}", sidecar_path(path)) from None
    for key, value in (expect or {}).items():
        if about.get(key) != value:
            raise InputError(f"index belongs to other data: {key} is {about.get(key)!r}, expected {value!r}", path)
    check_digest(path, sidecar["sha256"], digest)
    index = load(path, metric, config, device)
    for name in ("dim", "size"):
        if getattr(index, name) != sidecar[name]:
            raise InputError(f"index has {name} {getattr(index, name)}, its sidecar has {sidecar[name]}", path)
    return StoredIndex(index, about)
