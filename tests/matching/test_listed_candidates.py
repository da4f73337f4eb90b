import numpy as np
import pytest

from mmkg.matching import sinkhorn as sinkhorn_module
from mmkg.matching.listed import listed_by_index
from mmkg.matching.sinkhorn import SinkhornConfig, transported_pairs
from mmkg.search.both_ways import nearest_both_ways


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


def test_candidates_of_many_rows_come_from_an_index(sides, monkeypatch):
    config = SinkhornConfig(k=4)
    exact = transported_pairs(*sides, config, device="cpu")
    monkeypatch.setattr(sinkhorn_module, "LARGEST_EXACT", 10)
    rows, cols, weights = transported_pairs(*sides, config, device="cpu")
    listed = set(zip(exact[0].tolist(), exact[1].tolist(), strict=True))
    found = set(zip(rows.tolist(), cols.tolist(), strict=True))
    assert len(found & listed) > 0.97 * len(listed)
    best = {row: col for row, col, weight in zip(rows, cols, weights, strict=True) if weight > np.log(0.5)}
    assert sum(row == col for row, col in best.items()) > 60  # of 70 pairs
