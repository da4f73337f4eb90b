import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmkg.errors import InputError
from mmkg.evaluation import choose_weights
from mmkg.evaluation.reweigh import LinkScores, above_chance


def unit(*shape, seed):
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=1)


def planted(noise=2.0, size=300, dim=16):
    """Two weak parts that tell different things, and one of noise."""
    left, right = {}, {}
    for number, name in enumerate(("structure", "attribute")):
        left[name] = unit(size, dim, seed=number)
        right[name] = F.normalize(left[name] + noise * unit(size, dim, seed=10 + number), dim=1)
    left["noise"], right["noise"] = unit(size, dim, seed=20), unit(size, dim, seed=21)
    return left, right, np.stack([np.arange(100)] * 2, axis=1)


def hits(left, right, weights):
    joined = [torch.cat([weights[name] * part for name, part in side.items()], dim=1) for side in (left, right)]
    scores = F.normalize(joined[0], dim=1) @ F.normalize(joined[1], dim=1).t()
    return float((scores.argmax(dim=1) == torch.arange(len(scores))).float().mean())


def test_noise_gets_no_weight_and_what_helps_keeps_its_own():
    left, right, pairs = planted()
    weights = choose_weights(left, right, pairs)
    assert weights["noise"] < 0.3  # a cosine counts by the square of its weight
    assert min(weights["structure"], weights["attribute"]) > 0.3
    without = {"structure": 1.0, "attribute": 1.0, "noise": 0.0}
    assert hits(left, right, weights) > hits(left, right, dict.fromkeys(weights, 1.0)) + 0.02
    assert hits(left, right, weights) >= hits(left, right, without)  # on links that chose nothing, too


def test_ranks_are_those_of_the_real_concatenation_where_rows_lack_a_part():
    left, right, _ = planted(size=40)
    right["structure"][::3] = right["noise"][1::4] = 0
    weights = {"structure": 0.9, "attribute": 0.35, "noise": 0.6}
    pairs = torch.tensor([[query, (query * 7) % 40] for query in range(40)])
    scores = LinkScores(pairs, np.empty((0, 2), np.int64))
    for name in left:
        scores.add(name, left[name], right[name])
    joined = [
        F.normalize(torch.cat([weights[name] * part for name, part in side.items()], dim=1), dim=1)
        for side in (left, right)
    ]
    cosines = joined[0] @ joined[1].T
    own = cosines[pairs[:, 0], pairs[:, 1]]
    expected = 1 / (1 + (cosines > own[:, None] + 1e-6).sum(dim=1))
    torch.testing.assert_close(scores.reciprocal_ranks(weights), expected)
    for value in (0.0, 0.2):  # of one part, in place of its weight
        changed = scores.reciprocal_ranks({**weights, "structure": value})
        assert torch.equal(scores.tried(weights, "structure", [1.0, value])[1], changed)
        assert not torch.equal(changed, expected)


def misled(by_first, by_second, size=40):
    """Parts that are right of all links but these; each is drawn from left to right to the next one's counterpart.

    With even weights a misled link ties with a wrong one: rank 1.5. Where its wrong part counts less it has rank 1, 1/6
    more of the mean reciprocal rank of both directions, where its wrong part counts more rank 2, 1/12 less.
    """
    eye = torch.eye(size)
    left = {"first": eye.clone(), "second": eye.clone()}
    for place in range(by_first + by_second):
        left["first" if place < by_first else "second"][2 * place] = eye[2 * place + 1]
    return left, {"first": eye, "second": eye}, np.stack([np.arange(size)] * 2, axis=1)


def test_a_weight_moves_only_for_more_than_one_standard_error():
    # 2 gain 1/6, 2 lose 1/12: the sum of gains is 1/6, sqrt(2/36 + 2/144) = .264 its standard error
    assert choose_weights(*misled(2, 2)) == {"first": 1, "second": 1}
    # 8 gain, 2 lose: 7/6 and .486
    weights = choose_weights(*misled(8, 2))
    assert weights["first"] < weights["second"] == 1


@pytest.mark.parametrize("seed", range(3))
def test_it_does_not_matter_where_the_search_starts(seed):
    left, right, pairs = planted(noise=1.7 + 0.1 * seed)
    starts = [(1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0.2, 1, 0.9)]
    found = [
        choose_weights(left, right, pairs, start=dict(zip(left, map(float, each), strict=True))) for each in starts
    ]
    assert all(each == found[0] for each in found)
    assert found[0]["structure"] > 0.3 and found[0]["attribute"] > 0.3 and found[0]["noise"] < 0.4


def test_the_weights_at_hand_stay_if_none_are_better_than_by_chance():
    # as above, 2 and 2: every weight between is within a standard error
    left, right, pairs = misled(2, 2)
    assert choose_weights(left, right, pairs, start={"first": 0.5, "second": 0.4}) == {"first": 1, "second": 0.8}


def test_one_link_says_nothing():
    left, right, pairs = misled(4, 0)
    assert choose_weights(left, right, pairs[:1]) == {"first": 1, "second": 1}


def test_a_missing_part_is_scored_by_the_others():
    left, right, pairs = planted()
    right["noise"][:] = 0
    left["structure"][::2] = 0
    weights = choose_weights(left, right, pairs)
    assert weights["attribute"] > 0
    alone = {"structure": 1.0, "attribute": 0.0, "noise": 0.0}
    assert hits(left, right, weights) > hits(left, right, alone) + 0.1


def test_a_single_part_keeps_its_weight():
    left, right, pairs = planted()
    assert choose_weights({"a": left["structure"]}, {"a": right["structure"]}, pairs) == {"a": 1.0}


def test_swapping_the_sides_swaps_nothing():
    left, right, pairs = planted()
    assert choose_weights(left, right, pairs) == choose_weights(right, left, pairs[:, ::-1])


def test_the_embeddings_are_left_as_they_were():
    left, right, pairs = planted()
    copies = {name: part.clone() for name, part in left.items()}
    choose_weights(left, right, pairs)
    assert all(torch.equal(left[name], part) for name, part in copies.items())


def test_no_pairs_and_other_names_are_refused():
    left, right, pairs = planted()
    with pytest.raises(InputError, match="at least one pair and the same parts"):
        choose_weights(left, right, pairs[:0])
    with pytest.raises(InputError, match="at least one pair and the same parts"):
        choose_weights(left, {"structure": right["structure"]}, pairs)


@pytest.mark.parametrize(
    ("gains", "above"),
    [
        ([0.1] * 10, True),
        ([0.1] * 9, False),  # too few to tell
        ([0.0] * 20, False),
        ([0.4, -0.4] * 6, False),
        ([0.4, 0.4, 0.4] + [0.0] * 9, True),  # mean .1; its standard error .18 / sqrt(12) = .052
        ([0.4] + [0.0] * 11, False),  # the mean of one gain is its standard error
    ],
)
def test_a_gain_is_above_chance_if_it_is_above_its_standard_error(gains, above):
    assert above_chance(torch.tensor(gains)) == above
