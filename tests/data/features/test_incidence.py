from dataclasses import replace

import numpy as np
import pytest
import torch

from mmkg.data.features.config import FeatureConfig
from mmkg.data.features.incidence import build_incidence
from mmkg.data.kg import AttributeTriples, KnowledgeGraph
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.errors import UsageError

NONE = np.empty((0, 2), np.int64)


@pytest.fixture
def task():
    """Both graphs have a relation "same"; the left one an attribute that nobody else has."""
    left = KnowledgeGraph(
        ("a", "b", "c"),
        ("same", "left"),
        np.array([[0, 0, 1], [0, 0, 1], [1, 1, 0], [2, 0, 2]]),
        attributes=AttributeTriples(np.array([0, 2, 2]), np.array([0, 0, 1]), ("size", "rare"), (None, None, None)),
    )
    right = KnowledgeGraph(
        ("d", "e"),
        ("right", "same"),
        np.array([[1, 1, 0]]),
        attributes=AttributeTriples(np.array([1]), np.array([0]), ("size",), (None,)),
    )
    return AlignmentTask(left, right, LinkSplit(NONE, NONE, NONE))


def test_neighbors_count_distinct_triples_either_way_and_no_loops(task):
    expected = torch.zeros(5, 5)
    expected[0, 1] = expected[1, 0] = 2  # one triple each way; the one that comes twice counts once
    expected[3, 4] = expected[4, 3] = 1
    assert torch.equal(build_incidence(task).neighbors.to_dense(), expected)


def test_relations_of_equal_labels_share_a_column(task):
    inputs = build_incidence(task)
    assert inputs.heads.to_dense().tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0], [1, 0, 0]]
    assert inputs.tails.to_dense().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert inputs.triples.t().tolist() == [[0, 0, 1], [1, 1, 0], [4, 0, 3]]


def test_every_attribute_has_a_column_however_rare(task):
    attributes = build_incidence(task, FeatureConfig(top_attributes=1)).attributes.to_dense()
    assert attributes.sum(dim=0).tolist() == [3, 1]
    assert attributes[:, 0].tolist() == [1, 0, 1, 0, 1]


def test_what_is_not_asked_for_is_not_there(task):
    inputs = build_incidence(task, FeatureConfig(modalities=("attribute",)))
    assert inputs.names == ("attribute",) and inputs.neighbors is inputs.heads is inputs.tails is None
    assert inputs.triples is None
    assert not inputs.tables and inputs.num_entities == 5
    with pytest.raises(UsageError, match="has no image"):
        build_incidence(task, FeatureConfig(modalities=("image",)))


def test_graphs_without_triples_have_attributes_alone(task):
    empty = np.empty((0, 3), np.int64)
    bare = replace(task, left=replace(task.left, triples=empty), right=replace(task.right, triples=empty))
    assert build_incidence(bare).names == ("attribute",)


def test_moving_keeps_everything(task):
    inputs = build_incidence(task)
    moved = inputs.to("cpu")
    assert torch.equal(moved.heads.to_dense(), inputs.heads.to_dense()) and moved.names == inputs.names
