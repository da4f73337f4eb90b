"""Embeddings of both graphs, and their nearest-neighbour search."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import torch

from ..compute.devices import resolve_device
from ..compute.host import isolated_class
from ..config.search import SearchConfig
from ..data.entities import EntityTable
from ..data.literals import is_among, pool_of
from ..data.task import LinkSplit
from ..errors import UsageError, brief, nearest
from ..fusion import modality_shares
from ..records import Shown
from ..search import INDEXES, Index, Neighbors, build_index, csls_neighbors
from ..search.exact import ExactIndex
from ..search.index import LARGEST_FLAT
from ..search.means import csls_pair_means, mean_scores
from ..search.neighbors import pad_neighbors, sort_neighbors
from ..search.never import NO_PAIRS, allowed, among, is_in
from ..search.vectors import check_count, unit_rows
from ..settings import names_in
from ..typing import BoolArray, FloatArray, IntArray

SIDES = ("left", "right")
BLOCK_BYTES = 256 << 20  # size of a block of entities that are scored at a time without an index
FEW_ROWS = 4096  # so few queries are scored against all entities where an index would have to be built first
BLOCK_PAIRS = 1 << 16  # pairs whose shares are computed at a time
BLOCK_ROWS = 1 << 18  # queries per search; each list of an index is read once per block

EXACT = 1.0  # score and confidence of two equal literal nodes

T = TypeVar("T")


@isolated_class
class Embeddings(Shown):
    """Unit rows of both graphs. What was computed from them is kept, under the settings that it was computed with.

    Args:
        left, right: unit rows, float32 or float16 ``[n1, D]`` and ``[n2, D]``; may be mapped from a file.
        widths: width of each modality's part of D, in order.
        matched: rows of either graph that are queries and candidates, int64, ascending; ``None`` = all. The others are
            context, see ``KnowledgeGraph.context``, or literal nodes.
        exact: pairs of literal nodes that are equal, int64 ``[E, 2]``, one to one, in no ``matched``: each is the only
            answer to the other, see ``pool_of``.
        never: pairs that are known to be wrong, int64 ``[W, 2]``: neither is an answer to the other.
    """

    def __init__(
        self,
        left: FloatArray,
        right: FloatArray,
        widths: Mapping[str, int],
        matched: tuple[IntArray | None, IntArray | None] = (None, None),
        exact: IntArray = NO_PAIRS,
        never: IntArray = NO_PAIRS,
    ) -> None:
        self.left, self.right, self.widths, self.matched, self.never = left, right, dict(widths), matched, never
        self.exact = exact[~is_in(exact, never)]
        self._kept: dict[Hashable, Any] = {}

    def _facts(self) -> dict[str, int]:
        sides = {"left_rows": len(self.left), "right_rows": len(self.right), "columns": self.left.shape[1]}
        return sides | {"modalities": len(self.widths)}

    def kept(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The value that ``compute`` gives; computed once per key.

        Args:
            key: names the value and every setting that it depends on besides the embeddings.
            compute: makes the value.
        """
        if key not in self._kept:
            self._kept[key] = compute()
        found: T = self._kept[key]
        return found

    def keep(self, key: Hashable, value: Any) -> None:
        """Keep a value that was computed before, e.g. one that was read from a run folder."""
        self._kept[key] = value

    def has(self, key: Hashable) -> bool:
        """Whether a value is kept."""
        return key in self._kept

    def taken(self, key: Hashable) -> Any:
        """A kept value, which is kept no longer; ``None`` if there is none."""
        return self._kept.pop(key, None)

    def sides(self, side: str) -> tuple[FloatArray, FloatArray]:
        """Rows of the querying graph and of the answering graph.

        Raises:
            UsageError: ``side`` is neither ``left`` nor ``right``.
        """
        if side not in SIDES:
            raise UsageError(f"unknown side {brief(side)}; {nearest(side, SIDES)}")
        return (self.left, self.right) if side == "left" else (self.right, self.left)

    @property
    def without_context(self) -> "Embeddings":
        """The embeddings of the matched rows; this object itself if all rows are matched."""
        if all(rows is None for rows in self.matched):
            return self
        return self.kept("without context", self._without_context)

    def _without_context(self) -> "Embeddings":
        left, right = (rows if some is None else rows[some] for rows, some in self._sides_and_rows())
        return Embeddings(left, right, self.widths, never=among(self.never, *self.matched))

    def excluding(self, pairs: IntArray) -> "Embeddings":
        """The same embeddings with further pairs that are known to be wrong; indexes and means are kept."""
        never = np.unique(np.concatenate([self.never, pairs]), axis=0)
        found = Embeddings(self.left, self.right, self.widths, self.matched, self.exact, never)
        for key, value in self._kept.items():
            if key == "without context":
                found.keep(key, value.excluding(among(pairs, *self.matched)))
            elif not (isinstance(key, tuple) and key[0] == "matching"):
                found.keep(key, value)
        return found

    def _sides_and_rows(self) -> list[tuple[FloatArray, IntArray | None]]:
        return list(zip((self.left, self.right), self.matched, strict=True))

    def rows(self, side: str) -> IntArray:
        """Rows of the graph ``side`` that are matched, int64, ascending."""
        self.sides(side)
        some = self.matched[SIDES.index(side)]
        return np.arange(len(self.sides(side)[0])) if some is None else some

    def is_exact(self, pairs: IntArray) -> BoolArray:
        """Which pairs ``[P, 2]`` are equal literal nodes, bool ``[P]``."""
        return is_among(pairs, self.exact)

    @property
    def num_matched(self) -> list[int]:
        """Number of matched rows of the left and of the right graph."""
        return [len(self.rows(side)) for side in SIDES]

    def shares(self, pairs: IntArray) -> dict[str, FloatArray]:
        """Share of each modality in the cosine of each pair, ``[M]``; the shares sum to the cosine.

        Args:
            pairs: rows of either graph, int64 ``[M, 2]``.
        """
        parts = np.empty((len(pairs), len(self.widths)), np.float32)
        for start in range(0, len(pairs), BLOCK_PAIRS):
            block = pairs[start : start + BLOCK_PAIRS]
            left, right = (
                torch.from_numpy(rows[block[:, column]].astype(np.float32, copy=False))
                for column, rows in enumerate((self.left, self.right))
            )
            parts[start : start + len(block)] = modality_shares(left, right, list(self.widths.values())).numpy()
        return {name: parts[:, m] for m, name in enumerate(self.widths)}

    def restrict(self, modalities: str | Sequence[str]) -> "Embeddings":
        """The parts of some modalities only, scaled to unit length.

        Raises:
            UsageError: no modality is named, or one that is not in the embeddings.
        """
        modalities = names_in(modalities, "modalities")
        if not modalities:
            raise UsageError(f"name at least one modality; this run has {', '.join(self.widths)}")
        for name in modalities:
            if name not in self.widths:
                raise UsageError(f"this run has no modality {brief(name)}; {nearest(name, self.widths)}")
        starts = dict(zip(self.widths, np.cumsum([0, *self.widths.values()]).tolist(), strict=False))
        widths = {name: width for name, width in self.widths.items() if name in modalities}
        columns = np.concatenate([np.arange(starts[name], starts[name] + width) for name, width in widths.items()])
        sides = _columns(self.left, columns), _columns(self.right, columns)
        return Embeddings(*sides, widths, self.matched, self.exact, self.never)


