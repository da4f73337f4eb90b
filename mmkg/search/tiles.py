"""Inner products block by block, never all at once, with scores that do not depend on the block."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

GRAIN = 16
"""Both axes of a product are padded to a multiple of this. Matrix kernels add up the remainders of
their blocks in another order, so that equal rows would get scores that differ in the last bit: with
5 candidates of one and the same vector MKL gives two different scores. In 4,140 shapes tried, 1,382
had such a false difference without padding and none with it."""

CPU_BLOCK_BYTES = 64 << 20
CUDA_BLOCK_BYTES = 1 << 30
SLICE_BYTES = 1 << 20


def pad_rows(rows: Tensor) -> Tensor:
    """``rows`` with rows of zeros up to the next multiple of ``GRAIN``; itself if there is nothing to add."""
    missing = -len(rows) % GRAIN
    return rows if missing == 0 else torch.cat([rows, rows.new_zeros(missing, rows.shape[1])])


def score_tiles(
    queries: Tensor, base: Tensor, size: int | None = None, *, block_bytes: int | None = None
) -> Iterator[tuple[int, Tensor]]:
    """Inner products of blocks of queries with the whole base.

    Args:
        queries: ``[Q, d]``, float32.
        base: ``[N, d]``, float32; already padded by ``pad_rows`` if ``size`` is given.
        size: number of rows of ``base`` that count.
        block_bytes: budget of one block of scores; at least 16 queries are taken at a time. ``None``
            stands for 64 MiB, 1 GiB on CUDA.

    Yields:
        The first query row of the block and its scores ``[rows, N]``. The scores may be written to; the
        next block reuses their memory.
    """
    padded = pad_rows(base)
    size = len(base) if size is None else size
    if block_bytes is None:
        block_bytes = CUDA_BLOCK_BYTES if base.is_cuda else CPU_BLOCK_BYTES
    height = max(GRAIN, block_bytes // (4 * len(padded)) // GRAIN * GRAIN)
    height = min(height, math.ceil(len(queries) / GRAIN) * GRAIN)
    buffer = torch.empty(height, len(padded), dtype=torch.float32, device=base.device)
    for start in range(0, len(queries), height):
        block = queries[start : start + height]
        count = len(block)
        block = pad_rows(block)
        tile = buffer[: len(block)]
        torch.mm(block, padded.T, out=tile)
        yield start, tile[:count, :size]


def slice_rows(tile: Tensor) -> int:
    """Rows of a tile that fit a cache: elementwise work on such slices is several times faster on a CPU."""
    return len(tile) if tile.is_cuda else max(1, SLICE_BYTES // (4 * tile.shape[1]))


def top_values(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of each row and their columns, ``[R, k]`` each, largest first, ties in any order.

    Exact: the row is cut into chunks; the k largest lie inside the k chunks with the largest maxima.
    That is several times faster than ``torch.topk`` over long rows on a CPU. ``k`` is at most the width.
    """
    width = scores.shape[1]
    chunk = int(math.sqrt(width / k))
    if chunk < 4:
        best = scores.topk(k, dim=1)
        return best.values, best.indices
    chunks = width // chunk  # chunk j holds the columns j, j + chunks, j + 2 chunks, ...
    body = chunk * chunks
    maxima = scores[:, :body].unflatten(1, (chunk, chunks)).amax(dim=1)
    chosen = maxima.topk(k, dim=1).indices
    steps = torch.arange(chunk, device=scores.device) * chunks
    columns = (chosen[:, :, None] + steps).flatten(1)
    if body < width:
        tail = torch.arange(body, width, device=scores.device).expand(len(scores), -1)
        columns = torch.cat([columns, tail], dim=1)
    best = scores.gather(1, columns).topk(k, dim=1)
    return best.values, columns.gather(1, best.indices)
