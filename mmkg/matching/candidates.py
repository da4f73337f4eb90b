"""Candidate lists and pair scores, shared by all matchers."""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from ..compute.devices import resolve_device
from ..errors import InputError
from ..search.index import build_index
from ..search.kind import Searcher
from ..search.means import csls_pair_means
from ..search.neighbors import Neighbors
from ..search.never import NO_PAIRS, allowed
from ..search.vectors import Vectors, check_count, prepare
from ..typing import FloatArray, IntArray

PAIR_BLOCK_BYTES = 64 << 20
Means = tuple[FloatArray, FloatArray]
Indexes = tuple[Searcher, Searcher]


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores of pairs of left and right rows: cosine, or CSLS.

    Args:
        left: unit rows, ``[n1, d]``.
        right: unit rows, ``[n2, d]``.
        left_mean: CSLS mean of each left row, ``[n1]``; ``None`` = plain cosine.
        right_mean: CSLS mean of each right row, ``[n2]``.
        indexes: index of the right rows, for queries from the left, and index of the left rows; ``None`` = built when
            needed.
        never: pairs of rows that are no candidates, int64 ``[W, 2]``.
    """

    left: Tensor
    right: Tensor
    left_mean: Tensor | None
    right_mean: Tensor | None
    indexes: Indexes | None = None
    never: IntArray = field(default_factory=lambda: NO_PAIRS)

    @staticmethod
    def of(
        left: Vectors,
        right: Vectors,
        *,
        csls_k: int,
        device: str | torch.device,
        kind: str = "exact",
        means: Means | None = None,
        indexes: Indexes | None = None,
        never: IntArray | None = None,
    ) -> "Scorer":
        """Check and normalise the vectors; compute the CSLS means if ``csls_k`` > 0 and they are not given."""
        check_count(csls_k, "csls_k", least=0)
        never = NO_PAIRS if never is None else never
        where = resolve_device(device)
        lefts = prepare(left, "left vectors", normalise=True, device=where)
        rights = prepare(right, "right vectors", normalise=True, dim=lefts.shape[1], device=where)
        if csls_k == 0:
            return Scorer(lefts, rights, None, None, indexes, never)
        if means is None:
            means = csls_pair_means(lefts, rights, csls_k, kind=kind, device=where)
        elif means[0].shape != lefts.shape[:1] or means[1].shape != rights.shape[:1]:
            raise InputError(
                f"expected means of {len(lefts)} left and {len(rights)} right rows, "
                f"got {means[0].shape} and {means[1].shape}"
            )
        left_mean, right_mean = (torch.as_tensor(mean, dtype=torch.float32, device=where) for mean in means)
        return Scorer(lefts, rights, left_mean, right_mean, indexes, never)

    def swapped(self) -> "Scorer":
        """The same scorer with left and right exchanged."""
        indexes = None if self.indexes is None else (self.indexes[1], self.indexes[0])
        return Scorer(self.right, self.left, self.right_mean, self.left_mean, indexes, self.never[:, ::-1])

    def pair_scores(self, left: IntArray, right: IntArray) -> FloatArray:
        """Score of each pair (left row, right row), float32 ``[P]``, independent of the other pairs."""
        scores = np.empty(len(left), dtype=np.float32)
        step = max(1, PAIR_BLOCK_BYTES // (4 * self.left.shape[1]))
        for start in range(0, len(left), step):
            rows = torch.from_numpy(left[start : start + step]).to(self.left.device)
            cols = torch.from_numpy(right[start : start + step]).to(self.left.device)
            score = (self.left.index_select(0, rows) * self.right.index_select(0, cols)).sum(dim=1)
            if self.left_mean is not None and self.right_mean is not None:
                score = 2 * score - (self.left_mean[rows] + self.right_mean[cols])
            scores[start : start + step] = score.cpu().numpy()
        return scores

    def cosines(self, left: IntArray, right: IntArray) -> FloatArray:
        """Cosine of each pair, float32 ``[P]``, even if scores are CSLS."""
        return replace(self, left_mean=None, right_mean=None).pair_scores(left, right)

    def nearest(self, k: int, *, kind: str) -> Neighbors:
        """The k best right rows of each left row that are candidates; CSLS scores lack the mean of the left row."""
        queries, base = self.left, self.right
        if self.right_mean is not None:
            queries = torch.cat([2 * queries, queries.new_ones(len(queries), 1)], dim=1)
            base = torch.cat([base, -self.right_mean[:, None]], dim=1)
        if self.indexes is not None:
            index = self.indexes[0]
        else:
            index = build_index(base, kind=kind, metric="ip", device=self.left.device)

        def find(rows: IntArray, number: int) -> Neighbors:
            some = queries if len(rows) == len(queries) else queries[torch.from_numpy(rows).to(queries.device)]
            return index.search(some, min(number, len(base)))

        return allowed(find, np.arange(len(queries)), k, self.never, len(base))


def candidate_pairs(scorer: Scorer, k: int, *, kind: str) -> tuple[IntArray, IntArray, FloatArray]:
    """Left rows, right rows and scores of all pairs on the candidate lists of either side, by row, then by column."""
    rows, cols = listed_pairs(scorer.nearest(k, kind=kind))
    back_cols, back_rows = listed_pairs(scorer.swapped().nearest(k, kind=kind))
    size = len(scorer.right)
    pairs = np.concatenate([rows * size + cols, back_rows * size + back_cols])
    pairs.sort()  # several times faster than np.unique
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    rows, cols = pairs // size, pairs % size
    return rows, cols, scorer.pair_scores(rows, cols)


def listed_pairs(found: Neighbors) -> tuple[IntArray, IntArray]:
    """The (query row, base row) pairs of a search result, without missing neighbours."""
    rows, places = np.nonzero(found.present)
    return rows.astype(np.int64), found.ids[rows, places]
