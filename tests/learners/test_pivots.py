from dataclasses import replace

import numpy as np
import pytest
from small import SETTINGS, twins

import mmkg
from mmkg.data.task import LinkSplit
from mmkg.errors import InputError, UsageError
from mmkg.learners.pivots import joined, pivot_links
from mmkg.result.result import AlignmentResult
from mmkg.sources.hide import hide


def precision(links, task):
    gold = set(map(tuple, task.links.all().tolist()))
    return np.mean([tuple(pair) in gold for pair in links.tolist()])


@pytest.mark.parametrize("modalities", [["name"], ["image"], ["name", "image"]])
def test_what_looks_or_is_called_alike_is_linked(modalities):
    task = twins(120, noise=0.2)
    links = pivot_links(task, modalities)
    found = np.concatenate([links.train, links.valid])
    assert len(found) > 20 and len(links.test) == 0
    assert precision(found, task) > 0.8
    for side in (0, 1):
        assert len(np.unique(found[:, side])) == len(found)


def test_a_smaller_share_is_surer():
    task = twins(200, noise=0.6)
    few, many = (pivot_links(task, ["image"], share=share, valid_ratio=0) for share in (0.2, 1.0))
    assert len(few.train) == round(0.2 * len(many.train))
    assert precision(few.train, task) > precision(many.train, task)


def test_a_seed_link_with_an_entity_of_a_given_link_is_left_out():
    given = LinkSplit(np.array([[0, 0]]), np.array([[1, 1]]), np.array([[5, 5]]))
    seeds = LinkSplit(np.array([[2, 2], [0, 3], [3, 0], [4, 1]]), np.array([[1, 4], [5, 6]]), given.test[:0])
    links = joined(given, seeds)
    assert links.train.tolist() == [[0, 0], [2, 2], [5, 6]]  # the others have an entity of a given link, left or right
    assert links.valid.tolist() == [[1, 1]] and len(links.test) == 0
    assert joined(LinkSplit(*(given.test[:0],) * 3), seeds) is seeds


def test_an_entity_without_the_modality_is_in_no_link():
    task = hide(twins(120), "name", 0.5, seed=1)
    links = pivot_links(task, ["name"], share=1.0)
    for side, graph in enumerate((task.left, task.right)):
        rows = np.concatenate([links.train, links.valid])[:, side]
        assert all(graph.names[row] for row in rows)


def test_shuffled_gold_changes_no_bit_of_any_embedding(small_task):
    settings = {**SETTINGS, "data": {"seeds_from": ["name", "image"]}}
    links = small_task.links
    rolled = np.roll(links.all()[:, 1], 5)
    parts = np.split(
        np.stack([links.all()[:, 0], rolled], axis=1), [len(links.train), len(links.train) + len(links.valid)]
    )
    shuffled = replace(small_task, links=replace(links, train=parts[0], valid=parts[1], test=parts[2]))
    first, other = (mmkg.align(task, "meaformer", settings=settings) for task in (small_task, shuffled))
    assert np.array_equal(first.left, other.left) and np.array_equal(first.right, other.right)
    assert np.array_equal(first.links.train, other.links.train) and np.array_equal(first.links.valid, other.links.valid)
    assert first.metrics["left_to_right"]["hits@1"] > 0.5 > other.metrics["left_to_right"]["hits@1"] + 0.3
    assert first.protocol.num_test == len(links.all())
    warning = "NO KNOWN LINKS: trained and selected on pairs derived from name and image"
    assert first.protocol.describe().startswith(warning)


def test_a_run_without_known_links_is_saved_and_loaded_with_its_protocol(small_task, tmp_path):
    settings = {**SETTINGS, "data": {"seeds_from": ["name"]}}
    result = mmkg.align(small_task, "meaformer", settings=settings, out=tmp_path / "run")
    again = AlignmentResult.load(tmp_path / "run")
    assert again.protocol == result.protocol and again.protocol.seeds_from == ("name",)
    assert again.metrics == result.metrics and len(again.links.test) == len(small_task.links.all())


@pytest.mark.parametrize(
    "modalities, share, message",
    [
        (["structure"], 0.5, "from image, name, text, not from structure"),
        ([], 0.5, "not from nothing"),
        (["name"], 0.0, r"pivot_share must be in \(0, 1\], got 0.0"),
    ],
)
def test_what_cannot_be_a_pivot_is_refused(small_task, modalities, share, message):
    with pytest.raises(UsageError, match=message):
        pivot_links(small_task, modalities, share=share)


def test_a_pair_without_the_modality_is_refused(small_task):
    bare = replace(small_task, left=replace(small_task.left, images=None), right=replace(small_task.right, images=None))
    with pytest.raises(UsageError, match="has no image"):
        pivot_links(bare, ["image"])
    one = replace(small_task, left=replace(small_task.left, names=None))
    with pytest.raises(InputError, match="no entity of one graph has name; give seed links"):
        pivot_links(one, ["name"])
