"""Inner products block by block; the scores do not depend on the size of the blocks."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ..compute.products import GRAIN, add_product
from ..progress import tracked

CPU_BLOCK_BYTES = 64 << 20
CPU_KEPT_BYTES = 512 << 20
CUDA_BLOCK_BYTES = 1 << 30
SLICE_BYTES = 1 << 20
MERGED_ROWS = 32


def pad_rows(rows: Tensor) -> Tensor:
    """``rows`` padded with rows of zeros to the next multiple of ``GRAIN``; not copied if no row is missing."""
    missing = -len(rows) % GRAIN
    return rows if missing == 0 else torch.cat([rows, rows.new_zeros(missing, rows.shape[1])])


def score_tiles(
    queries: Tensor, base: Tensor, size: int | None = None, *, memory_bytes: int | None = None
) -> Iterator[tuple[int, Tensor]]:
    """Inner products of blocks of queries with the whole base.

    Args:
        queries: ``[Q, d]``, float32.
        base: ``[N, d]``, float32; already padded by ``pad_rows`` if ``size`` is given.
        size: number of rows of ``base`` without the padding.
        memory_bytes: memory for one block of scores, at most and by default 64 MiB, on CUDA 1 GiB; a block has at
            least 16 queries.

    Yields:
        The first query row of the block and the scores of the block, ``[rows, N]``. The caller may write to the scores;
        the next block reuses their memory.
    """
    padded = pad_rows(base)
    size = len(base) if size is None else size
    height = _height(queries, padded, memory_bytes)
    buffer = torch.empty(height, len(padded), dtype=torch.float32, device=base.device)
    for start in tracked(range(0, len(queries), height), "scoring"):
        yield start, _fill(buffer, queries[start : start + height], padded)[:, :size]


class ScorePasses:
    """The tiles of ``score_tiles`` for several passes: kept if all fit into memory, else computed again.

    Either way each pass yields the same bits. The caller must not write to a tile.

    Args:
        queries: ``[Q, d]``, float32.
        base: ``[N, d]``, float32.
        memory_bytes: memory for scores; ``None`` = 512 MiB, 1 GiB on CUDA.
    """

    def __init__(self, queries: Tensor, base: Tensor, *, memory_bytes: int | None = None) -> None:
        self.queries, self.base, self.size = queries, pad_rows(base), len(base)
        self.memory_bytes = memory_bytes
        rows = math.ceil(len(queries) / GRAIN) * GRAIN
        budget = (CUDA_BLOCK_BYTES if base.is_cuda else CPU_KEPT_BYTES) if memory_bytes is None else memory_bytes
        self._buffer: Tensor | None = None
        if 4 * rows * len(self.base) <= budget:
            self._buffer = torch.empty(rows, len(self.base), dtype=torch.float32, device=base.device)
        self._filled = 0

    def __iter__(self) -> Iterator[tuple[int, Tensor]]:
        if self._buffer is None:
            yield from score_tiles(self.queries, self.base, self.size, memory_bytes=self.memory_bytes)
            return
        height = _height(self.queries, self.base, self.memory_bytes)
        for start in range(0, len(self.queries), height):
            rows = self.queries[start : start + height]
            if start == self._filled:
                _fill(self._buffer[start:], rows, self.base)
                self._filled += len(rows)
            yield start, self._buffer[start : start + len(rows), : self.size]


def _height(queries: Tensor, base: Tensor, memory_bytes: int | None) -> int:
    """Number of queries in a tile, a multiple of ``GRAIN``."""
    most = CUDA_BLOCK_BYTES if base.is_cuda else CPU_BLOCK_BYTES
    block_bytes = most if memory_bytes is None else min(memory_bytes, most)
    height = max(GRAIN, block_bytes // (4 * len(base)) // GRAIN * GRAIN)
    return min(height, math.ceil(len(queries) / GRAIN) * GRAIN)


def _fill(buffer: Tensor, queries: Tensor, base: Tensor) -> Tensor:
    """Scores of the queries, written to the top of ``buffer``; ``base`` is padded."""
    padded = pad_rows(queries)
    return add_product(buffer[: len(padded)], padded, base.T, beta=0)[: len(queries)]


def slice_rows(tile: Tensor) -> int:
    """Number of rows of a tile that fit a cache: elementwise work on such slices is several times faster on a CPU."""
    return len(tile) if tile.is_cuda else max(1, SLICE_BYTES // (4 * tile.shape[1]))


def top_values(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of each row and their columns, ``[R, k]`` each, largest first, ties in any order.

    Exact: each row is cut into chunks, and its k largest are in the k chunks with the largest maxima. On a CPU this is
    several times faster than ``torch.topk`` over long rows. ``k`` is at most the width.
    """
    width = scores.shape[1]
    chunk = int(math.sqrt(width / k))
    if chunk < 4:
        best = scores.topk(k, dim=1)
        return best.values, best.indices
    chunks = width // chunk  # chunk j holds the columns j, j + chunks, j + 2 chunks, ...
    body = chunk * chunks
    maxima = torch.unflatten(scores[:, :body], 1, (chunk, chunks)).amax(dim=1)
    chosen = maxima.topk(k, dim=1).indices
    steps = torch.arange(chunk, device=scores.device) * chunks
    columns = (chosen[:, :, None] + steps).flatten(1)
    if body < width:
        tail = torch.arange(body, width, device=scores.device).expand(len(scores), -1)
        columns = torch.cat([columns, tail], dim=1)
    best = scores.gather(1, columns).topk(k, dim=1)
    return best.values, columns.gather(1, best.indices)


def merge_column_tops(best: Tensor, scores: Tensor) -> None:
    """Merge a tile into the k largest of each column so far; writes to ``best``, ``[N, k]``, largest first.

    Only columns whose maximum in a slice exceeds their k-th largest are merged: few after the first slices.
    """
    for part in torch.split(scores, max(slice_rows(scores), MERGED_ROWS)):
        columns = (part.amax(dim=0) > best[:, -1]).nonzero()[:, 0]
        if len(columns):
            found = torch.cat([best[columns], part[:, columns].T], dim=1)
            best[columns] = found.topk(best.shape[1], dim=1).values
