"""Candidate lists and pair scores, shared by all matchers. Where lists are given, NumPy alone suffices."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from typing_extensions import TypedDict

from ..compute.devices import device_type
from ..errors import InputError
from ..search.given import Vectors, check_count
from ..search.index import LONGEST, build_index, scores_all_pairs
from ..search.kind import Searcher
from ..search.neighbors import Neighbors
from ..search.never import NO_PAIRS, allowed
from ..typing import FloatArray, IntArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ..search.vectors import Rows

LARGEST_COPY = 1 << 30  # bytes of unit rows in memory; of more rows, those of the pairs are read, block by block
PAIRS = 1 << 14

Means = tuple[FloatArray, FloatArray]
Indexes = tuple[Searcher, Searcher]
Lists = tuple[Neighbors, Neighbors]


class Scoring(TypedDict, total=False):
    """How a matcher scores pairs, and what is known already: keywords that every matcher takes.

    Args:
        csls_k: neighbourhood size of CSLS, 0 = off; 3 by default.
        kind: index kind for the candidate lists, as for ``build_index``; ``exact`` by default.
        device: ``auto``, ``cpu`` or ``cuda``.
        means: CSLS means of the left rows ``[n1]`` and the right rows ``[n2]`` from ``csls_pair_means``.
        indexes: index of the right rows and index of the left rows; ``kind`` is then ignored. With CSLS they index the
            vectors of ``csls_augment``.
        lists: nearest right rows of each left row, and nearest left rows of each right row, by the same measure, see
            ``nearest_both_ways``. Where they are long enough, pairs have the scores of the lists, and the vectors are
            not read.
        never: pairs (left row, right row) that are not matched, int64 ``[W, 2]``.
    """

    csls_k: int
    kind: str
    device: "str | torch.device"
    means: Means | None
    indexes: Indexes | None
    lists: Lists | None
    never: IntArray | None


class Candidates(NamedTuple):
    """The best right rows of each left row.

    Args:
        found: in order of their scores.
        scored: whether scores are those of the pairs; else they order the right rows of one left row only.
    """

    found: Neighbors
    scored: bool


class _Side:
    """The rows of a side, of unit length, which are checked and read when they are first needed."""

    def __init__(self, vectors: Vectors, what: str, device: "str | torch.device", like: "_Side | None" = None) -> None:
        self._vectors, self._what, self._device, self._like = vectors, what, device, like

    def __len__(self) -> int:
        return len(self._vectors)

    @cached_property
    def rows(self) -> "Rows":
        from ..compute.devices import resolve_device
        from ..search.vectors import Rows

        dim = None if self._like is None else self._like.rows.dim
        return Rows(self._vectors, self._what, normalise=True, dim=dim, device=resolve_device(self._device))


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores of pairs of left and right rows: cosine, or CSLS.

    Args:
        sides: the left rows ``[n1, d]`` and the right rows ``[n2, d]``.
        kind: index kind with which candidates are found that are not known.
        means: CSLS means of the left rows and of the right rows; ``None`` = plain cosine.
        indexes: index of the right rows, for queries from the left, and index of the left rows; ``None`` = built when
            needed.
        lists: nearest right rows of each left row, and nearest left rows of each right row, by the same measure;
            ``None`` = searched when needed.
        never: pairs of rows that are no candidates, int64 ``[W, 2]``.
    """

    sides: tuple[_Side, _Side]
    kind: str
    means: Means | None
    indexes: Indexes | None
    lists: Lists | None
    never: IntArray

    @staticmethod
    def of(
        left: Vectors,
        right: Vectors,
        k: int | None = None,
        *,
        csls_k: int = 3,
        kind: str = "exact",
        device: "str | torch.device" = "auto",
        means: Means | None = None,
        indexes: Indexes | None = None,
        lists: Lists | None = None,
        never: IntArray | None = None,
    ) -> "Scorer":
        """A scorer with CSLS means if ``csls_k`` > 0; the keywords are those of ``Scoring``.

        The ``k`` nearest rows of both sides are found together with the means if the index kind scores all pairs.

        Raises:
            InputError: vectors that are not finite matrices of one width; lists or means of other rows.
            UsageError: ``csls_k`` < 0, or an unknown device.
        """
        check_count(csls_k, "csls_k", least=0)
        where = device_type(device)
        lefts = _Side(left, "left vectors", device)
        rights = _Side(right, "right vectors", device, lefts)
        if lists is None:
            _ = lefts.rows, rights.rows  # checks them
        elif (len(lists[0]), len(lists[1])) != (len(lefts), len(rights)):
            raise InputError(
                f"expected the neighbours of {len(lefts)} left and {len(rights)} right rows, "
                f"got those of {len(lists[0])} and {len(lists[1])}"
            )
        largest = max(len(lefts), len(rights))
        if lists is None and indexes is None and k is not None and k <= LONGEST:
            if scores_all_pairs(kind, largest, where):
                from ..search.both_ways import both_ways_of_rows

                found = both_ways_of_rows(lefts.rows.whole(), rights.rows.whole(), k, csls_k=csls_k, means=means)
                lists, means = (found.left, found.right), found.means
        if csls_k == 0:
            means = None
        elif means is None:
            from ..search.means import csls_pair_means

            means = csls_pair_means(
                lefts.rows.whole(), rights.rows.whole(), csls_k, kind=kind, device=lefts.rows.device
            )
        elif (means[0].shape, means[1].shape) != ((len(lefts),), (len(rights),)):
            raise InputError(
                f"expected means of {len(lefts)} left and {len(rights)} right rows, "
                f"got {means[0].shape} and {means[1].shape}"
            )
        return Scorer((lefts, rights), kind, means, indexes, lists, NO_PAIRS if never is None else never)

    @property
    def left(self) -> "Tensor":
        """The left rows, of unit length."""
        return self.sides[0].rows.whole()

    @property
    def right(self) -> "Tensor":
        """The right rows, of unit length."""
        return self.sides[1].rows.whole()

    @property
    def shape(self) -> tuple[int, int]:
        """Number of left and of right rows."""
        return len(self.sides[0]), len(self.sides[1])

    def swapped(self) -> "Scorer":
        """The same scorer with left and right exchanged."""
        means = None if self.means is None else (self.means[1], self.means[0])
        indexes = None if self.indexes is None else (self.indexes[1], self.indexes[0])
        lists = None if self.lists is None else (self.lists[1], self.lists[0])
        return Scorer(self.sides[::-1], self.kind, means, indexes, lists, self.never[:, ::-1])

    def pair_scores(self, left: IntArray, right: IntArray) -> FloatArray:
        """Score of each pair (left row, right row), float32 ``[P]``, independent of the other pairs."""
        import torch

        from ..compute.products import pair_products

        sides = self.sides[0].rows, self.sides[1].rows
        rows, cols = (torch.from_numpy(each).to(sides[0].device) for each in (left, right))
        if 4 * sum(self.shape) * sides[0].dim > LARGEST_COPY:
            scores = torch.empty(len(left))
            for start in range(0, len(left), PAIRS):
                some = slice(start, start + PAIRS)
                scores[some] = (sides[0].take(left[some]) * sides[1].take(right[some])).sum(dim=1)
        else:
            scores = pair_products(self.left, self.right, rows, cols)
        found: FloatArray = scores.cpu().numpy()
        if self.means is not None:
            found = 2 * found - (self.means[0][left] + self.means[1][right])
        return found

    def cosines(self, left: IntArray, right: IntArray) -> FloatArray:
        """Cosine of each pair, float32 ``[P]``, even if scores are CSLS."""
        return replace(self, means=None).pair_scores(left, right)

    def nearest(self, k: int) -> Candidates:
        """The k best right rows of each left row that are candidates."""
        listed = None if self.lists is None else self.lists[0]
        index = None if self.indexes is None else self.indexes[0]
        scored = True

        def find(rows: IntArray, number: int) -> Neighbors:
            nonlocal index, scored
            number = min(number, self.shape[1])
            if listed is not None and number <= listed.ids.shape[1]:
                return Neighbors(listed.ids[rows, :number], listed.scores[rows, :number])
            scored = False
            index = self._index() if index is None else index
            return index.search(self._queries(rows), number)

        found = allowed(find, np.arange(self.shape[0]), k, self.never, self.shape[1])
        return Candidates(found, scored)

    def _queries(self, rows: IntArray) -> "Tensor":
        """Some left rows; with CSLS, as an index of the vectors of ``csls_augment`` expects them."""
        import torch

        own = self.sides[0].rows
        queries = own.whole() if len(rows) == self.shape[0] else own.take(rows)
        if self.means is not None:
            queries = torch.cat([2 * queries, queries.new_ones(len(queries), 1)], dim=1)
        return queries

    def _index(self) -> Searcher:
        """An index of the right rows; with CSLS, of the vectors of ``csls_augment``."""
        import torch

        base = self.right
        if self.means is not None:
            column = torch.as_tensor(self.means[1], dtype=torch.float32, device=base.device)
            base = torch.cat([base, -column[:, None]], dim=1)
        return build_index(base, kind=self.kind, metric="ip", device=base.device)


