"""Image features by name, for pictures that were encoded without a graph."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import InputError, UsageError
from ...files import MAX_BYTES, atomic_path
from ...typing import FloatArray
from ..kg import rows_not_finite
from ..parsing.integers import parse_id
from .by_id import ZIP_FAULTS, read_arrays
from .hdf5 import open_h5py, read_hdf5_vectors

SUFFIXES = (".safetensors", ".npz", ".h5", ".hdf5")


class NamedFeatures(NamedTuple):
    """Features by name: ``names`` unique, ``features`` float32 ``[P, d]``, finite."""

    names: tuple[str, ...]
    features: FloatArray


def holds_ids(path: Path) -> bool:
    """Whether a file holds features by entity id, for ``read_images``; also true if it cannot be read."""
    kind = path.suffix.lower()
    try:
        if kind == ".npz":
            with zipfile.ZipFile(path) as archive:
                return "names.npy" not in archive.namelist()
        if kind == ".safetensors":
            from safetensors import SafetensorError, safe_open

            try:
                with safe_open(path, "np") as file:
                    return "names" not in file.keys()
            except SafetensorError:
                return True
    except (OSError, *ZIP_FAULTS):
        return True
    return kind in (".pkl", ".pickle")


def check_suffix(path: Path) -> str:
    """The suffix of a feature file, in lower case.

    Raises:
        UsageError: the suffix is none of ``SUFFIXES``.
    """
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise UsageError(f"expected a file that ends in {', '.join(SUFFIXES)}, got {path.name!r}")
    return kind


def write_named(path: str | Path, names: Sequence[str], features: FloatArray) -> None:
    """Write features by name; the file is written completely or not at all.

    ``.safetensors`` and ``.npz`` hold ``features`` and ``names`` (UTF-8, one per line, as uint8). If every name is a
    number, they hold ``ids`` and ``features``, as ``read_images`` reads them for a DBP15K folder. ``.h5`` holds one
    array per name, like ``X_ImageData.h5`` of MMKB.

    Args:
        path: file to write; its suffix is one of ``SUFFIXES``.
        names: unique names without line ends, P of them.
        features: float32 ``[P, d]``.

    Raises:
        InputError: a name is repeated or cannot be stored.
        UsageError: the file has another suffix.
        MissingPackageError: h5py is not installed.
    """
    path = Path(path)
    kind = check_suffix(path)
    if len(set(names)) != len(names):
        again = next(name for k, name in enumerate(names) if name in names[:k])
        raise InputError(f"expected unique names of pictures, {again!r} comes more than once")
    if bad := [name for name in names if not name or any(sign in name for sign in "\n\0")]:
        raise InputError(f"expected names without line ends and NUL, got {bad[0]!r}")
    features = np.ascontiguousarray(features, np.float32)
    if kind in (".h5", ".hdf5"):
        _write_hdf5(path, names, features)
        return
    numbers = [parse_id(name) for name in names]
    arrays: dict[str, np.ndarray]
    if names and all(
        isinstance(number, int) and str(number) == name for number, name in zip(numbers, names, strict=True)
    ):
        order = np.argsort(np.array(numbers, np.int64))
        arrays = {"ids": np.array(numbers, np.int64)[order], "features": features[order]}
    else:
        arrays = {"names": np.frombuffer("\n".join(names).encode(), np.uint8), "features": features}
    with atomic_path(path) as temporary:
        if kind == ".npz":
            with temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
        else:
            from safetensors.numpy import save_file

            save_file(arrays, str(temporary))


def read_named(path: str | Path, max_bytes: int = MAX_BYTES) -> NamedFeatures:
    """Read a file that ``write_named`` wrote; ids become names.

    Args:
        path: the file.
        max_bytes: limit of its size after decompression, see ``most_bytes``.

    Raises:
        InputError: the file is missing, damaged, too large or of another layout, or a vector is not finite.
        MissingPackageError: h5py is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise InputError("no such file; check the path of the image features", path)
    if path.suffix.lower() in (".h5", ".hdf5"):
        vectors = read_hdf5_vectors(path, max_bytes=max_bytes)
        if not vectors:
            raise InputError("expected vectors of one length, got none", path)
        names, features = list(vectors), np.stack(list(vectors.values()))
    else:
        arrays = read_arrays(path, max_bytes)
        features = arrays.get("features", np.empty(0))
        if "ids" in arrays:
            names = [str(number) for number in arrays["ids"].ravel().tolist()]
        elif "names" in arrays and arrays["names"].dtype == np.uint8:
            try:
                names = arrays["names"].tobytes().decode().split("\n")
            except UnicodeDecodeError as error:
                raise InputError(f"expected names in UTF-8, got {error.reason}", path) from None
        else:
            raise InputError(f"expected 'features' and 'names' or 'ids', got {sorted(arrays)}", path)
    if features.ndim != 2 or features.dtype.kind != "f" or len(features) != len(names) or features.shape[1] == 0:
        raise InputError(
            f"expected float features [{len(names)}, d], got {features.dtype} {list(features.shape)}", path
        )
    if len(set(names)) != len(names):
        raise InputError("expected unique names, one comes more than once", path)
    with np.errstate(over="ignore"):
        features = features.astype(np.float32, copy=False)
    if len(bad := rows_not_finite(features)):
        raise InputError(
            f"expected finite features, {len(bad)} vectors have NaN or infinity, first {names[bad[0]]!r}", path
        )
    return NamedFeatures(tuple(names), features)


def _write_hdf5(path: Path, names: Sequence[str], features: FloatArray) -> None:
    h5py = open_h5py()
    if bad := [name for name in names if "/" in name or name == "."]:
        raise InputError(f"expected names without a slash for HDF5, got {bad[0]!r}; write .safetensors", path)
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        for name, vector in zip(names, features, strict=True):
            file.create_dataset(name, data=vector)
