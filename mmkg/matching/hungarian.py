"""The one-to-one matching of the largest total score."""

import numpy as np
import torch

from ..errors import UsageError
from ..search.tiles import score_tiles
from ..search.vectors import Vectors, check_count
from .candidates import Means, Scorer
from .matching import Matching, matching_of

DENSE_BUDGET = 4 << 30


def hungarian(
    left: Vectors,
    right: Vectors,
    *,
    k: int | None = None,
    csls_k: int = 3,
    kind: str = "exact",
    device: str | torch.device = "auto",
    means: Means | None = None,
    budget_bytes: int = DENSE_BUDGET,
) -> Matching:
    """Match min(n1, n2) pairs so that the sum of their scores is largest (linear sum assignment).

    Args:
        left: embeddings ``[n1, d]``; compared by cosine.
        right: embeddings ``[n2, d]``.
        k: accepted as every matcher does; all pairs are considered.
        csls_k: neighbourhood size of CSLS, 0 = off.
        kind: accepted as every matcher does; the scores are exact.
        device: where the scores are computed: ``auto``, ``cpu`` or ``cuda``.
        means: CSLS means of the left rows ``[n1]`` and the right rows ``[n2]``, where they are known already.
        budget_bytes: memory for the dense score matrix, 8 bytes a pair; the default of 4 GiB holds
            23,000 x 23,000.

    Raises:
        InputError: vectors that are not finite matrices of one width.
        UsageError: the matrix does not fit the budget, k < 1, ``csls_k`` < 0, unknown device.
    """
    from scipy.optimize import linear_sum_assignment

    if k is not None:
        check_count(k, "k")
    scorer = Scorer.of(left, right, csls_k=csls_k, device=device, means=means)
    rows, cols = len(scorer.left), len(scorer.right)
    if 8 * rows * cols > budget_bytes:
        raise UsageError(
            f"hungarian needs a dense matrix of {rows} x {cols} scores, {8 * rows * cols / 2**30:.1f} GiB, and may "
            f"take {budget_bytes / 2**30:.1f} GiB; use the matcher 'greedy' or 'mutual', or raise budget_bytes"
        )
    scores = np.empty((rows, cols), dtype=np.float64)
    for start, tile in score_tiles(scorer.left, scorer.right):
        scores[start : start + len(tile)] = tile.cpu().numpy()
    if scorer.left_mean is not None and scorer.right_mean is not None:
        scores *= 2
        scores -= scorer.left_mean.cpu().numpy()[:, None]
        scores -= scorer.right_mean.cpu().numpy()[None, :]
    left_rows, right_rows = linear_sum_assignment(scores, maximize=True)
    left_rows, right_rows = left_rows.astype(np.int64), right_rows.astype(np.int64)
    return matching_of(left_rows, right_rows, scorer.pair_scores(left_rows, right_rows))
