"""Image features by entity id, from pickle (read without unpickling), npz or safetensors files."""

import math
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import InputError, UsageError
from ...files import MAX_BYTES
from ...typing import FloatArray, IntArray
from ..kg import rows_not_finite
from ..parsing.limits import most_bytes, too_large
from .safe_pickle import read_vectors

ZIP_FAULTS = (ValueError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError)
"""Errors of ``zipfile`` and NumPy for damaged files; unknown versions and passwords are a ``RuntimeError``."""


class ImageFeatures(NamedTuple):
    """Features by entity id: ``ids`` int64 ``[P]``, ascending and unique; ``features`` float32 ``[P, d]``, finite."""

    ids: IntArray
    features: FloatArray


def read_images(path: str | Path, *, label: Callable[[int], str] = str, max_bytes: int = MAX_BYTES) -> ImageFeatures:
    """Read image features keyed by entity id.

    Args:
        path: ``.pkl``/``.pickle``, a dictionary of id -> float vector as published with EVA, MCLEA, MEAformer and
            MMKB; or ``.npz``/``.safetensors`` with ``ids`` int64 ``[P]`` and ``features`` float ``[P, d]``.
        label: text for an entity id in messages.
        max_bytes: limit of the file and of its features after decompression, see ``most_bytes``.

    Returns:
        Features with ascending ids. float32 input is returned bit-identical, float16 and float64 are converted. If the
        ids of a safetensors file ascend, its float32 features are memory-mapped, not read.

    Raises:
        InputError: the file is missing, too large, hostile or of another layout, or vectors differ in length or are not
            finite. No code of the file is ever run.
        UsageError: the file has another suffix.
    """
    path = Path(path)
    readers = {".pkl": _read_pickle, ".pickle": _read_pickle, ".npz": _read_arrays, ".safetensors": _read_arrays}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"expected image features in a {', '.join(readers)} file, got {path.name!r}")
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise too_large(path, max_bytes, "bytes")
        ids, features = reader(path, max_bytes)
    except FileNotFoundError:
        raise InputError("no such file; check the path of the image features", path) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path) from error
    return _checked(path, ids, features, label)


def _read_pickle(path: Path, max_bytes: int) -> tuple[IntArray, FloatArray]:
    try:
        vectors = read_vectors(path.read_bytes())
    except InputError as error:
        raise InputError(f"{error}; no code of the file was run", path) from None
    ids = np.fromiter(vectors, np.int64, len(vectors))
    dim = len(next(iter(vectors.values()))) if vectors else 0
    if len(ids) * dim * 4 > max_bytes:
        raise too_large(path, max_bytes, "bytes of features", f"{len(ids)} x {dim} floats")
    for entity_id, vector in vectors.items():
        if len(vector) != dim:
            raise InputError(f"expected {dim} numbers for every entity, got {len(vector)} for id {entity_id}", path)
    features = np.empty((len(ids), dim), np.float32)
    with np.errstate(over="ignore"):
        for row, vector in enumerate(vectors.values()):
            features[row] = vector
    return ids, features


def read_arrays(path: Path, max_bytes: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """Read the arrays of a ``.npz`` or ``.safetensors`` file by name; the latter are memory-mapped.

    Raises:
        FileNotFoundError: no such file.
        InputError: the file cannot be read, is damaged or too large, or holds other objects than plain arrays.
    """
    try:
        return _npz_arrays(path, max_bytes) if path.suffix.lower() == ".npz" else _safetensors_arrays(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path) from error


def _read_arrays(path: Path, max_bytes: int) -> tuple[IntArray, FloatArray]:
    arrays = read_arrays(path, max_bytes)
    if missing := {"ids", "features"} - arrays.keys():
        raise InputError(f"expected arrays 'ids' and 'features', got no {sorted(missing)[0]} in {sorted(arrays)}", path)
    return arrays["ids"], arrays["features"]


def _npz_arrays(path: Path, max_bytes: int) -> dict[str, np.ndarray]:
    try:
        most = most_bytes(path, max_bytes)
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > most:
                raise too_large(path, most)
            for member in archive.infolist():
                _check_declared_size(archive, member)
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except InputError:
        raise
    except (*ZIP_FAULTS, MemoryError) as error:
        raise InputError(f"expected an npz file of plain arrays, got {error}", path) from None


def _check_declared_size(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Refuse an array whose header declares another size than its member has, before numpy reserves memory for it."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        declared, size = math.prod(shape) * dtype.itemsize, member.file_size - file.tell()
    if declared != size and not dtype.hasobject:
        raise ValueError(f"{member.filename} of {size:,} bytes that declares {declared:,}")


def _safetensors_arrays(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return {name: tensor.numpy() for name, tensor in load_file(path).items()}  # memory-mapped
    except (SafetensorError, TypeError) as error:
        raise InputError(f"expected a safetensors file, got {error}", path) from None


def _checked(path: Path, ids: np.ndarray, features: np.ndarray, label: Callable[[int], str]) -> ImageFeatures:
    if ids.ndim != 1 or ids.dtype.kind not in "iu" or features.ndim != 2 or features.dtype.kind != "f":
        raise InputError(
            f"expected integer ids [P] and float features [P, d], got {ids.dtype} {list(ids.shape)} and "
            f"{features.dtype} {list(features.shape)}",
            path,
        )
    if len(ids) != len(features) or (len(ids) and features.shape[1] == 0):
        raise InputError(f"expected one vector for each of {len(ids)} ids, got {list(features.shape)}", path)
    order = np.argsort(ids, kind="stable")
    if (np.diff(order) != 1).any():
        ids, features = ids[order], features[order]
    with np.errstate(over="ignore"):
        ids, features = ids.astype(np.int64), features.astype(np.float32, copy=False)
    if len(ids) and (int(ids[0]) < 0 or (ids[1:] == ids[:-1]).any()):
        raise InputError("expected unique ids >= 0, got a negative or repeated one", path)
    bad = rows_not_finite(features)
    if len(bad):
        raise InputError(
            f"expected finite features, {len(bad)} vectors have NaN or infinity, first {label(int(ids[bad[0]]))}",
            path,
        )
    return ImageFeatures(ids, features)
