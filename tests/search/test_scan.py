"""Exact search without an index."""

import numpy as np
import pytest

from mmkg.search import build_index
from mmkg.search.scan import MOST_QUERIES, MOST_SCORES, can_scan, scan


def unit(number, dim, seed=0, dtype=np.float32):
    rows = np.random.default_rng(seed).standard_normal((number, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(dtype)


def naive(queries, base, k, penalty=None):
    """Ids in the order (-score, id), by a loop over all pairs."""
    found = []
    for query in queries.astype(np.float64):
        scores = [float(query @ row) for row in base.astype(np.float64)]
        if penalty is not None:
            scores = [2 * score - float(least) for score, least in zip(scores, penalty, strict=True)]
        found.append(sorted(range(len(base)), key=lambda row, scores=scores: (-scores[row], row))[:k])
    return found


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("csls", [False, True])
@pytest.mark.parametrize("few", [True, False])
def test_it_finds_what_a_loop_finds(monkeypatch, dtype, csls, few):
    for name in ("BLOCK_BYTES", "TILE_BYTES"):
        monkeypatch.setattr(f"mmkg.search.scan.{name}", 4 * 7 * 11)  # blocks of 11 rows
    if not few:
        monkeypatch.setattr("mmkg.search.scan.MOST_QUERIES", 0)
    queries, base = unit(5, 7), unit(101, 7, 1, dtype)
    penalty = np.random.default_rng(2).random(101).astype(np.float32) if csls else None
    for k in (1, 4, 101):
        assert scan(queries, base, k, penalty=penalty).ids.tolist() == naive(queries, base, k, penalty)


def test_scores_are_those_of_an_index():
    queries, base = unit(3, 20), unit(500, 20, 1)
    expected = build_index(base, kind="exact").search(queries, 6)
    found = scan(queries, base, 6)
    assert np.array_equal(found.ids, expected.ids)
    assert np.allclose(found.scores, expected.scores, atol=1e-6)


def test_equal_rows_have_equal_scores_and_the_lowest_ids_win():
    """Of 1,000 copies in every place of a block, whose products may differ in the last bit."""
    row = unit(1, 33, 3)
    base = np.concatenate([unit(500, 33, 4), np.repeat(row, 1000, axis=0), -row])
    for queries in (row, np.repeat(row, 3, axis=0), np.concatenate([unit(2, 33, 5), row])):
        found = scan(queries, base, 7)
        assert found.ids[-1].tolist() == list(range(500, 507))
        assert len(set(found.scores[-1].tolist())) == 1


def test_rows_of_zeros_score_zero():
    found = scan(unit(2, 4), np.zeros((6, 4), np.float32), 6)
    assert found.ids.tolist() == [[0, 1, 2, 3, 4, 5]] * 2 and not found.scores.any()


def test_neither_argument_is_written_to():
    queries, base, penalty = unit(2, 4), unit(9, 4, 1), np.ones(9, np.float32)
    for each in (queries, base, penalty):
        each.setflags(write=False)
    assert scan(queries, base, 2, penalty=penalty).ids.shape == (2, 2)


@pytest.mark.parametrize(
    ("number", "size", "can"),
    [(1, MOST_SCORES, True), (2, MOST_SCORES, False), (MOST_QUERIES, 10, True), (MOST_QUERIES + 1, 10, False)],
)
def test_many_queries_are_not_scanned(number, size, can):
    assert can_scan(number, size) is can
