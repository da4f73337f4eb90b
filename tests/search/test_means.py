import numpy as np
import pytest

from mmkg.errors import UsageError
from mmkg.search import Neighbors
from mmkg.search.means import csls_means, csls_pair_means, mean_scores


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


@pytest.mark.parametrize("kind", ["auto", "exact", "flat"])
def test_means_of_both_sides_are_those_of_each(kind):
    rng = np.random.default_rng(1)
    left, right = rng.standard_normal((9, 4)), rng.standard_normal((23, 4))
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (left, right)]
    cosine = unit[0] @ unit[1].T
    for k in (1, 3, 12):
        found = csls_pair_means(left, right, k, kind=kind)
        assert found[0] == pytest.approx(np.sort(cosine, axis=1)[:, -k:].mean(axis=1), abs=1e-6)
        assert found[1] == pytest.approx(np.sort(cosine, axis=0)[-k:].mean(axis=0), abs=1e-6)


def test_a_neighbourhood_of_nobody_is_refused():
    for kind in ("exact", "flat"):
        with pytest.raises(UsageError, match="k"):
            csls_pair_means(np.eye(3), np.eye(3), 0, kind=kind)
