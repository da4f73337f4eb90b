from dataclasses import replace

import numpy as np
import pytest
from small_pairs import graph

from mmkg.data.features.evidence import RESOLUTIONS, value_evidence
from mmkg.data.task import AlignmentTask, LinkSplit

NONE = np.empty((0, 2), np.int64)


def pair(left, right, train=0, total=None):
    """Entity i is entity i; the first ``train`` links are for training."""
    links = np.stack([np.arange(total or train)] * 2, axis=1).reshape(-1, 2)
    return AlignmentTask(left, right, LinkSplit(links[:train], NONE, links[train:]))


def numbers_pair(left, right, train, names=("area", "surface")):
    size = len(left)
    sides = [
        graph(size, facts=[(i, name, str(number)) for i, number in enumerate(numbers)])
        for name, numbers in zip(names, (left, right), strict=True)
    ]
    return pair(*sides, train=train, total=size)


def products(evidence, size):
    return (evidence.matrix[:size] @ evidence.matrix[size:].T).toarray()


def planted(seed=0, size=400):
    return np.round(np.exp(np.random.default_rng(seed).normal(3, 2, size)), 4)


def test_attributes_of_other_names_and_units_are_found_by_training_links():
    numbers = planted()
    task = numbers_pair(numbers * 1e6, numbers, train=60)
    evidence = value_evidence(task)
    (found,) = evidence.comparisons
    assert (found.left, found.right, found.numeric, found.links) == ("area", "surface", True, 60)
    assert found.factor == pytest.approx(1e6) and min(found.agreement) > 0.9
    scores = products(evidence, 400)
    assert (scores.argmax(axis=1) == np.arange(400)).mean() > 0.95


def test_values_that_agree_by_chance_alone_are_not_compared():
    numbers = planted()
    found = value_evidence(numbers_pair(numbers, np.random.default_rng(1).permutation(numbers), train=60))
    assert found.comparisons == () and found.matrix.nnz == 0 and found.matrix.shape == (800, 1)


def test_test_and_validation_links_are_not_read():
    numbers = planted()
    task = numbers_pair(numbers, numbers, train=60)
    rest = task.links.test
    shuffled = np.stack([rest[:, 0], np.random.default_rng(2).permutation(rest[:, 1])], axis=1)
    other = replace(task, links=LinkSplit(task.links.train, shuffled[:100], shuffled[100:]))
    one, two = value_evidence(task), value_evidence(other)
    assert one.comparisons == two.comparisons and (one.matrix != two.matrix).nnz == 0


def test_a_resolution_at_which_the_graphs_do_not_agree_weighs_nothing():
    """Right numbers are left ones up to a tenth: coarse bins agree, the finest do not."""
    numbers = planted(size=1500)
    noisy = numbers * np.exp(np.random.default_rng(3).normal(0, 0.1, 1500))
    (found,) = value_evidence(numbers_pair(numbers, noisy, train=300)).comparisons
    assert len(found.agreement) == 2 * len(RESOLUTIONS) + 1
    assert found.agreement[0] > 0.85 and found.agreement[4] < found.agreement[2] < found.agreement[0]
    assert max(found.agreement[-3:]) < 0.1


def test_the_nearer_two_numbers_are_the_larger_is_their_product():
    numbers = np.arange(1000) / 10 + 1
    scores = products(value_evidence(numbers_pair(numbers, numbers, train=200)), 1000)
    means = [np.mean([scores[i, i + step] for i in range(300)]) for step in (0, 1, 5, 30, 200, 600)]
    assert means == sorted(means, reverse=True) and means[0] == pytest.approx(1, abs=0.02) and means[-1] < 0.05


def test_dates_and_years_with_fractions_are_compared():
    months = np.random.default_rng(4).permutation(400)
    dates = [f"{1900 + month // 12}-{month % 12 + 1:02}-01" for month in months.tolist()]
    years = [str(1900 + month / 12) for month in months.tolist()]
    task = numbers_pair(dates, years, train=60, names=("birthDate", "date_of_birth"))
    evidence = value_evidence(task)
    assert evidence.comparisons[0].factor == 1 and evidence.comparisons[0].agreement[-1] > 0.95
    assert (products(evidence, 400).argmax(axis=1) == np.arange(400)).mean() > 0.95


