"""What callers give to a search: vectors and counts. Needs no torch."""

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..errors import UsageError, brief

if TYPE_CHECKING:
    from torch import Tensor

Vectors: TypeAlias = "np.ndarray[Any, Any] | Tensor"
"""Vectors ``[n, d]`` as NumPy array, memory map or torch tensor."""


def check_count(value: int, what: str, *, least: int = 1) -> int:
    """``value`` as int; a UsageError if it is not a whole number >= ``least``."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise UsageError(f"{what} must be a whole number >= {least}, got {brief(value)}")
    return int(value)