def candidate_pairs(scorer: Scorer, k: int) -> tuple[IntArray, IntArray, FloatArray]:
    """Left rows, right rows and scores of all pairs on the candidate lists of either side, by row, then by column."""
    rows, cols, scores = listed_both_ways(scorer, k)
    return rows, cols, scorer.pair_scores(rows, cols) if scores is None else scores


def listed_both_ways(scorer: Scorer, k: int) -> tuple[IntArray, IntArray, FloatArray | None]:
    """``candidate_pairs``, with scores only if the lists have those of the pairs."""
    there, back = scorer.nearest(k), scorer.swapped().nearest(k)
    rows, cols, scores = _listed(there.found)
    back_cols, back_rows, back_scores = _listed(back.found)
    size = scorer.shape[1]
    pairs = np.concatenate([rows * size + cols, back_rows * size + back_cols])
    if not (there.scored and back.scored):
        pairs.sort()  # several times faster than np.unique
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]
        return pairs // size, pairs % size, None
    order = np.argsort(pairs, kind="stable")
    pairs = pairs[order]
    first = np.flatnonzero(np.diff(pairs, prepend=-1) > 0)
    scores = np.concatenate([scores, back_scores])[order]
    # the two scores of a pair may differ in their last bits; the larger one does not depend on the side
    scores = np.maximum.reduceat(scores, first) if len(first) else scores[:0]
    return pairs[first] // size, pairs[first] % size, scores


def _listed(found: Neighbors) -> tuple[IntArray, IntArray, FloatArray]:
    """The (query row, base row) pairs of a search result, without missing neighbours, and their scores."""
    rows, places = np.nonzero(found.present)
    return rows.astype(np.int64), found.ids[rows, places], found.scores[rows, places]
