"""What the embeddings of neighbours say of an entity."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import mmkg
from mmkg.data.features.config import FeatureConfig
from mmkg.data.features.incidence import build_incidence
from mmkg.models import RefinementConfig
from mmkg.models.neighborhood import spread_vectors

WIDE = RefinementConfig(hops=1, structure_dim=4096, relation_dim=256, attribute_dim=256)


@pytest.fixture(scope="module")
def inputs():
    task = mmkg.twin_graphs(60, seed=4, image_dim=0, names=False)
    return build_incidence(task, FeatureConfig(modalities=("structure", "relation", "attribute")))


@pytest.fixture(scope="module")
def vectors(inputs):
    return F.normalize(torch.randn(inputs.num_entities, 24, generator=torch.Generator().manual_seed(1)), dim=1)


def naive_means(inputs, vectors):
    """Damped means of the neighbours' vectors, each without the mean of its graph, as unit rows."""
    count, split = len(vectors), inputs.num_left
    own = vectors.clone()
    for side in (slice(0, split), slice(split, count)):
        own[side] = vectors[side] - vectors[side].mean(dim=0)
    own = F.normalize(own, dim=1)
    joined = inputs.neighbors.to_dense()
    degree = joined.sum(dim=1)
    out = torch.zeros_like(own)
    for row in range(count):
        for other in range(count):
            if joined[row, other]:
                out[row] += joined[row, other] * degree[other] ** -WIDE.hub_damping * own[other]
    return F.normalize(out, dim=1)


def test_the_structure_part_compares_the_means_of_the_neighbours(inputs, vectors):
    found = spread_vectors(inputs, vectors, WIDE)["structure"]
    expected = naive_means(inputs, vectors)
    # random projections to 4,096 columns keep cosines within about 0.016
    assert (found @ found.T - expected @ expected.T).abs().max() < 0.09


def test_a_relation_part_tells_by_which_relation_a_neighbour_is_joined(vectors):
    left = mmkg.as_graph([("a", "r", "x"), ("b", "r", "x"), ("c", "s", "x"), ("y", "r", "z"), ("w", "s", "y")])
    right = mmkg.as_graph([("p", "r", "q"), ("q", "s", "u")])
    task = mmkg.AlignmentTask(left, right, mmkg.LinkSplit(*[np.zeros((0, 2), np.int64)] * 3))
    inputs = build_incidence(task, FeatureConfig(modalities=("structure", "relation")))
    found = spread_vectors(inputs, vectors[: inputs.num_entities], WIDE)
    a, b, c = (left.entities.index(label) for label in "abc")
    structure, relation = found["structure"], found["relation"]
    for one, other in ((a, b), (a, c)):
        torch.testing.assert_close(structure[one], structure[other])
    torch.testing.assert_close(relation[a], relation[b])
    assert relation[a] @ relation[c] < 0.9


def test_parts_are_unit_rows_and_the_vectors_stay(inputs, vectors):
    before = vectors.clone()
    found = spread_vectors(inputs, vectors, RefinementConfig(), seed=3)
    assert torch.equal(vectors, before) and list(found) == ["structure", "relation", "attribute"]
    for name, part in found.items():
        lengths = part.norm(dim=1)
        assert part.shape == (inputs.num_entities, RefinementConfig().dim(name))
        assert (((lengths - 1).abs() < 1e-4) | (lengths == 0)).all() and (lengths > 0).any()


def test_the_structure_of_one_graph_does_not_depend_on_the_vectors_of_the_other(inputs, vectors):
    other = vectors.clone()
    other[inputs.num_left :] = vectors.flip(0)[inputs.num_left :]
    first, second = (spread_vectors(inputs, each, WIDE)["structure"] for each in (vectors, other))
    torch.testing.assert_close(first[: inputs.num_left], second[: inputs.num_left])
    assert not torch.allclose(first, second)


def test_without_structure_relations_and_attributes_there_are_no_parts(inputs, vectors):
    bare = replace(inputs, names=(), neighbors=None, heads=None, tails=None, triples=None, attributes=None)
    assert spread_vectors(bare, vectors) == {}
