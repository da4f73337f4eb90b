"""Vectors by name in HDF5 files, as MMKB has them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError, MissingPackageError
from ...files import MAX_BYTES
from ...typing import FloatArray
from ..parsing.limits import most_bytes, too_large


def read_hdf5_vectors(
    path: Path, wanted: Iterable[str] | None = None, max_bytes: int = MAX_BYTES
) -> dict[str, FloatArray]:
    """Vectors of one length by name, float32 ``[d]``.

    Args:
        path: the file; each of its arrays is one vector.
        wanted: names to read; those without an array are left out. ``None`` = all.
        max_bytes: limit of the bytes of all arrays, see ``most_bytes``; HDF5 may declare an array of any size.

    Raises:
        InputError: the file is missing or damaged, an array is no vector or stored in another file, vectors differ in
            length, or the arrays exceed the limit.
        MissingPackageError: h5py is not installed.
    """
    h5py = open_h5py()
    found: dict[str, FloatArray] = {}
    size = 0
    try:
        most = most_bytes(path, max_bytes)
        with h5py.File(path, "r") as file:
            for name in file if wanted is None else wanted:
                if name not in file and wanted is not None:
                    continue
                # links and arrays of raw or virtual data may point to other files
                inside = isinstance(file.get(name, getlink=True), h5py.HardLink)
                data = file[name] if inside else None
                if not isinstance(data, h5py.Dataset) or data.dtype.kind != "f" or not data.size:
                    raise InputError(f"expected numbers for picture {name!r}, got something else", path)
                if data.external or data.is_virtual:
                    raise InputError(f"expected picture {name!r} in this file, got one that is stored in another", path)
                size += max(4, data.dtype.itemsize) * data.size
                if size > most:
                    raise too_large(path, most)
                found[name] = np.asarray(data, np.float32).ravel()
    except FileNotFoundError:
        raise InputError("no such file; check the path of the image features", path) from None
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, MemoryError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"expected an HDF5 file, got {str(error)[:120]}", path) from None
    widths = sorted({len(vector) for vector in found.values()})
    if len(widths) > 1:
        raise InputError(f"expected vectors of one length, got {widths[0]} and {widths[1]} numbers", path)
    return found


def open_h5py() -> Any:
    """The module h5py.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingPackageError("image features in HDF5 need h5py: pip install 'mmkg[hdf5]'") from error
    return h5py