def test_weights_of_texts_without_links_are_those_of_the_formula():
    """Attributes of one name agree in a half of the cases until links say otherwise; see the docstring."""
    left = graph(4, facts=[(0, "kind", "A"), (1, "kind", "a "), (2, "kind", "b"), (3, "kind", "c"), (0, "sort", "x")])
    right = graph(4, facts=[(0, "kind", "a"), (1, "kind", "b"), (0, "sort", "x"), (1, "sort", "y")])
    evidence = value_evidence(pair(left, right))
    kind_chance, sort_chance = 0.5 * 0.5 + 0.25 * 0.5, 1.0 * 0.5
    kind_share = (0.5 - kind_chance) / (1 - kind_chance)
    (found,) = evidence.comparisons  # of the values of sort a half agrees by chance
    assert (found.left, found.links, sort_chance) == ("kind", 0, 0.5)
    assert found.agreement == pytest.approx((kind_share,))


def test_a_rare_text_weighs_more_than_a_common_one():
    left = graph(9, facts=[*((i, "colour", "red") for i in range(8)), (8, "colour", "blue"), (8, "colour", "red")])
    right = graph(2, facts=[(0, "colour", "blue"), (0, "colour", "red"), (1, "colour", "green")])
    row = value_evidence(pair(left, right)).matrix[8].toarray()[0]
    expected = np.sqrt(np.array([np.log(13 / 2), np.log(13 / 10)]))  # of 13 facts 10 are red and 2 blue
    assert np.sort(row)[::-1] / np.linalg.norm(row) == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)


def test_the_length_of_a_row_is_the_share_of_what_singles_out_one_entity():
    """Of 16 entities each half has one of two texts: log 2 nats of log 16, times the share that agrees."""
    facts = [(i, "half", "ab"[i % 2]) for i in range(16)]
    evidence = value_evidence(pair(graph(16, facts=facts), graph(16, facts=facts), train=8, total=16))
    (found,) = evidence.comparisons
    share = ((8 + 2 * 0.5) / (8 + 2) - 0.5) / (
        1 - 0.5
    )  # all 8 links agree, the prior of 2 links by a half, chance a half
    assert found.agreement == pytest.approx((share,))
    lengths = np.asarray(evidence.matrix.multiply(evidence.matrix).sum(axis=1)).ravel()
    assert lengths == pytest.approx([share * np.log(2) / np.log(16)] * 32, rel=1e-5)


def test_swapping_the_graphs_swaps_the_answer():
    numbers = planted(size=200)
    task = numbers_pair(numbers * 1000, numbers, train=50)
    turned = AlignmentTask(task.right, task.left, task.links)
    there, back = value_evidence(task), value_evidence(turned)
    assert back.comparisons[0].factor == pytest.approx(1 / there.comparisons[0].factor)
    assert products(there, 200) == pytest.approx(products(back, 200).T, abs=0.02)


def test_mixed_columns_missing_values_and_empty_graphs_do_no_harm():
    facts = [(0, "size", "12"), (1, "size", "large"), (2, "size", None), (3, "size", "1982-07-01"), (3, "size", "nan")]
    evidence = value_evidence(pair(graph(4, facts=facts), graph(4, facts=facts), train=2, total=4))
    assert np.isfinite(evidence.matrix.data).all()
    lengths = np.asarray(evidence.matrix.multiply(evidence.matrix).sum(axis=1)).ravel()
    assert (lengths[[0, 1, 3]] > 0).all() and lengths[2] == 0 and lengths.max() <= 1 + 1e-6
    assert lengths[:4] == pytest.approx(lengths[4:])
    assert value_evidence(pair(graph(4, facts=facts), graph(3))).matrix.nnz == 0
    assert value_evidence(pair(graph(2), graph(3))).matrix.shape == (5, 1)


def test_of_more_columns_than_asked_for_the_weightiest_stay():
    numbers = planted()
    task = numbers_pair(numbers, numbers, train=60)
    few = value_evidence(task, top=50).matrix
    assert few.shape == (800, 50) and few.getnnz(axis=0).min() > 0
