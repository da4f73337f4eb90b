"""Cache of computed vectors on disk, by the hash of their input."""

import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...files import atomic_path
from ...typing import FloatArray

logger = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Folder of the cache: ``$MMKG_CACHE``, by default ``mmkg`` in the cache folder of the user."""
    if (own := os.environ.get("MMKG_CACHE")) is not None:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mmkg"


class VectorCache:
    """Vectors by key, in files that are written once and never changed.

    A file holds ``keys`` uint8 ``[P, 32]`` and ``vectors`` float32 ``[P, d]`` with their SHA-256. A file that does not
    match its hash is deleted, so that its vectors are computed again. Several processes may add files at once.

    Args:
        folder: folder of the cache; created with the first vectors.
        identity: name and version of the encoder; each has its own files.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder = folder / hashlib.sha256(identity.encode()).hexdigest()[:24]
        self._places: dict[bytes, tuple[int, int]] = {}
        self._parts: list[FloatArray] = []
        if self.folder.is_dir():
            for path in sorted(self.folder.glob("*.safetensors")):
                self._read(path)

    def get(self, key: bytes) -> FloatArray | None:
        """The vector of a key, float32 ``[d]``, or ``None`` if the cache has none."""
        place = self._places.get(key)
        return None if place is None else self._parts[place[0]][place[1]]

    def put(self, keys: Sequence[bytes], vectors: FloatArray) -> None:
        """Store vectors, float32 ``[P, d]``, under keys of 32 bytes. If the folder cannot be written, only warn."""
        from safetensors.numpy import save_file

        table = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 32)
        digest = _digest(table, vectors)
        try:
            with atomic_path(self.folder / f"{digest[:24]}.safetensors") as temporary:
                save_file({"keys": table, "vectors": vectors}, str(temporary), metadata={"sha256": digest})
        except OSError as error:
            logger.warning("cannot write vectors to the cache %s: %s", self.folder, error.strerror or error)

    def _read(self, path: Path) -> None:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "pt") as file:  # mapped, not read
                keys, vectors = file.get_tensor("keys").numpy(), file.get_tensor("vectors").numpy()
                metadata = file.metadata() or {}
            sound = keys.dtype == np.uint8 and keys.ndim == 2 and keys.shape[1] == 32 and vectors.ndim == 2
            sound = sound and vectors.dtype == np.float32 and len(keys) == len(vectors)
            sound = sound and (not self._parts or vectors.shape[1] == self._parts[0].shape[1])
            if not (sound and metadata.get("sha256") == _digest(keys, vectors)):
                raise ValueError("it does not match its hash")
        except (SafetensorError, ValueError, TypeError, KeyError, OSError) as error:
            logger.warning("%s is damaged (%s); deleted, its vectors are computed again", path, error)
            path.unlink(missing_ok=True)
            return
        self._places |= {key.tobytes(): (len(self._parts), row) for row, key in enumerate(keys)}
        self._parts.append(vectors)


def _digest(keys: np.ndarray, vectors: FloatArray) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(keys).data)
    digest.update(np.ascontiguousarray(vectors).data)
    return digest.hexdigest()
