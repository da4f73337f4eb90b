"""Vectors in 16 or 8 bits per value (FAISS's scalar quantizer), searched block by block as float32 products."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compute.host import isolated_class
from ..errors import ON_CPU, Advice, InputError, UsageError
from ..progress import progress_bar
from ..typing import FloatArray
from .config import IndexConfig
from .faiss_check import check_codes
from .faiss_module import import_faiss, read_object
from .kind import Index, IndexKind, Metric, ShownIndex
from .neighbors import Neighbors, pad_neighbors, sort_neighbors
from .vectors import Rows, Vectors, check_count

if TYPE_CHECKING:
    import torch

LARGEST_HALF = 65504.0  # largest value of 16 bits
BLOCK_BYTES = 64 << 20  # decoded rows that are searched at once
QUERY_BYTES = 128 << 20


@isolated_class
class ScalarIndex(ShownIndex, Index):
    """All rows in fewer bits than float32, every one of which is scored for every query.

    ``fp16`` stores 16-bit floats: a cosine changes by less than 0.001. ``sq8`` stores each value as one of 256 steps
    between the smallest and the largest value of its column. Blocks of rows are decoded once per 128 MiB of queries, so
    that a large search takes as long as that of float32 rows. FAISS's own search of such rows decodes them anew for
    each query and is 30 to 50 times slower.

    Args:
        index: FAISS scalar quantizer with its rows; they are of unit length if ``metric`` is cosine.
        kind: ``fp16`` or ``sq8``.
        metric: ``cosine`` or ``ip``.
        config: settings, of which this kind reads none.
    """

    def __init__(self, index: Any, *, kind: str, metric: Metric, config: IndexConfig) -> None:
        self.kind, self.metric, self.config = kind, metric, config
        self.size, self.dim = int(index.ntotal), int(index.d)
        self._index = index

    def search(self, queries: Vectors, k: int, *, progress: bool = False) -> Neighbors:
        """The k best base rows of each query ``[Q, d]``, by the scores of the stored rows.

        Raises:
            InputError: NaN, infinity, another width, not a matrix, no queries.
            UsageError: k < 1.
        """
        k = check_count(k, "k")
        rows = Rows(queries, "queries", normalise=self.metric == "cosine", dim=self.dim)
        found = []
        with progress_bar("searching", len(rows), enabled=progress) as advance:
            for _, block in rows.blocks(rows.step(QUERY_BYTES)):
                found.append(nearest_codes(self._index, block.numpy(), min(k, self.size)))
                advance(len(block))
        ids, scores = (np.concatenate([getattr(part, name) for part in found]) for name in ("ids", "scores"))
        return pad_neighbors(Neighbors(ids, scores), k)

    def write(self, path: Path) -> None:
        """Write the FAISS object."""
        import_faiss().write_index(self._index, str(path))


def nearest_codes(codes: Any, queries: FloatArray, k: int) -> Neighbors:
    """The k best of all rows of a scalar quantizer by inner product, ``[Q, k]``; k is at most their number."""
    faiss = import_faiss()
    size, step = int(codes.ntotal), max(1, BLOCK_BYTES // (4 * codes.d))
    ids, scores = np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32)
    for start in range(0, size, step):
        count = min(step, size - start)
        rows = codes.reconstruct_n(start, count)
        some, places = faiss.knn(queries, rows, min(k, count), metric=faiss.METRIC_INNER_PRODUCT)
        found = sort_neighbors(
            np.concatenate([ids, places + start], axis=1), np.concatenate([scores, some], axis=1, dtype=np.float32)
        )
        ids, scores = found.ids[:, :k], found.scores[:, :k]
    return Neighbors(ids, scores)


def empty_codes(kind: str, rows: Rows) -> Any:
    """A scalar quantizer without rows, whose columns range over the values of ``rows``.

    Raises:
        InputError: a value is too large for 16 bits.
    """
    faiss = import_faiss()
    low, high = np.full(rows.dim, np.inf, np.float32), np.full(rows.dim, -np.inf, np.float32)
    for _, block in rows.blocks():
        values = block.numpy()
        np.minimum(low, values.min(axis=0), out=low)
        np.maximum(high, values.max(axis=0), out=high)
    if kind == "fp16" and (largest := float(max(high.max(), -low.min()))) > LARGEST_HALF:
        what = f"16 bits hold values up to {LARGEST_HALF:,.0f}, and the vectors have {largest:.3g}"
        raise InputError(f"{what}; use kind 'sq8' or 'flat'")
    bits = {"fp16": faiss.ScalarQuantizer.QT_fp16, "sq8": faiss.ScalarQuantizer.QT_8bit}[kind]
    codes = faiss.IndexScalarQuantizer(rows.dim, bits, faiss.METRIC_INNER_PRODUCT)
    codes.train(np.stack([low, high]))
    return codes


def on_cpu_only(kind: str, device: "str | torch.device") -> None:
    """Refuse another device.

    Raises:
        UsageError: it is neither ``auto`` nor ``cpu``.
    """
    if str(device) not in ("auto", "cpu"):
        raise UsageError(
            f"kind {kind!r} runs on the CPU only, not on {str(device)!r}",
            advice=Advice("use {}, or kind 'flat' or 'exact'", ON_CPU),
        )


def build_scalar(
    kind: str,
    vectors: Vectors,
    metric: Metric,
    device: "str | torch.device",
    config: IndexConfig,
    progress: bool,
) -> ScalarIndex:
    """Build a ``ScalarIndex``; vectors are read twice, block by block.

    Raises:
        InputError: NaN, infinity, no rows, not a matrix, a value beyond 16 bits.
        UsageError: a device other than the CPU.
    """
    on_cpu_only(kind, device)
    rows = Rows(vectors, "base vectors", normalise=metric == "cosine")
    codes = empty_codes(kind, rows)
    with progress_bar("indexing", len(rows), enabled=progress) as advance:
        for _, block in rows.blocks():
            codes.add(block.numpy())
            advance(len(block))
    return ScalarIndex(codes, kind=kind, metric=metric, config=config)


def load_scalar(
    kind: str, path: Path, metric: Metric, config: IndexConfig, device: "str | torch.device"
) -> ScalarIndex:
    """Read a file that ``ScalarIndex.write`` wrote; the index runs on the CPU, whatever the device.

    Raises:
        InputError: FAISS cannot read the file, or it holds something else.
    """
    faiss = import_faiss()
    codes = read_object(path, faiss.IndexScalarQuantizer, kind)
    check_codes(faiss, codes, kind, codes.ntotal, codes.d, path)
    return ScalarIndex(codes, kind=kind, metric=metric, config=config)


def scalar_bytes(kind: str, size: int, dim: int, config: Any = None) -> float:
    """Bytes of the rows, whatever the settings."""
    return {"fp16": 2, "sq8": 1}[kind] * size * dim


FP16, SQ8 = (
    IndexKind(
        partial(build_scalar, kind),
        partial(load_scalar, kind),
        needs=partial(scalar_bytes, kind),
    )
    for kind in ("fp16", "sq8")
)
