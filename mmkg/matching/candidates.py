"""Candidate lists and pair scores, shared by all matchers."""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from ..compute.devices import resolve_device
from ..compute.products import pair_products
from ..errors import InputError
from ..search.both_ways import both_ways_of_rows
from ..search.index import LONGEST, build_index, scores_all_pairs
from ..search.kind import Searcher
from ..search.means import csls_pair_means
from ..search.neighbors import Neighbors
from ..search.never import NO_PAIRS, allowed
from ..search.vectors import Rows, Vectors, check_count
from ..typing import FloatArray, IntArray

LARGEST_COPY = 1 << 30  # bytes of unit rows in memory; of more rows, those of the pairs are read, block by block
PAIRS = 1 << 14

Means = tuple[FloatArray, FloatArray]
Indexes = tuple[Searcher, Searcher]
Lists = tuple[Neighbors, Neighbors]


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores of pairs of left and right rows: cosine, or CSLS.

    Args:
        sides: the left rows ``[n1, d]`` and the right rows ``[n2, d]``, read as unit rows.
        left_mean: CSLS mean of each left row, ``[n1]``; ``None`` = plain cosine.
        right_mean: CSLS mean of each right row, ``[n2]``.
        indexes: index of the right rows, for queries from the left, and index of the left rows; ``None`` = built when
            needed.
        lists: nearest right rows of each left row, and nearest left rows of each right row, by the same measure;
            ``None`` = searched when needed.
        never: pairs of rows that are no candidates, int64 ``[W, 2]``.
    """

    sides: tuple[Rows, Rows]
    left_mean: Tensor | None
    right_mean: Tensor | None
    indexes: Indexes | None = None
    lists: Lists | None = None
    never: IntArray = field(default_factory=lambda: NO_PAIRS)

    @staticmethod
    def of(
        left: Vectors,
        right: Vectors,
        *,
        csls_k: int,
        device: str | torch.device,
        kind: str = "exact",
        k: int | None = None,
        means: Means | None = None,
        indexes: Indexes | None = None,
        lists: Lists | None = None,
        never: IntArray | None = None,
    ) -> "Scorer":
        """Check and normalise the vectors; compute the CSLS means if ``csls_k`` > 0 and they are not given.

        The ``k`` nearest rows of both sides are found together with the means if the index kind scores all pairs.
        """
        check_count(csls_k, "csls_k", least=0)
        never = NO_PAIRS if never is None else never
        where = resolve_device(device)
        lefts = Rows(left, "left vectors", normalise=True, device=where)
        rights = Rows(right, "right vectors", normalise=True, dim=lefts.dim, device=where)
        if lists is not None and (len(lists[0]), len(lists[1])) != (len(lefts), len(rights)):
            raise InputError(
                f"expected the neighbours of {len(lefts)} left and {len(rights)} right rows, "
                f"got those of {len(lists[0])} and {len(lists[1])}"
            )
        largest = max(len(lefts), len(rights))
        if lists is None and indexes is None and k is not None and k <= LONGEST:
            if scores_all_pairs(kind, largest, where.type):
                found = both_ways_of_rows(lefts.whole(), rights.whole(), k, csls_k=csls_k, means=means)
                lists, means = (found.left, found.right), found.means
        if csls_k == 0:
            return Scorer((lefts, rights), None, None, indexes, lists, never)
        if means is None:
            means = csls_pair_means(lefts.whole(), rights.whole(), csls_k, kind=kind, device=where)
        elif (means[0].shape, means[1].shape) != ((len(lefts),), (len(rights),)):
            raise InputError(
                f"expected means of {len(lefts)} left and {len(rights)} right rows, "
                f"got {means[0].shape} and {means[1].shape}"
            )
        left_mean, right_mean = (torch.as_tensor(mean, dtype=torch.float32, device=where) for mean in means)
        return Scorer((lefts, rights), left_mean, right_mean, indexes, lists, never)

    @property
    def left(self) -> Tensor:
        """The left rows, of unit length."""
        return self.sides[0].whole()

    @property
    def right(self) -> Tensor:
        """The right rows, of unit length."""
        return self.sides[1].whole()

    @property
    def shape(self) -> tuple[int, int]:
        """Number of left and of right rows."""
        return len(self.sides[0]), len(self.sides[1])

    def swapped(self) -> "Scorer":
        """The same scorer with left and right exchanged."""
        indexes = None if self.indexes is None else (self.indexes[1], self.indexes[0])
        lists = None if self.lists is None else (self.lists[1], self.lists[0])
        return Scorer(self.sides[::-1], self.right_mean, self.left_mean, indexes, lists, self.never[:, ::-1])

    def pair_scores(self, left: IntArray, right: IntArray) -> FloatArray:
        """Score of each pair (left row, right row), float32 ``[P]``, independent of the other pairs."""
        rows, cols = (torch.from_numpy(each).to(self.sides[0].device) for each in (left, right))
        if 4 * sum(self.shape) * self.sides[0].dim > LARGEST_COPY:
            scores = torch.empty(len(left))
            for start in range(0, len(left), PAIRS):
                some = slice(start, start + PAIRS)
                scores[some] = (self.sides[0].take(left[some]) * self.sides[1].take(right[some])).sum(dim=1)
        else:
            scores = pair_products(self.left, self.right, rows, cols)
        if self.left_mean is not None and self.right_mean is not None:
            scores = 2 * scores - (self.left_mean[rows] + self.right_mean[cols])
        found: FloatArray = scores.cpu().numpy()
        return found

    def cosines(self, left: IntArray, right: IntArray) -> FloatArray:
        """Cosine of each pair, float32 ``[P]``, even if scores are CSLS."""
        return replace(self, left_mean=None, right_mean=None).pair_scores(left, right)

    def nearest(self, k: int, *, kind: str) -> Neighbors:
        """The k best right rows of each left row that are candidates; scores order those of one left row only."""
        listed = None if self.lists is None else self.lists[0]
        index = None if self.indexes is None else self.indexes[0]

        def find(rows: IntArray, number: int) -> Neighbors:
            nonlocal index
            number = min(number, self.shape[1])
            if listed is not None and number <= listed.ids.shape[1]:
                return Neighbors(listed.ids[rows, :number], listed.scores[rows, :number])
            index = self._index(kind) if index is None else index
            every = len(rows) == self.shape[0]
            queries = self.sides[0].whole() if every else self.sides[0].take(rows)
            if self.right_mean is not None:
                queries = torch.cat([2 * queries, queries.new_ones(len(queries), 1)], dim=1)
            return index.search(queries, number)

        return allowed(find, np.arange(self.shape[0]), k, self.never, self.shape[1])

    def _index(self, kind: str) -> Searcher:
        """An index of the right rows; with CSLS, of the vectors of ``csls_augment``."""
        base = self.right
        if self.right_mean is not None:
            base = torch.cat([base, -self.right_mean[:, None]], dim=1)
        return build_index(base, kind=kind, metric="ip", device=self.sides[0].device)


def candidate_pairs(scorer: Scorer, k: int, *, kind: str) -> tuple[IntArray, IntArray, FloatArray]:
    """Left rows, right rows and scores of all pairs on the candidate lists of either side, by row, then by column."""
    rows, cols = listed_both_ways(scorer, k, kind=kind)
    return rows, cols, scorer.pair_scores(rows, cols)


def listed_both_ways(scorer: Scorer, k: int, *, kind: str) -> tuple[IntArray, IntArray]:
    """``candidate_pairs`` without their scores."""
    rows, cols = listed_pairs(scorer.nearest(k, kind=kind))
    back_cols, back_rows = listed_pairs(scorer.swapped().nearest(k, kind=kind))
    size = scorer.shape[1]
    pairs = np.concatenate([rows * size + cols, back_rows * size + back_cols])
    pairs.sort()  # several times faster than np.unique
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    return pairs // size, pairs % size


def listed_pairs(found: Neighbors) -> tuple[IntArray, IntArray]:
    """The (query row, base row) pairs of a search result, without missing neighbours."""
    rows, places = np.nonzero(found.present)
    return rows.astype(np.int64), found.ids[rows, places]
