import logging

import numpy as np
import pytest
from joint_rows import PARTS, joint

from mmkg.errors import InputError
from mmkg.search import shared_lists
from mmkg.search.config import IndexConfig
from mmkg.search.shared_lists import neighbors_by_shared_lists

NO_NEIGHBOURS = 9  # a row of zeros


def naive(queries, base, k):
    """Ids and cosines of the k nearest, from the scores of all pairs in float64."""
    scores = queries.astype(np.float64) @ base.T.astype(np.float64)
    ids = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return ids, np.take_along_axis(scores, ids, axis=1)


@pytest.fixture(scope="module")
def sides():
    return joint(3000)


def search(sides, k, **options):
    return neighbors_by_shared_lists(*sides, k, config=IndexConfig(parts=PARTS, **options))


def test_in_one_list_all_rows_meet_and_the_answers_are_exact():
    left, right = joint(400)
    right = right[:350]
    there, back = search((left, right), 5, nlist=1, nprobe=1)
    for found, queries, base in ((there, left, right), (back, right, left)):
        ids, scores = naive(queries, base, 5)
        assert (found.ids == ids).mean() > 0.999  # some pairs without a common part are among the best
        np.testing.assert_allclose(found.scores, scores, atol=1e-5)


def test_all_lists_or_few_rows_each_pair_is_found_once_and_by_both_sides(sides):
    there, back = search(sides, 6, nlist=30, nprobe=3)
    for found in (there, back):
        for row in found.ids[:300]:
            listed = row[row >= 0]
            assert len(set(listed.tolist())) == len(listed)
    for row, (ids, scores) in enumerate(zip(there.ids[:300], there.scores[:300], strict=True)):
        for other, score in zip(ids[ids >= 0], scores, strict=False):
            assert row in back.ids[other] or back.scores[other, -1] >= score


def test_rows_that_do_not_find_each_other_are_met_in_more_lists(sides, monkeypatch):
    nearest = [naive(*each, 1)[0][:, 0] for each in (sides, sides[::-1])]
    products = []
    plain = shared_lists.add_product
    monkeypatch.setattr(
        shared_lists, "add_product", lambda out, *args, **kw: products.append(out.numel()) or plain(out, *args, **kw)
    )
    recall, scored = {}, {}
    for nprobe in (1, None):
        products.clear()
        found = search(sides, 2, nprobe=nprobe, nlist=100)
        recall[nprobe] = np.mean([(a.ids[:, 0] == b).mean() for a, b in zip(found, nearest, strict=True)])
        scored[nprobe] = sum(products) / 3000**2
    assert recall[None] > 0.97 > recall[1] + 0.01
    assert scored[None] < 0.6  # of all pairs, for both directions


def test_one_equal_part_is_enough_to_meet():
    rng = np.random.default_rng(1)
    left = rng.standard_normal((600, sum(PARTS)), dtype=np.float32)
    right = rng.standard_normal((600, sum(PARTS)), dtype=np.float32)
    start = sum(PARTS[:1])
    right[:, start : start + PARTS[1]] = left[:, start : start + PARTS[1]] = 3 * left[:, start : start + PARTS[1]]
    there, back = search((left, right), 3, nlist=20, nprobe=1)
    ids, scores = naive(*(rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (left, right)), 600)
    for row in range(0, 600, 7):
        assert row in there.ids[row] or there.scores[row, -1] >= scores[row, ids[row].tolist().index(row)] - 1e-5
        assert row in back.ids[row] or back.scores[row, -1] >= scores[row, ids[row].tolist().index(row)] - 1e-5


def test_rows_that_are_equal_in_a_part_do_not_all_meet(monkeypatch):
    """Half of the entities have one relation alone and so the same part; their other parts find them."""
    left, right = joint(2000, missing=0)
    for rows in (left, right):
        rows[::2, : PARTS[0]] = rows[0, : PARTS[0]]
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    products, plain = [], shared_lists.add_product

    def counted(out, *factors, **options):
        products.append(out.numel())
        return plain(out, *factors, **options)

    monkeypatch.setattr(shared_lists, "add_product", counted)
    there, _ = search((left, right), 2, nlist=100, nprobe=2)
    assert sum(products) < 0.25 * 2000**2  # those of equal parts alone would be twice a quarter of all pairs
    assert (there.ids[::2, 0] == naive(left[::2], right, 1)[0][:, 0]).mean() > 0.9


def test_a_row_of_zeros_has_no_neighbours_and_is_none():
    left, right = joint(300)
    left[NO_NEIGHBOURS] = right[4] = 0
    for nprobe in (2, None):
        there, back = search((left, right), 3, nlist=5, nprobe=nprobe)
        assert there.ids[NO_NEIGHBOURS].tolist() == [-1] * 3 and back.ids[4].tolist() == [-1] * 3
        assert np.isneginf(there.scores[NO_NEIGHBOURS]).all()
        assert NO_NEIGHBOURS not in back.ids and 4 not in there.ids


def test_length_and_type_of_the_rows_do_not_matter_and_they_stay_as_they_are(sides):
    half = [rows[:500].astype(np.float16) for rows in sides]
    longer = [rows.astype(np.float32) * 3 for rows in half]
    before = [rows.copy() for rows in half]
    one, other = (search(each, 4, nlist=20) for each in (half, longer))
    for a, b in zip(one, other, strict=True):
        assert (a.ids == b.ids).mean() > 0.99  # rounding may swap two that are equally near
        np.testing.assert_allclose(a.scores[:, 0], b.scores[:, 0], atol=1e-4)
    assert all((a == b).all() for a, b in zip(half, before, strict=True))


def test_what_cannot_be_found_is_reported(caplog):
    rng = np.random.default_rng(0)
    sides = [rng.standard_normal((3000, 13), dtype=np.float32) for _ in range(2)]  # nothing in common
    with caplog.at_level(logging.WARNING):
        search(sides, 1, nlist=1500)
    assert "of 1000 sampled entities" in caplog.text and "of 1500 lists of each part" in caplog.text


def test_bad_vectors_are_refused(sides):
    broken = sides[1].copy()
    broken[7, 2] = np.nan
    with pytest.raises(InputError, match="right vectors must be finite.*first row 7"):
        search((sides[0], broken), 2)
    with pytest.raises(InputError, match="right vectors must have width 13"):
        search((sides[0], broken[:, :12]), 2)
