"""Arrays of a safetensors file, mapped from the disk: rows that are not used are not read."""

import json
import mmap
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError
from ..files import atomic_path

BLOCK = 1 << 20  # values that are looked at at a time
BLOCKS_KEPT = 8  # blocks of a mapped array that are looked at before their memory is given back
TYPES = {
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
    "I8": np.int8,
    "I32": np.int32,
    "I64": np.int64,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


class MappedArrays(NamedTuple):
    """Arrays by name, and the texts beside them."""

    arrays: dict[str, np.ndarray]
    metadata: dict[str, str]


def map_arrays(path: Path) -> MappedArrays:
    """The arrays of a safetensors file. Writing to them leaves the file as it is.

    Raises:
        InputError: the file is not one, or holds another type than 16, 32 or 64 bit numbers, bytes and truth values.
    """
    from safetensors import safe_open

    try:
        with safe_open(path, framework="np") as file:  # checks that header and places fit the file
            metadata = dict(file.metadata() or {})
        with path.open("rb") as stream:
            size = struct.unpack("<Q", stream.read(8))[0]
            header: dict[str, Any] = json.loads(stream.read(size))
        header.pop("__metadata__", None)
        arrays = {name: _mapped(path, 8 + size, each) for name, each in header.items()}
    except (MemoryError, OSError):
        raise
    except Exception as error:  # SafetensorError, and others where the header is hostile
        raise InputError(f"not a safetensors file: {error}", path) from None
    return MappedArrays(arrays, metadata)


def _mapped(path: Path, start: int, facts: dict[str, Any]) -> np.ndarray:
    kind, shape = TYPES.get(facts["dtype"]), tuple(facts["shape"])
    if kind is None:
        raise ValueError(f"expected numbers of type {', '.join(TYPES)}, got {facts['dtype']}")
    if 0 in shape:
        return np.empty(shape, kind)
    where = start + facts["data_offsets"][0]
    return np.asarray(np.memmap(path, np.dtype(kind).newbyteorder("<"), "c", where, shape))


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write arrays and texts as a safetensors file, which appears whole."""
    from safetensors.numpy import save_file

    with atomic_path(path) as temporary:
        save_file(
            {name: np.require(array, requirements="C") for name, array in arrays.items()}, temporary, dict(metadata)
        )


def largest(rows: np.ndarray) -> float:
    """The largest absolute value of an array of real numbers, infinity if one is NaN or infinite; 0 if empty.

    The bits of positive numbers are ordered as the numbers are, so that no value is converted. No more than a
    few blocks of a mapped array are in memory at a time.
    """
    kind: Any = {2: np.uint16, 4: np.uint32, 8: np.uint64}[rows.dtype.itemsize]
    bits, sign = rows.reshape(-1).view(kind), kind(1 << (8 * rows.dtype.itemsize - 1))
    top = 0
    for number, start in enumerate(range(0, len(bits), BLOCK), start=1):
        top = max(top, int((bits[start : start + BLOCK] & ~sign).max()))
        if number % BLOCKS_KEPT == 0:
            release(rows)
    value = float(np.array([top], kind).view(rows.dtype)[0])
    return value if value < np.inf else float(np.inf)


def release(array: np.ndarray) -> None:
    """Give back the memory of a mapped array; what is used later is read again. Values that were written are lost."""
    owner: Any = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)
