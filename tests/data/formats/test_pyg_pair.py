"""Pairs of graphs in one ``Data``, made by hand as ``torch_geometric.datasets.DBP15K`` makes them."""

import pytest
import torch
from reader_cases import pairs, triples
from torch_geometric.data import Data

import mmkg
from mmkg.errors import InputError, UsageError


def dbp15k(**changed):
    """Three left and four right entities; names of up to two words, vectors of two numbers, zeros as padding."""
    fields = {
        "x1": torch.tensor([[[1.0, 2], [3, 4]], [[5, 6], [0, 0]], [[0, 0], [0, 0]]]),
        "edge_index1": torch.tensor([[0, 1], [1, 2]]),
        "rel1": torch.tensor([7, 3]),
        "x2": torch.tensor([[[1.0, 2]], [[3, 4]], [[5, 6]], [[7, 8]]]),
        "edge_index2": torch.tensor([[0, 1, 3], [1, 2, 0]]),
        "rel2": torch.tensor([3, 7, 3]),
        "train_y": torch.tensor([[0, 2], [0, 3]]),
        "test_y": torch.tensor([[1], [1]]),
    }
    return Data(**{name: value for name, value in (fields | changed).items() if value is not None})


def test_both_graphs_and_the_links_are_read():
    task = mmkg.AlignmentTask.of(dbp15k())
    assert triples(task.left) == [("0", "7", "1"), ("1", "3", "2")]
    assert triples(task.right) == [("0", "3", "1"), ("1", "7", "2"), ("3", "3", "0")]
    assert sorted(pairs(task)) == [("0", "0"), ("1", "1"), ("2", "3")]
    assert task.links.test.tolist() == [[1, 1]]
    assert len(task.links.train) + len(task.links.valid) == 2


def test_word_vectors_are_averaged_without_the_padding():
    task = mmkg.load(dbp15k())
    assert task.left.images.rows.tolist() == [0, 1]  # no word of the last one has a vector
    assert task.left.images.features.tolist() == [[2, 3], [5, 6]]
    assert task.right.images.features.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]
    assert task.notes["x1: features, read as the modality image"] == 2


def test_features_and_links_are_optional():
    task = mmkg.load(dbp15k(x1=None, x2=None, rel1=None, test_y=None, train_y=None))
    assert task.left.num_entities == 3 and task.left.images is None and triples(task.left)[0] == ("0", "0", "1")
    assert len(task.links.all()) == 0


def test_it_is_aligned_as_it_is():
    result = mmkg.align(dbp15k(), model="propagation")
    assert len(result.left) == 3 and len(result.right) == 4


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train_y": torch.tensor([[0, 3], [0, 1]])}, r"expected rows 0\.\.2 in train_y, got 3"),
        ({"rel1": torch.tensor([1])}, "expected one rel1 for each of 2 edges, got 1"),
        ({"x2": torch.ones(2, 2)}, r"expected nodes 0\.\.1 in edge_index2, as many as x2, got 3"),
        ({"x1": torch.ones(3)}, r"expected features \[N, d\] or \[N, W, d\] as x1, got \[3\]"),
        ({"edge_index1": torch.tensor([[0.5], [1]])}, r"expected integers \[2, E\] as edge_index1"),
    ],
)
def test_a_wrong_field_is_named(changed, message):
    with pytest.raises(InputError, match=message):
        mmkg.load(dbp15k(**changed))


def test_a_setting_of_files_is_refused():
    with pytest.raises(UsageError, match="data.header has no effect on a PyG Data with two graphs"):
        mmkg.load(dbp15k(), header=True)
