"""Checked float32 rows from whatever the caller has, and their cosine form."""

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError, UsageError

Vectors = np.ndarray | Tensor
LARGEST = 1e15  # inner products of larger values may leave float32


def as_rows(vectors: Vectors, what: str, *, dim: int | None = None, device: str | torch.device = "cpu") -> Tensor:
    """Contiguous float32 rows ``[n, d]`` on ``device``; may share memory with ``vectors``, so never write to it.

    Args:
        vectors: ``[n, d]``, NumPy array (any real type, any layout, read-only too) or torch tensor, n and d >= 1.
        what: what the caller calls it, for messages.
        dim: the d that is required, ``None`` for any.
        device: where the rows should be.

    Raises:
        InputError: not a matrix of real numbers, empty, another d, or a value that is NaN, infinite or
            beyond 1e15; the message names the first such row.
    """
    if isinstance(vectors, Tensor):
        if vectors.is_complex() or vectors.dtype == torch.bool or vectors.layout != torch.strided:
            raise InputError(f"{what} must be a dense matrix of real numbers, got {vectors.dtype} {vectors.layout}")
        rows = vectors.detach()
    else:
        array = np.asarray(vectors)
        if array.dtype.kind not in "fiu":
            raise InputError(f"{what} must be a matrix of real numbers, got dtype {array.dtype}")
        if array.dtype != np.float32 or not array.flags.c_contiguous or not array.flags.writeable:
            with np.errstate(over="ignore"):  # what overflows is refused below
                array = np.array(array, dtype=np.float32, order="C")
        rows = torch.from_numpy(array)
    if rows.ndim != 2:
        raise InputError(f"{what} must have shape [n, d], got {list(rows.shape)}; a single vector is one row [1, d]")
    if rows.shape[0] == 0 or rows.shape[1] == 0:
        raise InputError(f"{what} must hold at least one row and one column, got {list(rows.shape)}")
    if dim is not None and rows.shape[1] != dim:
        raise InputError(f"{what} must have width {dim}, got {list(rows.shape)}")
    rows = rows.to(device=device, dtype=torch.float32).contiguous()
    low, high = rows.aminmax()  # NaN goes through to both
    if not (float(low) >= -LARGEST and float(high) <= LARGEST):
        bad = ~(rows.abs() <= LARGEST).all(dim=1)
        row = int(bad.int().argmax())
        raise InputError(
            f"{what} must be finite and within +-{LARGEST:g}; {int(bad.sum())} rows break this, first row {row}"
        )
    return rows


def unit_rows(rows: Tensor) -> Tensor:
    """Rows divided by their length, a new tensor ``[n, d]``; a row of zeros stays zero, so its cosine is 0."""
    peak = rows.abs().amax(dim=1, keepdim=True)
    scaled = rows / torch.where(peak > 0, peak, 1)  # squares of tiny or huge values leave float32
    return scaled / scaled.norm(dim=1, keepdim=True).clamp_min(1)


def prepare(
    vectors: Vectors, what: str, *, normalise: bool, dim: int | None = None, device: str | torch.device = "cpu"
) -> Tensor:
    """``as_rows``, of unit length if ``normalise``."""
    rows = as_rows(vectors, what, dim=dim, device=device)
    return unit_rows(rows) if normalise else rows


def torch_device(device: str | torch.device) -> torch.device:
    """The torch device of that name, there or not.

    Raises:
        UsageError: it is neither ``cpu`` nor ``cuda``.
    """
    try:
        named = torch.device(device)
    except (RuntimeError, TypeError):
        raise UsageError(f"device must be auto, cpu or cuda, got {device!r}") from None
    if named.type not in ("cpu", "cuda"):
        raise UsageError(f"device must be auto, cpu or cuda, got {device!r}")
    return named


def resolve_device(device: str | torch.device) -> torch.device:
    """The torch device to use for ``auto``, ``cpu`` or ``cuda``; ``auto`` takes CUDA where torch sees it.

    Raises:
        UsageError: an unknown device, or CUDA where torch sees none.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    named = torch_device(device)
    if named.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("device 'cuda' was asked for, but this torch sees no CUDA device; use device='cpu'")
    return named


def check_count(value: int, what: str, *, least: int = 1) -> int:
    """``value`` as int, or UsageError when it is no whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise UsageError(f"{what} must be a whole number >= {least}, got {value!r}")
    return int(value)
