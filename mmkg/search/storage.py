"""An index on disk: one data file and a JSON sidecar that says what it is and what its hash is."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ..compute.devices import torch_device
from ..errors import InputError, UsageError
from ..files import atomic_path, sha256_file, write_text
from .config import IndexConfig
from .exact import ExactIndex
from .faiss_index import FaissIndex, faiss_sees_gpu, read_faiss
from .parts_index import PartsIndex
from .sidecar import FORMAT, VERSION, _read_sidecar, _read_tensors, sidecar_path


@dataclass(frozen=True)
class StoredIndex:
    """A loaded index and what its sidecar says about it.

    Args:
        index: ready to search.
        about: what the writer noted, e.g. entity ids or the fingerprint of the data.
    """

    index: ExactIndex | FaissIndex | PartsIndex
    about: dict[str, Any]


def save_index(
    index: ExactIndex | FaissIndex | PartsIndex, path: str | Path, *, about: Mapping[str, Any] | None = None
) -> None:
    """Write an index file (FAISS format, safetensors for the kinds exact and parts) and its sidecar ``<path>.json``.

    Each file is written whole or not at all, the sidecar last; a kill in between leaves a pair that
    ``load_index`` refuses.

    Args:
        index: from ``build_index``.
        path: of the index file, e.g. ``runs/x/index.faiss``; folders are made.
        about: JSON values to keep with it, e.g. the fingerprint of the data.

    Raises:
        UsageError: an object of another library, or ``about`` is not JSON.
    """
    if not isinstance(index, (ExactIndex, FaissIndex, PartsIndex)):
        raise UsageError(f"only indexes made by build_index can be saved, got {type(index).__name__}")
    path = Path(path)
    try:
        notes = json.loads(json.dumps(dict(about or {}), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise UsageError(f"about must hold JSON values only: {error}") from None
    with atomic_path(path) as temporary:
        if isinstance(index, (ExactIndex, PartsIndex)):
            from safetensors.torch import save_file

            tensors = {"vectors": index.stored.cpu().contiguous()} if isinstance(index, ExactIndex) else index.tensors()
            save_file(tensors, temporary)
            config = IndexConfig() if isinstance(index, ExactIndex) else index.config
        else:
            index.write(temporary)
            config = index.config
        digest = sha256_file(temporary)
    sidecar = {
        "format": FORMAT,
        "version": VERSION,
        "kind": index.kind,
        "metric": index.metric,
        "dim": index.dim,
        "size": index.size,
        "sha256": digest,
        "config": asdict(config),
        "about": notes,
    }
    write_text(sidecar_path(path), json.dumps(sidecar, indent=1, sort_keys=True) + "\n")


def load_index(
    path: str | Path, *, device: str | torch.device = "auto", expect: Mapping[str, Any] | None = None
) -> StoredIndex:
    """Read what ``save_index`` wrote, after checking the sidecar and the hash of the index file.

    Args:
        path: of the index file.
        device: as for ``build_index``; ``auto`` keeps FAISS kinds on the CPU.
        expect: entries that ``about`` must hold, e.g. ``{"fingerprint": ...}``: an index of other data is
            refused.

    Raises:
        InputError: a file is missing, damaged or inconsistent, or an expected entry differs.
        UsageError: the device is not there, or cannot hold this kind.
    """
    path = Path(path)
    sidecar = _read_sidecar(path)
    kind, metric, about = sidecar["kind"], sidecar["metric"], sidecar["about"]
    for key, value in (expect or {}).items():
        if about.get(key) != value:
            raise InputError(f"index belongs to other data: {key} is {about.get(key)!r}, expected {value!r}", path)
    digest = sha256_file(path)
    if digest != sidecar["sha256"]:
        raise InputError(
            f"index file is damaged or not the one its sidecar describes: SHA-256 {digest}, "
            f"sidecar says {sidecar['sha256']}; build and save the index again",
            path,
        )
    index: ExactIndex | FaissIndex | PartsIndex
    if kind == "exact":
        index = _read_exact(path, metric, device)
    elif kind == "parts":
        try:
            index = PartsIndex.from_tensors(
                _read_tensors(path), metric=metric, config=IndexConfig.of(sidecar["config"])
            )
        except InputError as error:
            raise InputError(str(error), path) from None
    else:
        gpu = None
        if str(device) != "auto" and torch_device(device).type == "cuda":
            if not faiss_sees_gpu():
                raise UsageError(f"FAISS sees no GPU: load this index of kind {kind!r} with device='cpu'")
            gpu = torch_device(device).index or 0
        index = read_faiss(path, kind=kind, metric=metric, config=IndexConfig.of(sidecar["config"]), gpu=gpu)
    for name in ("dim", "size"):
        if getattr(index, name) != sidecar[name]:
            raise InputError(f"index has {name} {getattr(index, name)}, its sidecar says {sidecar[name]}", path)
    return StoredIndex(index, about)


def _read_exact(path: Path, metric: Any, device: str | torch.device) -> ExactIndex:
    tensors = _read_tensors(path)
    if set(tensors) != {"vectors"} or tensors["vectors"].ndim != 2 or tensors["vectors"].dtype != torch.float32:
        raise InputError("expected one float32 matrix named 'vectors'", path)
    return ExactIndex.from_stored(tensors["vectors"], metric=metric, device=device)
