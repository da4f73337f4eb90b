import numpy as np
import pytest

from mmkg.search.both_ways import nearest_both_ways
from mmkg.search.listed import listed_by_index


@pytest.fixture(scope="module")
def sides():
    draw = np.random.default_rng(0)
    left = draw.standard_normal((90, 8)).astype(np.float32)
    return left, (left[:70] + 0.4 * draw.standard_normal((70, 8))).astype(np.float32)


@pytest.mark.parametrize("csls_k", [0, 3])
def test_an_exact_index_finds_what_the_scores_of_all_pairs_give(sides, csls_k):
    expected = nearest_both_ways(*sides, 4, csls_k=csls_k, device="cpu")
    found = listed_by_index(*sides, 4, csls_k=csls_k, device="cpu", kind="exact")
    for one, other in ((found.left, expected.left), (found.right, expected.right)):
        same = (one.ids == other.ids).mean()
        assert same == 1 if csls_k == 0 else same > 0.97  # by CSLS, some of the best are not among the 8 by cosine
        np.testing.assert_allclose(one.scores[:, 0], other.scores[:, 0], atol=1e-5)
    assert (found.means is None) == (csls_k == 0)
    if found.means is not None and expected.means is not None:
        for mean, other_mean in zip(found.means, expected.means, strict=True):
            np.testing.assert_allclose(mean, other_mean, atol=1e-6)
