"""IVF lists for each modality's part of the vectors, so that one similar modality is enough to find an entity."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..compute.host import isolated_class
from ..errors import ON_CPU, Advice, InputError, UsageError
from ..progress import progress_bar
from ..typing import FloatArray, IntArray
from .config import IndexConfig
from .faiss_index import FaissIndex, build_faiss, learn_centroids
from .grouped import search_lists
from .kind import Index, IndexKind, Metric, ShownIndex
from .lists import TUNE_QUERIES, choose_probes, learning_rows, list_count, most_probes, sample_rows, tuning_rows
from .neighbors import Neighbors, pad_neighbors, sort_neighbors
from .sidecar import read_tensors, write_tensors
from .tiles import score_tiles
from .vectors import Rows, Vectors, check_count

QUERY_BYTES = 256 << 20
NO_LIST = -1


@isolated_class
class PartsIndex(ShownIndex, Index):
    """Approximate search of joint embeddings that are the concatenation of one part per modality.

    Every part has its own lists. A row is in the list of its nearest centroid in each part that is not all zeros. A
    query reads its ``nprobe`` nearest lists of each of its parts, and the rows in them are scored by the whole vectors.
    If one of two entities lacks an image, or their neighbours differ, their whole vectors are far apart and a plain IVF
    puts them into different lists; here it is enough that they agree in one part.

    Args:
        vectors: base ``[N, d]``; copied.
        metric: ``cosine``, or ``ip`` for the plain inner product.
        config: ``parts`` (widths, one per modality, default: one part; columns after the last part count in the
            score only), ``nlist`` (per part; ``None`` = 2 sqrt(N)), ``nprobe`` (per part; ``None``: see ``tune``),
            ``seed``.
        progress: show a progress bar, on a terminal only.

    Raises:
        InputError: NaN, infinity, no rows, not a matrix.
        UsageError: parts wider than the vectors.
    """

    kind = "parts"

    def __init__(
        self, vectors: Vectors, *, metric: Metric = "cosine", config: IndexConfig, progress: bool = False
    ) -> None:
        rows = Rows(vectors, "base vectors", normalise=metric == "cosine")
        config = config if config.parts else replace(config, parts=(rows.dim,))
        if sum(config.parts) > rows.dim:
            raise UsageError(f"the parts must have widths of at most {rows.dim} in all, got {config.parts}")
        base = torch.cat([block for _, block in rows.blocks()])
        size = len(base)
        nlist = list_count(size, config)
        few = torch.from_numpy(learning_rows(size, nlist, seed=config.seed))
        centroids, cells = [], np.full((len(config.parts), size), NO_LIST, dtype=np.int32)
        with progress_bar("indexing", size * len(config.parts), enabled=progress) as advance:
            for part, columns in enumerate(columns_of(config.parts)):
                known = base[few][:, columns]
                centroids.append(learn_centroids(known[known.any(dim=1)].numpy(), nlist, seed=config.seed))
                coarse = build_faiss(centroids[-1], kind="flat")
                for start, block in _blocks(base):
                    cells[part, start : start + len(block)] = nearest_lists(coarse, block[:, columns], 1)[:, 0]
                    advance(len(block))
        cells[0, (cells == NO_LIST).all(axis=0)] = 0  # a row of zeros needs a list too
        self._set(base, metric, config, centroids, cells)

    def _set(
        self, base: Tensor, metric: Metric, config: IndexConfig, centroids: list[FloatArray], cells: np.ndarray
    ) -> None:
        self.metric = metric
        self.config = config
        self.size, self.dim = base.shape
        self._base, self._centroids, self._cells = base, centroids, cells
        self._coarse: list[FaissIndex] = [build_faiss(each, kind="flat") for each in centroids]
        self._first = np.concatenate([[0], np.cumsum([len(each) for each in centroids])])  # first list of each part
        shifted = np.where(cells == NO_LIST, NO_LIST, cells + self._first[:-1, None])
        order = np.argsort(shifted.ravel(), kind="stable")
        order = order[np.count_nonzero(shifted == NO_LIST) :]
        self._offsets = np.searchsorted(shifted.ravel()[order], np.arange(self._first[-1] + 1))
        self._members = torch.from_numpy(order % self.size)

    def search(self, queries: Vectors, k: int, *, progress: bool = False) -> Neighbors:
        """The k best rows in the lists read, ``[Q, k]``; id -1 and score -inf where they hold fewer than k.

        Raises:
            InputError: NaN, infinity, another width, not a matrix, no queries.
            UsageError: k < 1.
        """
        k = check_count(k, "k")
        width = min(k, self.size)
        rows = self._queries(queries)
        if self.config.nprobe is None and len(rows) >= TUNE_QUERIES:
            self._tune(rows)
        found = []
        with progress_bar("searching", len(rows), enabled=progress) as advance:
            for _, block in rows.blocks(rows.step(QUERY_BYTES)):
                probes = self._probes(block, self._most() if self.config.nprobe is None else self.config.nprobe)
                found.append(search_lists(block, probes, self._read_list, width, repeated=True))
                advance(len(block))
        ids, scores = (np.concatenate([part[place] for part in found]) for place in (0, 1))
        return pad_neighbors(sort_neighbors(ids, scores), k)

    def tuning_rows(self, size: int) -> IntArray:
        """A sample of ``size`` queries while ``nprobe`` is not chosen yet; else none."""
        return tuning_rows(size, self.config)

    def tune(self, queries: Vectors) -> int:
        """Choose ``nprobe``, the number of lists of each part that a query reads, as ``FaissIndex.tune`` does.

        A search of 2,000 queries or more chooses it too. Until then, the largest number of lists that could be chosen
        is read.
        """
        return self._tune(self._queries(queries))

    def _queries(self, queries: Vectors) -> Rows:
        return Rows(queries, "queries", normalise=self.metric == "cosine", dim=self.dim)

    def _most(self) -> int:
        return most_probes(len(self._centroids[0]), len(self._centroids))

    def _tune(self, queries: Rows) -> int:
        count = min(TUNE_QUERIES, len(queries))
        chosen = sample_rows(len(queries), count, seed=self.config.seed)
        rows = queries.take(chosen)
        nearest = np.empty(count, dtype=np.int64)
        for start, tile in score_tiles(rows, self._base):
            nearest[start : start + len(tile)] = tile.argmax(dim=1).numpy()
        most = self._most()
        place = np.full(count, most)
        for part in range(len(self._centroids)):
            home = self._cells[part, nearest]
            hit = (self._lists_of(part, rows, most) == home[:, None]) & (home != NO_LIST)[:, None]
            place = np.minimum(place, np.where(hit.any(axis=1), hit.argmax(axis=1), most))
        self.config = replace(self.config, nprobe=choose_probes(place, most, len(self._centroids[0])))
        assert self.config.nprobe is not None
        return self.config.nprobe

    def _lists_of(self, part: int, rows: Tensor, number: int) -> IntArray:
        """The nearest lists of one part, counted from its first, ``[Q, number]``; -1 where a query lacks the part."""
        number = min(number, len(self._centroids[part]))
        return nearest_lists(self._coarse[part], rows[:, columns_of(self.config.parts)[part]], number)

    def _probes(self, rows: Tensor, number: int) -> IntArray:
        """Lists to read, the nearest of every part first, ``[Q, number * parts]``; -1 where a query lacks the part."""
        nearest = np.full((len(rows), number, len(self._centroids)), NO_LIST, dtype=np.int64)
        for part in range(len(self._centroids)):
            lists = self._lists_of(part, rows, number)
            nearest[:, : lists.shape[1], part] = np.where(lists == NO_LIST, NO_LIST, lists + self._first[part])
        probes: IntArray = nearest.reshape(len(rows), -1)
        probes[(probes == NO_LIST).all(axis=1), 0] = 0  # the list of the rows of zeros
        return probes

    def _read_list(self, number: int) -> tuple[Tensor, Tensor]:
        names = self._members[self._offsets[number] : self._offsets[number + 1]]
        return names, self._base.index_select(0, names)

    def write(self, path: Path) -> None:
        """Write ``tensors`` as a safetensors file."""
        write_tensors(path, self.tensors())

    def tensors(self) -> dict[str, Tensor]:
        """The tensors that ``from_tensors`` needs, besides metric and config."""
        centroids = {f"centroids.{part}": torch.from_numpy(each) for part, each in enumerate(self._centroids)}
        return {"vectors": self._base.contiguous(), "cells": torch.from_numpy(self._cells), **centroids}

    @staticmethod
    def from_tensors(tensors: dict[str, Tensor], *, metric: Metric, config: IndexConfig) -> "PartsIndex":
        """The index from its ``tensors``.

        Raises:
            InputError: tensors are missing or do not fit each other.
        """
        parts = len(config.parts)
        names = {"vectors", "cells", *(f"centroids.{part}" for part in range(parts))}
        if set(tensors) != names or parts == 0:
            raise InputError(f"expected tensors {', '.join(sorted(names))}, got {', '.join(sorted(tensors))}")
        base, cells = tensors["vectors"], tensors["cells"]
        centroids = [tensors[f"centroids.{part}"] for part in range(parts)]
        fits = base.ndim == 2 and base.dtype == torch.float32 and cells.dtype == torch.int32
        fits = fits and cells.shape == (parts, len(base)) and sum(config.parts) <= base.shape[1]
        fits = fits and all(
            each.dtype == torch.float32 and each.ndim == 2 and each.shape[1] == width and len(each) > 0
            for each, width in zip(centroids, config.parts, strict=True)
        )
        for name in names - {"cells"} if fits and len(base) else ():
            Rows(tensors[name], f"{name} of the index", normalise=False)  # refuses NaN and infinity
        if (
            not fits
            or len(base) == 0
            or any(
                int(cells[part].min()) < NO_LIST or int(cells[part].max()) >= len(each)
                for part, each in enumerate(centroids)
            )
        ):
            raise InputError("the tensors of this index do not fit each other; build and save it again")
        index = PartsIndex.__new__(PartsIndex)
        index._set(base, metric, config, [each.numpy() for each in centroids], cells.numpy())
        return index


def build_parts(
    vectors: Vectors, metric: Metric, device: str | torch.device, config: IndexConfig, progress: bool
) -> PartsIndex:
    """Build a ``PartsIndex``; it runs on the CPU only."""
    if str(device) not in ("auto", "cpu"):
        raise UsageError(
            f"kind 'parts' runs on the CPU only, not on {str(device)!r}",
            advice=Advice("use {}, or kind 'flat' or 'exact'", ON_CPU),
        )
    return PartsIndex(vectors, metric=metric, config=config, progress=progress)


def load_parts(path: Path, metric: Metric, config: IndexConfig, device: str | torch.device) -> PartsIndex:
    """Read a file that ``PartsIndex.write`` wrote; the index runs on the CPU, whatever the device.

    Raises:
        InputError: the file holds other tensors.
    """
    try:
        return PartsIndex.from_tensors(read_tensors(path), metric=metric, config=config)
    except InputError as error:
        raise error if error.path is not None else InputError(str(error), path) from None


def parts_bytes(size: int, dim: int, config: IndexConfig) -> float:
    """Bytes of the values, and of the lists of each part with their centroids."""
    return size * (4 * dim + 12 * max(1, len(config.parts))) + 4 * dim * list_count(size, config)


PARTS = IndexKind(build_parts, load_parts, needs=parts_bytes)


def columns_of(parts: tuple[int, ...]) -> list[slice]:
    """The columns of each part, from the widths of the parts."""
    ends = np.cumsum(parts).tolist()
    return [slice(end - width, end) for end, width in zip(ends, parts, strict=True)]


def _blocks(base: Tensor, step: int = 1 << 16) -> list[tuple[int, Tensor]]:
    return [(start, base[start : start + step]) for start in range(0, len(base), step)]


def nearest_lists(coarse: FaissIndex, rows: Tensor, number: int) -> IntArray:
    """The nearest centroids of each row by cosine, ``[R, number]``; -1 for rows of zeros."""
    rows = rows.contiguous()
    lists = coarse.search(rows, number).ids
    lists[~rows.any(dim=1).numpy()] = NO_LIST
    return lists
