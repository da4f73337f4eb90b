import numpy as np
import pytest

from mmkg.matching import MATCHERS, candidates
from mmkg.matching import sinkhorn as sinkhorn_module
from mmkg.matching.sinkhorn import SinkhornConfig, transported_pairs
from mmkg.search.both_ways import nearest_both_ways
from mmkg.search.vectors import Rows


@pytest.fixture(scope="module")
def sides():
    draw = np.random.default_rng(0)
    left = draw.standard_normal((90, 8)).astype(np.float32)
    return left, (left[:70] + 0.4 * draw.standard_normal((70, 8))).astype(np.float32)


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


@pytest.mark.parametrize("name", ["mutual", "greedy", "sinkhorn", "hungarian"])
@pytest.mark.parametrize("csls_k", [0, 3])
def test_of_many_vectors_the_rows_of_the_pairs_alone_are_read(sides, monkeypatch, name, csls_k):
    found = nearest_both_ways(*sides, 5, csls_k=csls_k, device="cpu")
    given = {"lists": (found.left, found.right), "means": found.means, "k": 5, "csls_k": csls_k, "device": "cpu"}
    expected = MATCHERS[name](*sides, **given)
    monkeypatch.setattr(candidates, "LARGEST_COPY", 0)
    monkeypatch.setattr(candidates, "PAIRS", 7)
    monkeypatch.setattr(Rows, "whole", lambda rows: pytest.fail("all rows were read"))
    got = MATCHERS[name](*(rows.astype(np.float64) for rows in sides), **given)
    assert (got.pairs == expected.pairs).all() and len(got) > 50
    np.testing.assert_allclose(got.score, expected.score, atol=1e-5)
