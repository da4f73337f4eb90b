"""Four bits per group of columns, scanned by FAISS's fast-scan kernels, and exact scores of the best rows found."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compute.host import isolated_class
from ..progress import progress_bar
from ..typing import FloatArray, IntArray
from .config import IndexConfig
from .faiss_check import check_pq
from .faiss_module import import_faiss, read_object
from .kind import Index, IndexKind, Metric, ShownIndex
from .lists import (
    STEPS,
    TUNE_LOSS,
    TUNE_QUERIES,
    choose_probes,
    learning_rows,
    list_count,
    sample_rows,
    tuning_rows,
)
from .neighbors import Neighbors, pad_neighbors, sort_neighbors
from .scalar_index import empty_codes, nearest_codes, on_cpu_only, scalar_bytes
from .vectors import Rows, Vectors, check_count

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)
QUERY_BYTES = 128 << 20
LEAST_GROUP = 3  # columns per code of four bits
MOST_GROUPS = 400  # FAISS sums 16-bit scores of codes without lists; those of 900 groups rank at random
CENTROIDS = 16
CODE_POINTS = 64  # rows per centroid for its k-means
LEAST_LISTED = 10_000  # rows from which lists pay off
LARGEST_SCAN = 1_000_000  # up to so many rows lists are dropped where they lose too much
SCANNED_SHARE = 8  # tuning reads at most 1/8 of the lists; scanning all rows is faster than reading more
RESCORED = 64
RESCORED_CHOICES = (16, 32, 64, 128, 256, 512, 1024)


@isolated_class
class PQIndex(ShownIndex, Index):
    """IVF lists of product-quantized rows (PQ4 fast-scan), and exact rescoring from rows of 16 or 8 bits per value.

    Columns are rotated at random, so that each group of three or more carries as much, and each group becomes one of
    16 centroids. Scores from these codes choose ``rescored`` rows per query, whose scores are then computed from the
    stored rows. In FAISS's terms: ``RR,IVF,PQx4fs,Refine(SQfp16)``, with inner products and without residuals.

    Args:
        index: the FAISS object, an ``IndexRefine``.
        metric: ``cosine`` or ``ip``.
        config: ``nlist``, ``nprobe``, ``rescored``, ``refine`` and ``seed``.

    Until it is tuned (see ``tune``), all lists are read.
    """

    kind = "pq4"

    def __init__(self, index: Any, *, metric: Metric, config: IndexConfig) -> None:
        self.metric, self.config = metric, config
        self.size, self.dim = int(index.ntotal), int(index.d)
        self._set(index)

    def _set(self, index: Any) -> None:
        faiss = import_faiss()
        self._index = index
        self._rotated = faiss.downcast_index(index.base_index)
        self._rotation = faiss.downcast_VectorTransform(self._rotated.chain.at(0))
        self._codes = faiss.downcast_index(self._rotated.index)
        self._rows = faiss.downcast_index(index.refine_index)
        self._lists = isinstance(self._codes, faiss.IndexIVFPQFastScan)

    def search(self, queries: Vectors, k: int, *, progress: bool = False) -> Neighbors:
        """The k best of the rows that are rescored, ``[Q, k]``; id -1 and score -inf where there are fewer.

        Raises:
            InputError: NaN, infinity, another width, not a matrix, no queries.
            UsageError: k < 1.
        """
        k = check_count(k, "k")
        rows = self._queries(queries)
        if len(rows) >= TUNE_QUERIES and len(self.tuning_rows(len(rows))):
            self._tune(rows)
        width = min(k, self.size)
        rescored = max(self.config.rescored or RESCORED, 4 * width)
        found = []
        with progress_bar("searching", len(rows), enabled=progress) as advance:
            for _, block in rows.blocks(rows.step(QUERY_BYTES)):
                found.append(self._search(block.numpy(), width, rescored))
                advance(len(block))
        ids, scores = (np.concatenate([getattr(part, name) for part in found]) for name in ("ids", "scores"))
        return pad_neighbors(Neighbors(ids, scores), k)

    def _search(self, queries: FloatArray, k: int, rescored: int) -> Neighbors:
        if 4 * rescored >= self.size:
            return nearest_codes(self._rows, queries, k)
        faiss = import_faiss()
        settings = faiss.IndexRefineSearchParameters(k_factor=rescored / k)
        if self._lists:
            lists = faiss.SearchParametersIVF(nprobe=min(self.config.nprobe or self._codes.nlist, self._codes.nlist))
            base = faiss.SearchParametersPreTransform(index_params=lists)
            settings = faiss.IndexRefineSearchParameters(k_factor=rescored / k, base_index_params=base)
        scores, ids = self._index.search(queries, k, params=settings)
        return sort_neighbors(ids, scores)

    def _queries(self, queries: Vectors) -> Rows:
        return Rows(queries, "queries", normalise=self.metric == "cosine", dim=self.dim)

    def tuning_rows(self, size: int) -> IntArray:
        """A sample of ``size`` queries while ``nprobe`` or ``rescored`` is not chosen yet; else none."""
        chosen = self.config.rescored is not None and (self.config.nprobe is not None or not self._lists)
        return tuning_rows(size, replace(self.config, nprobe=1 if chosen else None))

    def tune(self, queries: Vectors) -> int:
        """Choose ``nprobe`` and ``rescored``, and store them in ``config``, which is saved with the index.

        Of at most 2,000 queries drawn with the index's seed, no more than one in 2,000 misses the list of its nearest
        row, and no more than one in 2,000 loses it by its code. ``nprobe`` is at most an eighth of the lists. If that
        is not enough and the index has at most a million rows, the lists are dropped and all rows are scanned; of a
        larger index, a warning reports how many queries lose their nearest neighbour. A value that is set stays.

        Args:
            queries: a sample of the queries to come, ``[Q, d]``.

        Returns:
            The number of lists to read; 1 of an index without lists.

        Raises:
            InputError: as for ``search``.
        """
        return self._tune(self._queries(queries))

    def _tune(self, queries: Rows) -> int:
        count = min(TUNE_QUERIES, len(queries))
        sample = queries.take(sample_rows(len(queries), count, seed=self.config.seed)).numpy()
        exact = nearest_codes(self._rows, sample, 1)
        listed = np.ones(count, bool)
        if self._lists and self.config.nprobe is None:
            most = max(1, self._codes.nlist // SCANNED_SHARE)
            place = self._places(sample, exact.ids[:, 0], most)
            if self.size <= LARGEST_SCAN and (place >= most).mean() > TUNE_LOSS / 2:
                self._drop_lists()
            else:
                nprobe = choose_probes(place, most, self._codes.nlist, loss=TUNE_LOSS / 2)
                self.config, listed = replace(self.config, nprobe=nprobe), place < nprobe
        if not self._lists:
            self.config = replace(self.config, nprobe=1)
        if self.config.rescored is None:
            for rescored in RESCORED_CHOICES:
                found = self._search(sample, 1, rescored)
                lost = (found.scores[:, 0] < exact.scores[:, 0] - 1e-5 * np.abs(exact.scores[:, 0])) & listed
                if lost.mean() <= TUNE_LOSS / 2:
                    break
            else:
                logger.warning(
                    "of %d sampled queries %.1f %% lose their nearest neighbour by its code of four bits when %d rows "
                    "are rescored; raise rescored, or use the index kind sq8",
                    count,
                    100 * lost.mean(),
                    rescored,
                )
            self.config = replace(self.config, rescored=rescored)
        assert self.config.nprobe is not None
        return self.config.nprobe

    def _places(self, queries: FloatArray, nearest: IntArray, most: int) -> IntArray:
        """Number of lists that each query reads before that of its nearest row, ``[Q]``; at most ``most``."""
        base = np.stack([self._rows.reconstruct(int(row)) for row in nearest])
        quantizer = import_faiss().downcast_index(self._codes.quantizer)
        home = quantizer.search(self._rotation.apply(base), 1)[1]
        hit = quantizer.search(self._rotation.apply(queries), most)[1] == home
        return np.where(hit.any(axis=1), hit.argmax(axis=1), most)

    def _drop_lists(self) -> None:
        """Put the codes of all rows into one list, which is scanned faster than many."""
        faiss = import_faiss()
        flat = faiss.IndexPQFastScan(self._codes.d, self._codes.pq.M, 4, faiss.METRIC_INNER_PRODUCT)
        flat.pq, flat.is_trained = self._codes.pq, True
        step = max(1, QUERY_BYTES // (8 * self._codes.d))
        for start in range(0, self.size, step):
            rows = self._rows.reconstruct_n(start, min(step, self.size - start))
            flat.add(self._rotation.apply(rows))
        self._parts = (self._index, flat)  # the new object points into these
        self._set(faiss.IndexRefine(faiss.IndexPreTransform(self._rotation, flat), self._rows))

    def write(self, path: Path) -> None:
        """Write the FAISS object."""
        import_faiss().write_index(self._index, str(path))


def build_pq(
    vectors: Vectors,
    metric: Metric,
    device: "str | torch.device",
    config: IndexConfig,
    progress: bool,
) -> PQIndex:
    """Build a ``PQIndex``; vectors are read block by block.

    Raises:
        InputError: NaN, infinity, no rows, not a matrix, a value beyond 16 bits.
        UsageError: a device other than the CPU.
    """
    on_cpu_only("pq4", device)
    faiss = import_faiss()
    rows = Rows(vectors, "base vectors", normalise=metric == "cosine")
    size, (groups, width) = len(rows), grouped_columns(rows.dim)
    rotation = faiss.RandomRotationMatrix(rows.dim, width)
    rotation.init(config.seed)
    nlist = pq_lists(size, config)
    product = faiss.METRIC_INNER_PRODUCT
    if nlist > 1:
        coarse = faiss.IndexFlat(width, product)
        codes = faiss.IndexIVFPQFastScan(coarse, width, nlist, groups, 4, product)
        codes.by_residual = False  # else there is one table of scores per list and query
        codes.cp.seed, codes.cp.spherical, codes.cp.min_points_per_centroid = config.seed, True, 1
        codes.cp.niter = STEPS
    else:
        codes = faiss.IndexPQFastScan(width, groups, 4, product)
    codes.pq.cp.seed, codes.pq.cp.niter = config.seed, STEPS
    codes.pq.cp.min_points_per_centroid, codes.pq.cp.max_points_per_centroid = 1, CODE_POINTS
    few = rows.take(learning_rows(size, max(nlist, 4 * CENTROIDS), seed=config.seed)).numpy()
    codes.train(rotation.apply(few if len(few) >= CENTROIDS else np.resize(few, (CENTROIDS, rows.dim))))
    index = faiss.IndexRefine(faiss.IndexPreTransform(rotation, codes), empty_codes(config.refine, rows))
    with progress_bar("indexing", size, enabled=progress) as advance:
        for _, block in rows.blocks():
            index.add(block.numpy())
            advance(len(block))
    return PQIndex(index, metric=metric, config=config)


def load_pq(path: Path, metric: Metric, config: IndexConfig, device: "str | torch.device") -> PQIndex:
    """Read a file that ``PQIndex.write`` wrote; the index runs on the CPU, whatever the device.

    Raises:
        InputError: FAISS cannot read the file, or it holds something else.
    """
    faiss = import_faiss()
    index = read_object(path, faiss.IndexRefine, "pq4")
    check_pq(faiss, index, config.refine, path)
    return PQIndex(index, metric=metric, config=config)


def grouped_columns(dim: int) -> tuple[int, int]:
    """Number of groups of columns, and the width of rotated vectors, a multiple of it and at least ``dim``."""
    group = max(LEAST_GROUP, -(-dim // MOST_GROUPS))
    groups = -(-dim // group)
    return groups, group * groups


def pq_lists(size: int, config: IndexConfig) -> int:
    """Number of lists; 1 = all codes are scanned."""
    return list_count(size, config, roots=1) if config.nlist or size >= LEAST_LISTED else 1


def pq_bytes(size: int, dim: int, config: IndexConfig) -> float:
    """Bytes of the codes, of the values to rescore from, and of the rotation, the lists and the centroids."""
    groups, width = grouped_columns(dim)
    nlist = pq_lists(size, config)
    listed = 8 * size + 4 * width * nlist if nlist > 1 else 0
    return size * groups / 2 + scalar_bytes(config.refine, size, dim) + listed + 4 * width * (dim + CENTROIDS)


PQ4 = IndexKind(build_pq, load_pq, needs=pq_bytes)
