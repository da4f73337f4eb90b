"""Checked float32 rows from arrays and tensors, and rows of unit length."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..typing import IntArray
from .given import Vectors as Vectors
from .given import check_count as check_count

BLOCK_BYTES = 16 << 20
LARGEST = 1e15  # inner products of larger values may overflow float32


class Rows:
    """Checked float32 rows, read block by block, so that a memory map is never in memory as a whole.

    Args:
        vectors: ``[n, d]``, NumPy array or memory map (any real type, any layout, read-only too) or torch
            tensor, n and d >= 1. Never written to.
        what: name of the vectors, for messages.
        normalise: scale rows to unit length; a row of zeros stays zero, so that its cosine is 0.
        dim: required d, ``None`` for any.
        device: device of the rows.

    Raises:
        InputError: not a matrix of real numbers, empty, another d, or a value that is NaN, infinite or
            beyond 1e15; the message names the first such row.
    """

    def __init__(
        self,
        vectors: Vectors,
        what: str,
        *,
        normalise: bool,
        dim: int | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        self._vectors = _checked_matrix(vectors, what, dim)
        self.normalise, self.device = normalise, torch.device(device)
        self.dim = int(self._vectors.shape[1])
        self._whole: Tensor | None = None
        bad, first = 0, -1
        for start, block in self._read():
            low, high = block.aminmax()  # NaN goes through to both
            if not (float(low) >= -LARGEST and float(high) <= LARGEST):
                broken = ~(block.abs() <= LARGEST).all(dim=1)
                first = start + int(broken.int().argmax()) if first < 0 else first
                bad += int(broken.sum())
        if bad:
            raise InputError(
                f"{what} must be finite and within +-{LARGEST:g}; {bad} rows break this, first row {first}"
            )

    def __len__(self) -> int:
        return len(self._vectors)

    def _read(self, step: int | None = None) -> Iterator[tuple[int, Tensor]]:
        step = self.step(BLOCK_BYTES) if step is None else step
        for start in range(0, len(self), step):
            yield start, _float_rows(self._vectors[start : start + step], self.device)

    def step(self, block_bytes: int) -> int:
        """Number of rows that fit into ``block_bytes``, at least one."""
        return max(1, block_bytes // (4 * self.dim))

    def blocks(self, step: int | None = None) -> Iterator[tuple[int, Tensor]]:
        """Blocks of ``step`` rows, each with the number of its first row; they may share memory with the vectors."""
        for start, block in self._read(step):
            yield start, unit_rows(block) if self.normalise else block

    def take(self, rows: IntArray) -> Tensor:
        """Some rows, in the given order, as a new tensor."""
        if self._whole is not None:
            return self._whole.index_select(0, torch.from_numpy(rows).to(self.device))
        found = torch.empty(len(rows), self.dim, device=self.device)
        step = self.step(BLOCK_BYTES)
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            block = _float_rows(self._vectors[some], self.device)
            found[start : start + len(some)] = unit_rows(block) if self.normalise else block
        return found

    def whole(self) -> Tensor:
        """All rows, the same tensor each time; without ``normalise`` they may share memory with the vectors."""
        if self._whole is None:
            if not self.normalise:
                return _float_rows(self._vectors, self.device)
            self._whole = torch.empty(len(self), self.dim, device=self.device)
            for start, block in self.blocks():
                self._whole[start : start + len(block)] = block
        return self._whole


def _checked_matrix(vectors: Vectors, what: str, dim: int | None) -> Vectors:
    if isinstance(vectors, Tensor):
        if vectors.is_complex() or vectors.dtype == torch.bool or vectors.layout != torch.strided:
            raise InputError(f"{what} must be a dense matrix of real numbers, got {vectors.dtype} {vectors.layout}")
        vectors = vectors.detach()
    else:
        vectors = np.asarray(vectors)
        if vectors.dtype.kind not in "fiu":
            raise InputError(f"{what} must be a matrix of real numbers, got dtype {vectors.dtype}")
    if vectors.ndim != 2:
        raise InputError(f"{what} must have shape [n, d], got {list(vectors.shape)}; a single vector is one row [1, d]")
    if vectors.shape[0] == 0 or vectors.shape[1] == 0:
        raise InputError(f"{what} must hold at least one row and one column, got {list(vectors.shape)}")
    if dim is not None and vectors.shape[1] != dim:
        raise InputError(f"{what} must have width {dim}, got {list(vectors.shape)}")
    return vectors


def _float_rows(vectors: Vectors, device: torch.device) -> Tensor:
    """Contiguous float32 rows on the device; may share memory with ``vectors``."""
    if isinstance(vectors, np.ndarray):
        if vectors.dtype != np.float32 or not vectors.flags.c_contiguous or not vectors.flags.writeable:
            with np.errstate(over="ignore"):  # an overflow is refused later
                vectors = np.array(vectors, dtype=np.float32, order="C")
        vectors = torch.from_numpy(vectors)
    return vectors.to(device=device, dtype=torch.float32).contiguous()


def as_rows(vectors: Vectors, what: str, *, dim: int | None = None, device: str | torch.device = "cpu") -> Tensor:
    """All rows of ``Rows``, not normalised; they may share memory with ``vectors``, so never write to them."""
    return Rows(vectors, what, normalise=False, dim=dim, device=device).whole()


def unit_rows(rows: Tensor) -> Tensor:
    """Rows scaled to unit length, a new tensor ``[n, d]``; a row of zeros stays zero, so that its cosine is 0."""
    peak = rows.abs().amax(dim=1, keepdim=True)
    scaled = rows / torch.where(peak > 0, peak, 1)  # squares of tiny or huge values are beyond float32
    return scaled.div_(scaled.norm(dim=1, keepdim=True).clamp_min(1))


def prepare(
    vectors: Vectors, what: str, *, normalise: bool, dim: int | None = None, device: str | torch.device = "cpu"
) -> Tensor:
    """``as_rows``, scaled to unit length if ``normalise``."""
    return Rows(vectors, what, normalise=normalise, dim=dim, device=device).whole()
