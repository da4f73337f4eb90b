"""Search of many queries in lists of vectors: one matrix product per list, for all queries that read it."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..compute.products import add_product
from ..typing import FloatArray, IntArray
from .tiles import pad_rows

BLOCK_BYTES = 16 << 20


def search_lists(
    queries: Tensor,
    probes: IntArray,
    read_list: Callable[[int], tuple[Tensor, Tensor]],
    k: int,
    *,
    repeated: bool = False,
) -> tuple[IntArray, FloatArray]:
    """The k best rows in the lists that each query reads.

    The nearest list of each query is searched first. The other lists then hold few rows that enter the k best, and
    only those rows are processed further.

    Args:
        queries: ``[Q, d]``, float32.
        probes: lists to read for each query, nearest first, without repetition, whole numbers ``[Q, P]``;
            negative = none.
        read_list: returns the ids, int64 ``[n]``, and vectors ``[n, d]`` of a list.
        k: >= 1.
        repeated: whether an id can be in several lists.

    Returns:
        Ids ``[Q, k]`` (-1 = none) and inner products ``[Q, k]``, largest first.
    """
    places = np.argsort(probes[:, 0], kind="stable")  # queries that are close together become neighbours in memory
    queries, probes = queries.index_select(0, torch.from_numpy(places)), probes[places]
    best = torch.full((len(queries), k), -torch.inf)
    ids = torch.full((len(queries), k), -1, dtype=torch.int64)
    for part in (probes[:, :1], probes[:, 1:]):
        if part.size == 0:
            continue
        wanted = part.ravel() + 1  # 0 = none
        wanted = wanted.astype(np.uint16 if wanted.max() < 1 << 16 else np.int32)  # 16 bits sort by radix
        order = np.argsort(wanted, kind="stable")[np.count_nonzero(wanted == 0) :]
        if len(order) == 0:
            continue
        lists, starts = np.unique(wanted[order], return_index=True)
        lists = lists.astype(np.int64) - 1
        order //= part.shape[1]
        rows = torch.from_numpy(order)
        for number, start, stop in zip(lists.tolist(), starts, [*starts[1:], len(order)], strict=True):
            names, vectors = read_list(number)
            if len(names):
                padded = pad_rows(vectors)  # products with odd widths take a third longer
                for some in torch.split(rows[start:stop], max(1, BLOCK_BYTES // (4 * len(names)))):
                    scores = torch.empty(len(some), len(padded))
                    add_product(scores, queries.index_select(0, some), padded.t(), beta=0)
                    merge_best(best, ids, some, scores[:, : len(names)], names, repeated)
    back = np.argsort(places)
    return ids.numpy()[back], best.numpy()[back]


def merge_best(best: Tensor, ids: Tensor, rows: Tensor, scores: Tensor, names: Tensor, repeated: bool) -> None:
    """Merge scores ``[R, n]`` into the k best of some rows; writes to ``best`` and ``ids``."""
    k = best.shape[1]
    least = best.index_select(0, rows)[:, -1]
    changed = (scores.amax(dim=1) > least).nonzero()[:, 0]
    rows, scores, least = rows[changed], scores.index_select(0, changed), least[changed]
    most = int((scores > least[:, None]).sum(dim=1, dtype=torch.int32).amax()) if len(rows) else 0
    if most == 0:
        return
    found = scores.topk(min(k, most), dim=1)
    values, fresh, known = found.values, names[found.indices], ids.index_select(0, rows)
    if repeated:
        values = values.masked_fill((fresh[:, :, None] == known[:, None, :]).any(dim=2), -torch.inf)
    merged = torch.cat([best.index_select(0, rows), values], dim=1).topk(k, dim=1)
    best[rows] = merged.values
    chosen = torch.cat([known, fresh], dim=1).gather(1, merged.indices)
    ids[rows] = chosen.masked_fill(merged.values == -torch.inf, -1)
