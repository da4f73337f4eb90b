import numpy as np
import pytest

from mmkg.search import Neighbors
from mmkg.search.means import csls_means, mean_scores


def test_means_are_those_of_the_k_largest_cosines():
    rng = np.random.default_rng(0)
    queries, base = rng.standard_normal((7, 5)), rng.standard_normal((30, 5))
    cosines = [[q @ b / np.linalg.norm(q) / np.linalg.norm(b) for b in base] for q in queries]
    for k in (1, 3, 30, 40):
        expected = [np.mean(sorted(row)[-k:]) for row in cosines]
        for kind in ("auto", "exact", "flat"):
            assert csls_means(queries, base, k, kind=kind) == pytest.approx(expected, abs=1e-6)


def test_neighbours_that_were_not_found_do_not_count():
    found = Neighbors(
        np.array([[4, 2, -1], [-1, -1, -1]]),
        np.array([[0.5, 0.25, -np.inf], [-np.inf, -np.inf, -np.inf]], np.float32),
    )
    assert mean_scores(found).tolist() == [0.375, 0.0]
