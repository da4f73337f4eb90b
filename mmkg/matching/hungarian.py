"""The one-to-one matching with the largest total score."""

from typing import Unpack

import numpy as np

from ..compute.host import isolated
from ..errors import Advice, UsageError
from ..search.given import Vectors, check_count
from ..typing import FloatArray, IntArray
from .candidates import Scorer, Scoring, candidate_pairs
from .matcher import Matcher
from .matching import Matching, matching_of

DENSE_BYTES = 4 << 30
WRONG = -1e6  # score of a pair that must not be matched: less than all others can add up to


@isolated
def hungarian(
    left: Vectors,
    right: Vectors,
    *,
    k: int | None = None,
    memory_bytes: int = DENSE_BYTES,
    **scoring: Unpack[Scoring],
) -> Matching:
    """The one-to-one pairs with the largest total score (linear sum assignment).

    Without ``k`` all pairs are candidates, and min(n1, n2) of them are matched. With ``k`` the candidates are the pairs
    on the lists of the k nearest of either side, and the sum of ``score - lowest`` is maximised, where ``lowest`` is
    the lowest possible score, -1 (with CSLS -4). An entity then remains unmatched if all its candidates are matched to
    others.

    Args:
        left: embeddings ``[n1, d]``; compared by cosine.
        right: embeddings ``[n2, d]``.
        k: candidates per entity, >= 1; ``None`` = all, in a dense matrix.
        memory_bytes: limit for the dense score matrix, 8 bytes per pair; the default of 4 GiB allows 23,000 x 23,000.
        scoring: how pairs are scored, and what is known already; without ``k``, scores are exact, and lists are not
            read.

    Raises:
        InputError: vectors that are not finite matrices of one width.
        UsageError: the matrix does not fit the memory, k < 1, ``csls_k`` < 0, unknown kind or device.

    Source:
        Crouse, IEEE TAES 2016 (dense); Jonker and Volgenant, Computing 1987 (sparse); both in SciPy.
    """
    if k is not None:
        check_count(k, "k")
        scorer = Scorer.of(left, right, k, **scoring)
        rows, cols, scores = candidate_pairs(scorer, k)
        chosen = _best_total(rows, cols, scores, *scorer.shape, lowest=-1 if scorer.means is None else -4)
        return matching_of(rows[chosen], cols[chosen], scores[chosen])
    num_left, num_right = len(left), len(right)
    if 8 * num_left * num_right > memory_bytes:
        raise UsageError(
            f"hungarian over all pairs needs a dense matrix of {num_left} x {num_right} scores, "
            f"{8 * num_left * num_right / 2**30:.1f} GiB, and the limit is {memory_bytes / 2**30:.1f} GiB",
            advice=Advice(
                "give k=10 to consider the ten nearest only, use the matcher 'greedy' or 'mutual', or raise "
                "memory_bytes",
                command_line="use the matcher greedy or mutual",
            ),
        )
    scoring["kind"] = "exact"
    scorer = Scorer.of(left, right, **scoring)
    left_rows, right_rows = _best_dense(scorer)
    return matching_of(left_rows, right_rows, scorer.pair_scores(left_rows, right_rows))


def _best_dense(scorer: Scorer) -> tuple[IntArray, IntArray]:
    from scipy.optimize import linear_sum_assignment

    from ..search.tiles import score_tiles

    scores = np.empty(scorer.shape, dtype=np.float64)
    for start, tile in score_tiles(scorer.left, scorer.right):
        scores[start : start + len(tile)] = tile.cpu().numpy()
    if scorer.means is not None:
        scores *= 2
        scores -= scorer.means[0][:, None]
        scores -= scorer.means[1][None, :]
    left, right = scorer.never.T
    scores[left, right] = WRONG
    rows, cols = linear_sum_assignment(scores, maximize=True)
    kept = scores[rows, cols] > WRONG
    return rows[kept].astype(np.int64), cols[kept].astype(np.int64)


def _best_total(
    rows: IntArray, cols: IntArray, scores: FloatArray, num_left: int, num_right: int, *, lowest: float
) -> IntArray:
    """The pairs to match so that the total of ``score - lowest`` is largest, as positions in ``rows``."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    alone = np.arange(num_left)  # each left row can take a dummy column instead, at the lowest score
    costs = np.concatenate([-scores.astype(np.float64), np.full(num_left, -lowest)]) + (1 - 2 * lowest)  # all > 0
    ends = np.concatenate([rows, alone]), np.concatenate([cols, num_right + alone])
    graph = csr_array((costs, ends), shape=(num_left, num_right + num_left))
    taken_rows, taken_cols = min_weight_full_bipartite_matching(graph)
    taken = taken_rows[taken_cols < num_right] * num_right + taken_cols[taken_cols < num_right]
    places: IntArray = np.searchsorted(rows * num_right + cols, taken.astype(np.int64))
    return places


MATCHER = Matcher(hungarian, lists=True)
