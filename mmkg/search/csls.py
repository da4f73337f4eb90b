"""Cross-domain similarity local scaling (CSLS): lowers the scores of hubs, which are near to many vectors."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..compute.devices import resolve_device
from ..compute.host import isolated
from ..typing import FloatArray
from .repeats import Distinct, distinct_rows, every_row
from .tiles import ScorePasses, merge_column_tops, score_tiles, slice_rows, top_values
from .vectors import Vectors, check_count, prepare


def csls(scores: Tensor, row_mean: Tensor, col_mean: Tensor) -> Tensor:
    """Cross-domain similarity local scaling: ``2 s - r_row - r_col``.

    Args:
        scores: cosine similarities, ``[Q, C]``, larger is better.
        row_mean: mean similarity of each query to its k nearest candidates, ``[Q]``.
        col_mean: mean similarity of each candidate to its k nearest queries, ``[C]``.

    Returns:
        Rescaled scores, ``[Q, C]``, in [-4, 4], larger is better. ``scores`` is not written to.

    Raises:
        ValueError: a mean does not fit its axis of ``scores``.

    Source:
        Conneau et al., ICLR 2018, Sec. 2.3. EVA, MCLEA and MEAformer evaluate with k = 3.
    """
    if row_mean.shape != scores.shape[:1] or col_mean.shape != scores.shape[1:]:
        raise ValueError(
            f"expected means of shape {tuple(scores.shape[:1])} and {tuple(scores.shape[1:])}, "
            f"got {tuple(row_mean.shape)} and {tuple(col_mean.shape)}"
        )
    return 2 * scores - row_mean[:, None] - col_mean[None, :]


@isolated
def mean_top_k(
    queries: Vectors,
    base: Vectors,
    k: int,
    *,
    normalise: bool = True,
    device: str | torch.device = "auto",
    memory_bytes: int | None = None,
) -> FloatArray:
    """Mean score of each query to its k nearest base rows, float32 ``[Q]``.

    Args:
        queries: ``[Q, d]``.
        base: ``[N, d]``; with N < k the mean is over all N.
        k: neighbourhood size, >= 1.
        normalise: score by cosine; else by the inner product of the vectors as they are.
        device: ``auto``, ``cpu`` or ``cuda``.
        memory_bytes: for one block of scores; ``None`` = 64 MiB, 1 GiB on CUDA.

    Raises:
        InputError: NaN, infinity, no rows, widths that differ.
        UsageError: k < 1.
    """
    where = resolve_device(device)
    base = prepare(base, "base vectors", normalise=normalise, device=where)
    queries = prepare(queries, "queries", normalise=normalise, dim=base.shape[1], device=where)
    return row_means(queries, base, k, memory_bytes=memory_bytes).cpu().numpy()


def row_means(queries: Tensor, base: Tensor, k: int, *, memory_bytes: int | None = None) -> Tensor:
    """``mean_top_k`` for rows that are already checked and normalised; tensors in and out."""
    k = min(check_count(k, "the CSLS neighbourhood k"), len(base))
    copies = distinct_rows(queries), distinct_rows(base)
    if copies != (None, None):
        return _copied_means(queries, base, k, *copies, memory_bytes=memory_bytes)
    means = torch.empty(len(queries), dtype=torch.float32, device=queries.device)
    for start, tile in score_tiles(queries, base, memory_bytes=memory_bytes):
        for part in torch.split(tile, slice_rows(tile)):
            means[start : start + len(part)] = top_values(part, k)[0].mean(dim=1)
            start += len(part)
    return means


def all_pair_means(left: Tensor, right: Tensor, k: int, *, memory_bytes: int | None = None) -> tuple[Tensor, Tensor]:
    """``row_means`` of the left rows among the right ones, and vice versa, ``[Q]`` and ``[N]``, from one pass."""
    if distinct_rows(left) is None and distinct_rows(right) is None:
        return pair_means(ScorePasses(left, right, memory_bytes=memory_bytes), k)
    return row_means(left, right, k, memory_bytes=memory_bytes), row_means(right, left, k, memory_bytes=memory_bytes)


def _copied_means(
    queries: Tensor,
    base: Tensor,
    k: int,
    of_queries: Distinct | None,
    of_base: Distinct | None,
    *,
    memory_bytes: int | None,
) -> Tensor:
    """``row_means`` where most queries or base rows are copies: each base row counts so often as it occurs."""
    of_queries, of_base = of_queries or every_row(queries), of_base or every_row(base)
    rows, few = queries.index_select(0, of_queries.first), base.index_select(0, of_base.first)
    means = torch.empty(len(rows), dtype=torch.float32, device=queries.device)
    for start, tile in score_tiles(rows, few, memory_bytes=memory_bytes):
        for part in torch.split(tile, slice_rows(tile)):
            best, columns = top_values(part, min(k, len(few)))
            counts = of_base.counts[columns]
            taken = torch.minimum(counts, (k - counts.cumsum(1) + counts).clamp(min=0))
            means[start : start + len(part)] = (best * taken).sum(dim=1) / k
            start += len(part)
    return means[of_queries.place]


def pair_means(
    passes: ScorePasses, k: int, *, look: Callable[[int, Tensor], None] | None = None
) -> tuple[Tensor, Tensor]:
    """CSLS means of the rows ``[Q]`` and of the columns ``[N]`` of the scores, both from one pass.

    Args:
        passes: the scores.
        k: neighbourhood size.
        look: called with the first row and the scores of each tile, so that the caller needs no pass of its own.
    """
    rows, cols = len(passes.queries), passes.size
    row_mean = torch.empty(rows, dtype=torch.float32, device=passes.base.device)
    best = torch.full((cols, min(k, rows)), -torch.inf, device=row_mean.device)
    for start, tile in passes:
        if look is not None:
            look(start, tile)
        merge_column_tops(best, tile)
        for part in torch.split(tile, slice_rows(tile)):
            row_mean[start : start + len(part)] = top_values(part, min(k, cols))[0].mean(dim=1)
            start += len(part)
    return row_mean, best.mean(dim=1)


@isolated
def csls_augment(
    left: Vectors, right: Vectors, k: int, *, normalise: bool = True, device: str | torch.device = "auto"
) -> tuple[FloatArray, FloatArray]:
    """Vectors with one more column, whose inner product is CSLS plus the row mean of the query.

    With these, any index with metric ``ip`` searches by CSLS: ``<[2 x, 1], [y, -r(y)]> = 2 <x, y> - r(y)``.
    The candidates of a query are in the order of CSLS; ``csls_neighbors`` turns their scores into CSLS.

    Args:
        left: the queries, ``[Q, d]``.
        right: the base, ``[N, d]``.
        k: neighbourhood size of CSLS, >= 1.
        normalise: use the cosine, as in the definition of CSLS.
        device: device on which the neighbourhood means are computed.

    Returns:
        Queries ``[Q, d + 1]`` and base ``[N, d + 1]``, float32, new arrays.

    Source:
        Conneau et al., ICLR 2018, Sec. 2.3.
    """
    where = resolve_device(device)
    left = prepare(left, "left vectors", normalise=normalise, device=where)
    right = prepare(right, "right vectors", normalise=normalise, dim=left.shape[1], device=where)
    col_mean = row_means(right, left, k)
    queries = torch.cat([2 * left, left.new_ones(len(left), 1)], dim=1)
    base = torch.cat([right, -col_mean[:, None]], dim=1)
    return queries.cpu().numpy(), base.cpu().numpy()
