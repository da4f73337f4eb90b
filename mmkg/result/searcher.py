"""Nearest-neighbour search of the embeddings of a run, by CSLS or cosine."""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compute.devices import device_type, resolve_device
from ..compute.host import isolated_class
from ..config.search import SearchConfig
from ..matching.matcher import Matcher
from ..records import Shown
from ..search import INDEXES, Index, Neighbors, build_index
from ..search.given import Vectors, check_count
from ..search.index import LARGEST_FLAT, LONGEST, scores_all_pairs
from ..search.neighbors import csls_neighbors, pad_neighbors
from ..search.never import allowed
from ..search.scan import can_scan, scan
from ..typing import FloatArray, IntArray
from .embeddings import SIDES, Embeddings

if TYPE_CHECKING:
    import torch

FEW_ROWS = 4096  # so few queries are scored against all entities where an index would have to be built first
BLOCK_ROWS = 1 << 18  # queries per search; each list of an index is read once per block
LARGEST_PAIRS = 50_000  # entities of either side up to which all pairs are scored where the sides can share lists
LISTED = 10  # neighbours of each entity that are kept

EXACT = 1.0  # score and confidence of two equal literal nodes


@isolated_class
@dataclass(frozen=True, repr=False)
class EmbeddingSearch(Shown):
    """Nearest-neighbour search of embeddings, by CSLS or cosine.

    CSLS means, the nearest neighbours of all entities and indexes are kept by the embeddings. Context is neither
    searched nor found: its means are 0, it has no neighbours, and indexes hold the other entities only, whose positions
    they return. A literal node has at most one neighbour, the equal one, with score 1.

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
        return self.embeddings.kept(self._means_key, self._means)

    def keep_means(self, means: tuple[FloatArray, FloatArray]) -> None:
        """Keep CSLS means that were computed before."""
        if (inner := self.without_context) is not self:
            left, right = (mean[self.embeddings.rows(side)] for side, mean in zip(SIDES, means, strict=True))
            inner.keep_means((left, right))
            return
        self.embeddings.keep(self._means_key, means)

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

    @property
    def stored_index(self) -> Index | None:
        """The index that a run folder has to hold; ``None`` where the embeddings and CSLS means say it all."""
        if (inner := self.without_context) is not self:
            return inner.stored_index
        if INDEXES[self.search.index].exact or (index := self.index()).plain:
            return None
        return index

    def lists(self, k: int = LISTED) -> tuple[Neighbors, Neighbors]:
        """At least the k nearest neighbours of each left and of each right entity, pairs known to be wrong included.

        They come from the pass over all scores that gives the CSLS means, or from an index where that is approximate,
        and are kept: a search of many entities, matches, margins and ranks read them.

        Args:
            k: number of neighbours, 1 to 64; of fewer entities, all of them.

        Returns:
            Positions among the matched rows, and scores, ``[n1, K]`` and ``[n2, K]``.
        """
        if (inner := self.without_context) is not self:
            return inner.lists(k)
        return self._list("left", k), self._list("right", k)

    def keep_lists(self, lists: tuple[Neighbors, Neighbors]) -> None:
        """Keep nearest neighbours that were found before, as ``lists`` returns them."""
        if (inner := self.without_context) is not self:
            inner.keep_lists(lists)
            return
        for side, found in zip(SIDES, lists, strict=True):
            self.embeddings.keep(self._list_key(side), found)

    def has_lists(self, k: int = 1) -> bool:
        """Whether the k nearest neighbours of all entities are kept."""
        if (inner := self.without_context) is not self:
            return inner.has_lists(k)
        return all(self._kept_list(side, k) is not None for side in SIDES)

    def for_matcher(self, matcher: Matcher, k: Any) -> dict[str, Any]:
        """What a matcher of all matched rows need not compute again, as its keywords.

        Args:
            matcher: it receives neighbours only if it takes them.
            k: number of candidates of each entity; ``None`` = all.
        """
        known: dict[str, Any] = {}
        if matcher.lists and isinstance(k, int) and 1 <= k <= LONGEST:
            known["lists"] = self.lists(k)
        if self.csls_k:
            known["means"] = self.means()
        if self.approximates:
            known["indexes"] = tuple(_Answers(self, side) for side in SIDES)
        return known

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
        width = min(check_count(k, "k"), size)
        listed = self._kept_list(side, width)
        if listed is None and width <= LISTED and 2 * len(rows) > len(self.embeddings.sides(side)[0]):
            listed = self._list(side, width)
        if listed is not None:
            return pad_neighbors(Neighbors(listed.ids[rows, :width], listed.scores[rows, :width]), k)
        return self._search(rows, k, side)

    def _search(self, rows: IntArray, k: int, side: str) -> Neighbors:
        """As ``nearest``, by the index; of a few queries without it."""
        size = len(self.embeddings.sides(side)[1])
        few = can_scan(len(rows), size) and device_type(self.device) == "cpu"
        if not self.has_index(side) and (few or (size > LARGEST_FLAT and len(rows) <= FEW_ROWS)):
            querying = self.embeddings.sides(side)[0][rows].astype(np.float32, copy=False)
            found = pad_neighbors(self._scanned(querying, min(k, size), side), k)
        else:
            blocks = np.split(rows, range(BLOCK_ROWS, len(rows), BLOCK_ROWS))
            parts = [self.index(side).search(self.queries(block, side), k) for block in blocks]
            ids, scores = ([getattr(part, name) for part in parts] for name in ("ids", "scores"))
            found = Neighbors(np.concatenate(ids), np.concatenate(scores))
        return csls_neighbors(found, self.means()[SIDES.index(side)][rows]) if self.csls_k else found

    def _scanned(self, querying: FloatArray, k: int, side: str) -> Neighbors:
        """The k best of all entities of the answering graph for unit rows, before CSLS, without an index."""
        penalty = self.means()[1 - SIDES.index(side)] if self.csls_k else None
        return scan(querying, self.embeddings.sides(side)[1], k, penalty=penalty, device=self.device)

    def queries(self, rows: IntArray, side: str) -> FloatArray:
        """Query vectors of some entities of ``side`` as the index expects them, float32."""
        block = self.embeddings.sides(side)[0][rows].astype(np.float32, copy=False)
        if self.csls_k:
            block = np.concatenate([2 * block, np.ones((len(block), 1), np.float32)], axis=1)
        return block

    def _list_key(self, side: str) -> Hashable:
        return ("neighbors", side, self.csls_k, *(() if self.scores_all_pairs else self._index_key()))

    def _kept_list(self, side: str, k: int) -> Neighbors | None:
        """The kept neighbours of the entities of a side, if they are k or more, or all there are."""
        found: Neighbors | None = self.embeddings.known(self._list_key(side))
        if found is None:
            return None
        return found if found.ids.shape[1] >= min(k, len(self.embeddings.sides(side)[1])) else None

    def _list(self, side: str, k: int) -> Neighbors:
        """The neighbours of all entities of a side, k or more."""
        if (found := self._kept_list(side, k)) is not None:
            return found
        width = max(k, self.width)
        if self.scores_all_pairs or (self.approximates and width <= LONGEST):
            self._both_ways(width)
        else:
            querying, answering = self.embeddings.sides(side)
            rows = np.arange(len(querying))
            self.embeddings.keep(self._list_key(side), self._search(rows, min(width, len(answering)), side))
        found = self._kept_list(side, k)
        assert found is not None
        return found

    @property
    def width(self) -> int:
        """Number of neighbours to keep: those that confidences and the matcher of the run read."""
        k = self.search.matcher_options(self.search.matcher).get("k")
        return max(LISTED, k) if isinstance(k, int) and k <= LONGEST else LISTED

    def _both_ways(self, k: int) -> None:
        """Keep the k nearest neighbours of both sides and the CSLS means: from the scores of all pairs, or by index."""
        key = self._means_key
        means = self.embeddings.known(key)
        left, right = self.embeddings.left, self.embeddings.right
        if self.scores_all_pairs:
            from ..search.both_ways import nearest_both_ways

            found = nearest_both_ways(left, right, k, csls_k=self.csls_k, means=means, device=self._where)
        else:
            from ..search.listed import listed_by_index

            options, kind = self._options(self.search.index), self.search.index
            settings = {"device": self._where, "kind": kind, "config": options}
            found = listed_by_index(left, right, k, csls_k=self.csls_k, means=means, **settings)
        self.keep_lists((found.left, found.right))
        if self.csls_k and means is None:
            self.embeddings.keep(key, found.means)

    @property
    def scores_all_pairs(self) -> bool:
        """Whether the neighbours of ``lists`` come from the scores of all pairs, and not from an approximate index."""
        return scores_all_pairs(self.search.index, self._largest, device_type(self.device)) and not self._shares_lists

    @property
    def approximates(self) -> bool:
        """Whether neighbours and CSLS means come from one approximate search for both sides, on the CPU."""
        if self._shares_lists:
            return True
        if self._largest <= LARGEST_FLAT or self.scores_all_pairs:
            return False
        return device_type(self.device) == "cpu" or INDEXES[self.search.index].fitting(self._where).type == "cpu"

    @property
    def _largest(self) -> int:
        return max(len(self.embeddings.left), len(self.embeddings.right))

    @property
    def _shares_lists(self) -> bool:
        """Whether kind ``auto`` searches both sides in lists of each part, see ``neighbors_by_shared_lists``."""
        several = self.search.index == "auto" and len(self.embeddings.widths) > 1
        return several and self._largest > LARGEST_PAIRS and device_type(self.device) == "cpu"

    @property
    def _where(self) -> "torch.device":
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
        return (self.search.index, self.search.memory, self.search.options)

    def _key(self, side: str) -> Hashable:
        return ("index", side, self.csls_k, *self._index_key())

    def index_of_part(self) -> tuple[str, Any]:
        """The index kind of the run and its settings, for an index of some of the rows."""
        return self.search.index, self._options(self.search.index)

    def _options(self, kind: str) -> Any:
        return self.search.index_options(kind, tuple(self.embeddings.widths.values()))

    @property
    def _means_key(self) -> tuple[Hashable, ...]:
        return ("means", self.csls_k, *(self._index_key() if self.approximates else ()))

    def _means(self) -> tuple[FloatArray, FloatArray]:
        if self.scores_all_pairs or self.approximates:
            self._both_ways(self.width)
            found: tuple[FloatArray, FloatArray] = self.embeddings.known(self._means_key)
            return found
        from ..search.means import csls_pair_means

        left, right = self.embeddings.left, self.embeddings.right
        return csls_pair_means(left, right, self.csls_k, device=self._where, config=self._options("auto"))

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
        base = np.concatenate([answering, column[:, None]], axis=1, dtype=np.float32)
        return build_index(base, kind=kind, metric="ip", device=device, config=self._options(kind))


@dataclass(frozen=True)
class _Answers:
    """Finds what the lists of a search lack, by an index that is built when many entities ask for more.

    Args:
        searcher: of matched rows only.
        side: the querying graph.
    """

    searcher: EmbeddingSearch
    side: str

    def search(self, queries: Vectors, k: int) -> Neighbors:
        """The k best for each query, a row as ``EmbeddingSearch.queries`` gives, ``[Q, k]``."""
        if len(queries) > FEW_ROWS or self.searcher.has_index(self.side):
            return self.searcher.index(self.side).search(queries, k)
        size = len(self.searcher.embeddings.sides(self.side)[1])
        rows = np.asarray(queries, np.float32)
        if self.searcher.csls_k:
            rows = rows[:, :-1] * np.float32(0.5)
        return pad_neighbors(self.searcher._scanned(rows, min(k, size), self.side), k)
