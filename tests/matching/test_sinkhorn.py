import numpy as np
import pytest
from pretend_cuda import pretended

from mmkg.errors import InputError, UsageError
from mmkg.matching import MATCHERS, SinkhornConfig
from mmkg.matching.sinkhorn import sinkhorn, transport, transported_pairs


def normal(seed, n, d):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def cosines(left, right):
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (left.astype(float), right.astype(float))]
    return unit[0] @ unit[1].T


def naive_transport(scores, temperature, rounds=5000):  # Cuturi 2013, in turns, until nothing moves
    plan = np.exp(scores / temperature)
    for _ in range(rounds):
        plan /= plan.sum(axis=1, keepdims=True)
        plan /= plan.sum(axis=0, keepdims=True)
    return plan


def listed(scores):
    rows, cols = (places.ravel().astype(np.int64) for places in np.indices(scores.shape))
    return rows, cols, scores.ravel().astype(np.float32)


def test_all_pairs_give_the_doubly_stochastic_plan_of_the_dense_method():
    scores = np.random.default_rng(0).uniform(-1, 1, (7, 7))
    rows, cols, values = listed(scores)
    found = np.exp(transport(rows, cols, values, (7, 7), temperature=0.3, iterations=2000)).reshape(7, 7)
    np.testing.assert_allclose(found, naive_transport(values.reshape(7, 7), 0.3), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_one_step_goes_half_the_way_to_either_normalisation():
    values = np.array([[0.2, 0.1], [0.0, 0.3]])
    rows, cols, flat = listed(values)
    plan = np.exp(flat.reshape(2, 2).astype(float) / 0.5)
    expected = plan / np.sqrt(plan.sum(axis=1, keepdims=True) * plan.sum(axis=0, keepdims=True))
    found = transport(rows, cols, flat, (2, 2), temperature=0.5, iterations=1)
    np.testing.assert_allclose(np.exp(found).reshape(2, 2), expected, rtol=1e-6)


def test_more_rows_on_one_side_share_what_the_other_has():
    rows, cols, values = listed(np.random.default_rng(1).uniform(-1, 1, (4, 6)))
    plan = np.exp(transport(rows, cols, values, (4, 6), temperature=0.5, iterations=2000)).reshape(4, 6)
    np.testing.assert_allclose(plan.sum(axis=1), np.sqrt(6 / 4), rtol=1e-6)
    np.testing.assert_allclose(plan.sum(axis=0), np.sqrt(4 / 6), rtol=1e-6)


def test_what_is_not_listed_weighs_nothing_and_a_row_without_a_list_is_no_error():
    rows, cols = np.array([0, 0, 2]), np.array([0, 1, 1])
    found = transport(rows, cols, np.zeros(3, np.float32), (4, 3), iterations=3)
    assert found.shape == (3,) and np.isfinite(found).all()
    assert transport(rows[:0], cols[:0], np.zeros(0, np.float32), (4, 3)).shape == (0,)


def test_the_order_in_which_pairs_are_listed_changes_nothing():
    rows, cols, values = listed(np.random.default_rng(2).uniform(-1, 1, (5, 5)))
    order = np.random.default_rng(3).permutation(25)
    plain = transport(rows, cols, values, (5, 5))
    np.testing.assert_allclose(transport(rows[order], cols[order], values[order], (5, 5)), plain[order], rtol=1e-9)


@pytest.mark.parametrize("pairs", [40, 1, 0])
def test_a_gpu_transports_as_the_cpu(pairs):
    rng = np.random.default_rng(4)
    places = rng.permutation(9 * 8)[:pairs]
    rows, cols, values = *np.divmod(places, 8), rng.uniform(-1, 1, pairs).astype(np.float32)
    with pretended():
        found = transport(rows, cols, values, (9, 8), device="cuda")
    np.testing.assert_allclose(found, transport(rows, cols, values, (9, 8)), rtol=1e-12)


def test_a_tiny_temperature_does_not_overflow_and_finds_the_best_total():
    from scipy.optimize import linear_sum_assignment

    scores = np.random.default_rng(4).uniform(-1, 1, (8, 8))
    rows, cols, values = listed(scores)
    plan = transport(rows, cols, values, (8, 8), temperature=1e-3, iterations=3000).reshape(8, 8)
    assert np.isfinite(plan).all()
    assert plan.argmax(axis=1).tolist() == linear_sum_assignment(scores, maximize=True)[1].tolist()


def crossed():
    """Left 0 is nearer to right 1 than to its own right 0, and so is left 1, whose only choice right 1 is."""
    angles = {"left": [0.0, 0.50], "right": [-0.40, 0.24]}
    return [np.array([[np.cos(a), np.sin(a)] for a in angles[side]], dtype=np.float32) for side in ("left", "right")]


def test_the_assignment_wins_where_the_greedy_choice_loses():
    left, right = crossed()
    scores = cosines(left, right)
    assert scores[0, 1] == scores.max()  # greedy takes this pair and leaves left 1 with right 0
    assert scores[0, 0] + scores[1, 1] > scores[0, 1] + scores[1, 0]
    assert MATCHERS["greedy"](left, right, k=2, csls_k=0, device="cpu").right.tolist() == [1, 0]
    assert sinkhorn(left, right, k=2, csls_k=0, device="cpu", iterations=300).right.tolist() == [0, 1]


@pytest.mark.parametrize("csls_k", [0, 3])
def test_k_of_all_rows_is_the_dense_transport(csls_k):
    left, right = normal(5, 20, 4), normal(6, 20, 4)
    plan = naive_transport(cosines(left, right), 0.1)
    best = {(i, int(plan[i].argmax())) for i in range(20) if plan[:, plan[i].argmax()].argmax() == i}
    got = sinkhorn(left, right, k=20, csls_k=csls_k, device="cpu", temperature=0.1, iterations=3000)
    assert set(map(tuple, got.pairs.tolist())) == best


def test_its_scores_are_those_of_the_other_matchers():
    left = normal(7, 30, 6)
    right = left + 0.1 * normal(8, 30, 6)
    ours, theirs = (MATCHERS[name](left, right, csls_k=3, device="cpu") for name in ("sinkhorn", "mutual"))
    assert ours.pairs.tolist() == theirs.pairs.tolist()
    np.testing.assert_array_equal(ours.score, theirs.score)


def test_the_weights_to_rank_by_are_those_of_the_matcher():
    left, right = normal(9, 12, 5), normal(10, 15, 5)
    rows, cols, weights = transported_pairs(left, right, SinkhornConfig(k=4), device="cpu")
    best = {int(row): int(cols[rows == row][weights[rows == row].argmax()]) for row in np.unique(rows)}
    matching = sinkhorn(left, right, k=4, device="cpu")
    assert len(matching) > 3 and all(best[i] == j for i, j in matching.pairs.tolist())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0}, "temperature: input should be greater than 0, got 0"),
        ({"temperature": float("nan")}, "temperature: input should be .*, got nan"),
        ({"iterations": 0}, "iterations"),
        ({"k": 0}, "k"),
    ],
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        sinkhorn(normal(0, 3, 2), normal(1, 3, 2), device="cpu", **options)
    with pytest.raises(UsageError, match=message):
        SinkhornConfig(**options)


def test_columns_that_do_not_fit_and_scores_that_are_not_finite_are_refused():
    rows = np.array([0, 1])
    with pytest.raises(InputError, match="columns of one length"):
        transport(rows, rows, np.zeros(3, np.float32), (2, 2))
    with pytest.raises(InputError, match="finite"):
        transport(rows, rows, np.array([0, np.nan], np.float32), (2, 2))