@isolated_class
@dataclass(frozen=True, repr=False)
class EmbeddingSearch(Shown):
    """Nearest-neighbour search of embeddings, by CSLS or cosine.

    CSLS means and indexes are kept by the embeddings. Context is neither searched nor found: its means are 0, it has no
    neighbours, and indexes hold the other entities only, whose positions they return. A literal node has at most one
    neighbour, the equal one, with score 1.

    Args:
        embeddings: of both graphs.
        csls_k: neighbourhood size of CSLS; 0 = cosine.
        search: settings of the index.
        device: where scores are computed: ``auto``, ``cpu`` or ``cuda``. An index of a kind that does not run there
            is on the CPU.
    """

    embeddings: Embeddings
    csls_k: int = 3
    search: SearchConfig = field(default_factory=SearchConfig)
    device: str = "auto"

    @property
    def without_context(self) -> "EmbeddingSearch":
        """Search among the matched rows, by their positions; this object itself if all rows are matched."""
        inner = self.embeddings.without_context
        return self if inner is self.embeddings else replace(self, embeddings=inner)

    def means(self) -> tuple[FloatArray, FloatArray]:
        """CSLS means: mean cosine of each left row to its nearest right rows, and of each right row to left rows."""
        if (inner := self.without_context) is not self:
            return self.embeddings.kept(("all means", self.csls_k), lambda: self._spread(inner.means()))
        key = ("means", self.csls_k, *(self._index_key() if self._means_by_lists() else ()))
        return self.embeddings.kept(key, self._means)

    def keep_means(self, means: tuple[FloatArray, FloatArray]) -> None:
        """Keep CSLS means that were computed before."""
        if (inner := self.without_context) is not self:
            left, right = (mean[self.embeddings.rows(side)] for side, mean in zip(SIDES, means, strict=True))
            inner.keep_means((left, right))
            return
        self.embeddings.keep(("means", self.csls_k, *(self._index_key() if self._means_by_lists() else ())), means)

    def index(self, side: str = "left") -> Index:
        """Index of the graph that answers queries of ``side``.

        With CSLS its vectors have one more column, see ``csls_augment``.
        """
        self.embeddings.sides(side)
        if (inner := self.without_context) is not self:
            return inner.index(side)
        return self.embeddings.kept(self._key(side), lambda: self._tuned(side))

    def keep_index(self, side: str, index: Index) -> None:
        """Keep an index that was built before."""
        if (inner := self.without_context) is not self:
            inner.keep_index(side, index)
            return
        self.embeddings.keep(self._key(side), index)

    def has_index(self, side: str) -> bool:
        """Whether the index is built already."""
        if (inner := self.without_context) is not self:
            return inner.has_index(side)
        return self.embeddings.has(self._key(side))

    def nearest(self, rows: IntArray, k: int, side: str) -> Neighbors:
        """The k nearest entities of the answering graph, ``[Q, k]``; id -1 and score -inf where there are fewer.

        A pair that is known to be wrong is left out.

        Args:
            rows: querying entities of ``side``, int64 ``[Q]``.
            k: number of neighbours, >= 1.
            side: the querying graph, ``left`` or ``right``.
        """
        if (inner := self.without_context) is not self:
            return self._nearest_without_context(inner, rows, k, side)
        never = self.embeddings.never if side == "left" else self.embeddings.never[:, ::-1]
        size = len(self.embeddings.sides(side)[1])
        return allowed(lambda some, number: self._nearest_of_all(some, number, side), rows, k, never, size)

    def _nearest_of_all(self, rows: IntArray, k: int, side: str) -> Neighbors:
        size = len(self.embeddings.sides(side)[1])
        if not self.has_index(side) and size > LARGEST_FLAT and len(rows) <= FEW_ROWS:
            found = pad_neighbors(self._nearest_without_index(rows, min(check_count(k, "k"), size), side), k)
        else:
            blocks = np.split(rows, range(BLOCK_ROWS, len(rows), BLOCK_ROWS))
            parts = [self.index(side).search(self.queries(block, side), k) for block in blocks]
            ids, scores = ([getattr(part, name) for part in parts] for name in ("ids", "scores"))
            found = Neighbors(np.concatenate(ids), np.concatenate(scores))
        return csls_neighbors(found, self.means()[SIDES.index(side)][rows]) if self.csls_k else found

    def queries(self, rows: IntArray, side: str) -> FloatArray:
        """Query vectors of some entities of ``side`` as the index expects them, float32."""
        block = self.embeddings.sides(side)[0][rows].astype(np.float32, copy=False)
        if self.csls_k:
            block = np.concatenate([2 * block, np.ones((len(block), 1), np.float32)], axis=1)
        return block

    @property
    def _where(self) -> torch.device:
        return resolve_device(self.device)

    def _nearest_without_context(self, inner: "EmbeddingSearch", rows: IntArray, k: int, side: str) -> Neighbors:
        """As ``nearest``; the queries and answers of ``inner`` are positions among the matched rows."""
        own, others = self.embeddings.rows(side), self.embeddings.rows(SIDES[1 - SIDES.index(side)])
        queried = np.isin(rows, own)
        found = Neighbors(np.empty((0, k), np.int64), np.empty((0, k), np.float32))
        if queried.any():
            found = inner.nearest(np.searchsorted(own, rows[queried]), k, side)
        width = found.ids.shape[1]
        ids = np.full((len(rows), width), -1, np.int64)
        scores = np.full((len(rows), width), -np.inf, np.float32)
        ids[queried] = np.where(found.present, others[found.ids], -1)
        scores[queried] = found.scores
        mine, theirs = self.embeddings.exact.T if side == "left" else self.embeddings.exact.T[::-1]
        if len(mine) and width:
            answer = np.full(len(self.embeddings.sides(side)[0]), -1, np.int64)
            answer[mine] = theirs
            literal = answer[rows] >= 0
            ids[literal, 0], scores[literal, 0] = answer[rows][literal], EXACT
        return Neighbors(ids, scores)

    def _spread(self, means: tuple[FloatArray, FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Means of the matched rows as means of all rows, 0 for context."""
        left, right = (np.zeros(len(self.embeddings.sides(side)[0]), np.float32) for side in SIDES)
        for side, whole, mean in zip(SIDES, (left, right), means, strict=True):
            whole[self.embeddings.rows(side)] = mean
        return left, right

    def _index_key(self) -> tuple[Hashable, ...]:
        return (self.search.index, self.search.options)

    def _key(self, side: str) -> Hashable:
        return ("index", side, self.csls_k, *self._index_key())

    def _options(self, kind: str) -> Any:
        return self.search.index_options(kind, tuple(self.embeddings.widths.values()))

    def _means_by_lists(self) -> str | None:
        """The index kind that CSLS means of graphs so large come from; ``None`` where they are small enough."""
        kind = INDEXES[self.search.index]
        largest = max(len(self.embeddings.left), len(self.embeddings.right))
        if largest <= LARGEST_FLAT or kind.extendable is None or kind.fitting(self._where).type != "cpu":
            return None
        return kind.extendable

    def _means(self) -> tuple[FloatArray, FloatArray]:
        kind = self._means_by_lists()
        if kind is None:
            options = self._options("auto")
            left, right = self.embeddings.left, self.embeddings.right
            return csls_pair_means(left, right, self.csls_k, device=self._where, config=options)
        means = []
        for side in SIDES:
            querying, answering = self.embeddings.sides(side)
            index = build_index(answering, kind=kind, device="cpu", config=self._options(kind))
            means.append(mean_scores(index.search(querying, min(self.csls_k, len(answering)))))
            self.embeddings.keep(self._lists_key(side), index)
        return means[0], means[1]

    def _lists_key(self, side: str) -> Hashable:
        """Key of an index without the CSLS column, from which the one with that column is made."""
        return ("lists", side, self.csls_k, *self._index_key())

    def _tuned(self, side: str) -> Index:
        index = self._built(side)
        rows = index.tuning_rows(len(self.embeddings.sides(side)[0]))
        if len(rows):  # else a small search would read too much
            index.tune(self.queries(rows, side))
        return index

    def _built(self, side: str) -> Index:
        answering, kind = self.embeddings.sides(side)[1], self.search.index
        device = INDEXES[kind].fitting(self._where)
        if not self.csls_k:
            return build_index(answering, kind=kind, device=device, config=self._options(kind))
        column = -self.means()[1 - SIDES.index(side)]
        lists: Index | None = self.embeddings.taken(self._lists_key(side))
        if lists is not None:
            return lists.extended(column)
        base = np.concatenate([answering, column[:, None]], axis=1, dtype=np.float32)
        return build_index(base, kind=kind, metric="ip", device=device, config=self._options(kind))

    def _nearest_without_index(self, rows: IntArray, k: int, side: str) -> Neighbors:
        """As ``nearest`` before CSLS, by scoring all entities of the answering graph, a block at a time."""
        answering, queries = self.embeddings.sides(side)[1], self.queries(rows, side)
        ids, scores = np.empty((len(rows), 0), np.int64), np.empty((len(rows), 0), np.float32)
        step = min(BLOCK_ROWS, max(1, BLOCK_BYTES // (4 * answering.shape[1])))
        for start in range(0, len(answering), step):
            block = answering[start : start + step].astype(np.float32, copy=False)
            if self.csls_k:
                column = -self.means()[1 - SIDES.index(side)][start : start + step, None]
                block = np.concatenate([block, column], axis=1, dtype=np.float32)
            part = ExactIndex(block, metric="ip", device=self._where).search(queries, min(k, len(block)))
            ids = np.concatenate([ids, np.where(part.present, part.ids + start, -1)], axis=1)
            found = sort_neighbors(ids, np.concatenate([scores, part.scores], axis=1))
            ids, scores = found.ids[:, :k], found.scores[:, :k]
        return Neighbors(ids, scores)


def embeddings_of(
    left: torch.Tensor,
    right: torch.Tensor,
    widths: Mapping[str, int],
    entities: tuple[EntityTable, EntityTable],
    links: LinkSplit,
    store: str,
    never: IntArray = NO_PAIRS,
) -> Embeddings:
    """Embeddings of a run from what was learnt.

    Args:
        left, right: unit rows of all entities.
        widths: width of each modality's part.
        entities: tables of both graphs.
        links: known links, whose entities are matched even if they are context.
        store: type in which embeddings are stored.
        never: pairs that are known to be wrong, int64 ``[W, 2]``.
    """
    sides = [side.cpu().numpy().astype(store, copy=False) for side in (left, right)]
    pool = pool_of(*entities, links.all())
    return Embeddings(sides[0], sides[1], widths, pool.matched, pool.exact, never)


def _columns(rows: FloatArray, columns: IntArray) -> FloatArray:
    """Some columns of the rows, scaled to unit length, in the type of ``rows``; computed in blocks."""
    out = np.empty((len(rows), len(columns)), rows.dtype)
    for start in range(0, len(rows), BLOCK_ROWS):
        part = rows[start : start + BLOCK_ROWS, columns].astype(np.float32, copy=False)
        out[start : start + len(part)] = unit_rows(torch.from_numpy(part)).numpy()
    return out
