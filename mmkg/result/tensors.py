"""Tensors of a run folder, each of which is read when it is looked up: most uses of a run need none of them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..search.mapped import largest, map_arrays

if TYPE_CHECKING:
    import torch

LARGEST_WEIGHT = 1e15  # products of larger numbers may overflow float32


class MappedTensors(Mapping[str, "torch.Tensor"]):
    """Arrays that are mapped from a file, as tensors; torch is imported with the first of them.

    Args:
        arrays: by name; writing to a tensor leaves the file as it is.
        single: whether real numbers become float32; else they keep their type.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], *, single: bool) -> None:
        self._arrays, self._single = dict(arrays), single

    def __getitem__(self, name: str) -> "torch.Tensor":
        import torch

        tensor = torch.from_numpy(self._arrays[name])
        return tensor.float() if self._single and tensor.is_floating_point() else tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def read_projection(path: Path, widths: Mapping[str, int]) -> MappedTensors:
    """Matrices that made the parts of the modalities narrower, to these widths; in their order."""
    matrices = map_arrays(path).arrays
    if set(matrices) != set(widths):
        raise InputError(f"expected matrices of {', '.join(sorted(widths))}, got {', '.join(sorted(matrices))}", path)
    for name, width in widths.items():
        matrix = matrices[name]
        if matrix.dtype != np.float16 or matrix.ndim != 2 or matrix.shape[1] != width or not len(matrix):
            raise InputError(f"expected {name} float16 [n, {width}], got {matrix.dtype} {list(matrix.shape)}", path)
        _check_numbers(matrix, f"matrix of {name}", path)
    return MappedTensors({name: matrices[name] for name in widths}, single=False)


def read_weights(path: Path) -> MappedTensors:
    """Weights of a model, float32 where they are real numbers; every number is finite."""
    arrays = map_arrays(path).arrays
    for name, array in arrays.items():
        if array.dtype.kind == "f":
            _check_numbers(array, f"weights {name}", path)
    return MappedTensors(arrays, single=True)


def _check_numbers(array: np.ndarray, what: str, path: Path) -> None:
    if (most := largest(array)) > LARGEST_WEIGHT:
        raise InputError(f"{what} must be finite and within +-{LARGEST_WEIGHT:g}, got a value of {most:g}", path)
