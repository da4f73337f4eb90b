"""State of a training run in one file, checked by its hash."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import InputError
from ..files import atomic_path

FORMAT = 1


def save_checkpoint(path: str | Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """Write tensors and a JSON state with the SHA-256 of both; the file is written completely or not at all."""
    copies = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps({"format": FORMAT, **state})  # in the order of the keys, which a resumed run writes to its files
    with atomic_path(path) as temporary:
        save_file(copies, temporary, metadata={"state": text, "sha256": _digest(copies, text)})


def load_checkpoint(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and the state that ``save_checkpoint`` wrote.

    Raises:
        InputError: the file is missing, damaged, or of another format.
    """
    if not Path(path).is_file():
        raise InputError("no such checkpoint; train first, or check the path", path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        text = metadata["state"]
        state = json.loads(text)
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise InputError(f"damaged checkpoint ({error}); delete it to start over", path) from error
    found = _digest(tensors, text)
    if found != metadata.get("sha256"):
        raise InputError(
            f"damaged checkpoint: expected SHA-256 {metadata.get('sha256')}, found {found}; delete it to start over",
            path,
        )
    if state.get("format") != FORMAT:
        raise InputError(f"expected checkpoint format {FORMAT}, got {state.get('format')}", path)
    return tensors, state


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data if tensor.numel() else b"")
    return digest.hexdigest()


def pack(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, renamed to ``prefix/name``."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def unpack(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that ``pack`` stored under a prefix, by their own names."""
    start = f"{prefix}/"
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
