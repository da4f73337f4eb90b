import numpy as np
import pytest

from mmkg.data.split import link_groups, sample_links, split_links
from mmkg.errors import UsageError


def links(number):
    return np.stack([np.arange(number), np.arange(number)[::-1] + 7], axis=1)


@pytest.mark.parametrize(
    ("number", "ratio", "valid", "sizes"),
    [  # mmea.md 1.5: DBP15K 4,500 / 10,500; FB-DB 2,569 / 10,277, 6,423 / 6,423, 10,276 / 2,570
        (15000, 0.3, 0.0, (4500, 0, 10500)),
        (15000, 0.3, 0.1, (4050, 450, 10500)),
        (12846, 0.2, 0.0, (2569, 0, 10277)),
        (12846, 0.5, 0.0, (6423, 0, 6423)),
        (12846, 0.8, 0.0, (10276, 0, 2570)),
        (10, 1.0, 0.5, (5, 5, 0)),
        (0, 0.3, 0.1, (0, 0, 0)),
        (1, 0.3, 0.1, (0, 0, 1)),
    ],
)
def test_parts_have_the_published_sizes(number, ratio, valid, sizes):
    split = split_links(links(number), train_ratio=ratio, valid_ratio=valid)
    assert (len(split.train), len(split.valid), len(split.test)) == sizes


def test_parts_are_disjoint_and_complete():
    everything = links(101)
    split = split_links(everything, train_ratio=0.4, valid_ratio=0.25, seed=3)
    assert sorted(split.all().tolist()) == sorted(everything.tolist())


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    one, same, other = (split_links(links(100), seed=seed) for seed in (1, 1, 2))
    assert one.all().tolist() == same.all().tolist() != other.all().tolist()


def test_seed_42_gives_the_seed_links_of_the_published_code():
    pairs = [tuple(pair) for pair in links(15000).tolist()]
    before = np.random.get_state()
    np.random.seed(42)
    np.random.shuffle(pairs)  # what the published code does
    np.random.set_state(before)
    split = split_links(links(15000), train_ratio=0.3, seed=42)
    learned = [tuple(pair) for pair in np.concatenate([split.train, split.valid]).tolist()]
    assert learned == pairs[:4500]
    assert [tuple(pair) for pair in split.test.tolist()] == pairs[4500:]


def test_splitting_leaves_links_and_global_random_state_alone():
    given, before = links(50), np.random.get_state()[1].tolist()
    split_links(given)
    assert given.tolist() == links(50).tolist() and np.random.get_state()[1].tolist() == before


def test_validation_never_takes_test_links():
    tests = [split_links(links(100), valid_ratio=ratio).test.tolist() for ratio in (0.0, 0.1, 0.9)]
    assert tests[0] == tests[1] == tests[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train_ratio": 0}, "train_ratio"),
        ({"train_ratio": 1.1}, "train_ratio"),
        ({"train_ratio": float("nan")}, "train_ratio"),
        ({"valid_ratio": 1}, "valid_ratio"),
        ({"valid_ratio": -0.1}, "valid_ratio"),
    ],
)
def test_ratios_out_of_range_are_refused(options, message):
    with pytest.raises(UsageError, match=f"{message}: input should be"):
        split_links(links(10), **options)


def test_a_sample_is_some_of_the_links_in_their_order():
    links = np.stack([np.arange(50), np.arange(50)[::-1]], axis=1)
    sample = sample_links(links, 20, seed=1, label="a")
    assert len(sample) == 20 and (np.diff(sample[:, 0]) > 0).all() and (sample.sum(axis=1) == 49).all()
    assert np.array_equal(sample, sample_links(links, 20, seed=1, label="a"))
    for seed, label in ((2, "a"), (1, "b")):
        assert not np.array_equal(sample, sample_links(links, 20, seed=seed, label=label))


def test_a_sample_of_more_links_than_there_are_is_all_of_them():
    links = np.arange(20).reshape(10, 2)
    for most in (0, 10, 11):
        assert sample_links(links, most) is links


def test_every_link_has_the_same_chance_to_be_sampled():
    links = np.arange(40).reshape(20, 2)
    drawn = np.concatenate([sample_links(links, 5, seed=seed)[:, 0] // 2 for seed in range(800)])
    assert np.abs(np.bincount(drawn, minlength=20) - 200).max() < 60  # five standard deviations


@pytest.mark.parametrize(
    ("links", "groups"),
    [
        ([[5, 2], [3, 9], [4, 1]], [[0], [1], [2]]),
        ([[5, 2], [3, 9], [5, 1]], [[0, 2], [1]]),
        ([[5, 2], [3, 9], [4, 9], [5, 7]], [[0, 3], [1, 2]]),
        ([[1, 1], [1, 2], [3, 2], [3, 4], [8, 8]], [[0, 1, 2, 3], [4]]),
        ([[5, 2], [5, 2]], [[0, 1]]),
        ([], []),
    ],
)
def test_links_that_share_an_entity_are_one_group(links, groups):
    found = link_groups(np.array(links, np.int64).reshape(-1, 2)).tolist()
    assert sorted([place for place, each in enumerate(found) if each == name] for name in set(found)) == groups
