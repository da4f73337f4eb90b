"""Nearest neighbours of two graphs in each other, found by workers of which each holds a part of one graph.

A worker holds a shard of the answering rows; the querying rows reach all workers in blocks. Best lists of the shards
are merged by score and row, so that the result is that of one search. Where all pairs are scored, CSLS takes two
passes: the first gives the means, the second the neighbours. By an index it takes one search of each side, by cosine.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from ..search import build_index
from ..search.both_ways import BothWays, nearest_both_ways
from ..search.kind import Index
from ..search.neighbors import Neighbors, sort_neighbors
from ..typing import FloatArray

BLOCK_BYTES = 64 << 20  # of querying rows that travel at a time

Means = tuple[FloatArray, FloatArray]


class Shard:
    """Searches some rows of the answering graph, which every call is given: they stay in the memory of the machine.

    If it is lost with its machine, it is as good as new on another one.

    Args:
        kind: index kind; empty = all pairs are scored.
        options: settings of the index.
        threads: to compute with, for the whole process; 0 = as it is.
    """

    def __init__(self, kind: str = "", options: Any = None, threads: int = 0) -> None:
        if threads:
            torch.set_num_threads(threads)
            threadpool_limits(threads)
        self.kind, self.options = kind, options
        self.index: Index | None = None

    def both_ways(self, rows: FloatArray, block: FloatArray, k: int, means: Means | None) -> BothWays:
        """The k nearest rows of the shard for each row of a block, and the reverse; by CSLS with the means of both."""
        return nearest_both_ways(block, rows, k, csls_k=1 if means else 0, means=means, device="cpu")

    def search(self, rows: FloatArray, block: FloatArray, k: int, means: None = None) -> Neighbors:
        """The k nearest rows of the shard by cosine, by its index."""
        if self.index is None:
            self.index = build_index(rows, kind=self.kind, device="cpu", config=self.options)
            if len(some := self.index.tuning_rows(len(block))):
                self.index.tune(block[some])
        return self.index.search(block, min(k, len(rows)))


def cut(size: int, parts: int) -> list[slice]:
    """Slices of about equal length that cover ``size`` rows, at most one per row."""
    edges = np.linspace(0, size, min(parts, size) + 1).astype(int).tolist()
    return [slice(start, stop) for start, stop in zip(edges, edges[1:], strict=False)]


def blocks(rows: FloatArray) -> list[slice]:
    """Slices of at most 64 MB of rows."""
    height = max(1, BLOCK_BYTES // (rows.shape[1] * rows.dtype.itemsize))
    return [slice(start, min(start + height, len(rows))) for start in range(0, len(rows), height)]


def merged(parts: Sequence[Neighbors], starts: Sequence[int], k: int) -> Neighbors:
    """The k best of lists of the same queries in parts that begin at rows ``starts``."""
    ids = np.concatenate([np.where(p.ids < 0, -1, p.ids + s) for p, s in zip(parts, starts, strict=True)], axis=1)
    found = sort_neighbors(ids, np.concatenate([part.scores for part in parts], axis=1))
    return Neighbors(np.ascontiguousarray(found.ids[:, :k]), np.ascontiguousarray(found.scores[:, :k]))
