"""Label propagation in blocks equals the formulas over whole matrices, and holds none of these."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from mmkg.compute.seeding import numpy_generator
from mmkg.data.features.config import FeatureConfig
from mmkg.data.features.incidence import build_incidence
from mmkg.data.tensors.sparse import (
    few_rows,
    random_projection,
    sparse_entries,
    sparse_product,
    weighted_rows,
)
from mmkg.models import Propagation, PropagationConfig
from mmkg.models.neutral import neutral
from mmkg.sources.synthetic import twin_graphs

CONFIG = PropagationConfig(num_labels=50, structure_dim=96, relation_dim=64, attribute_dim=64, name_dim=64)
ROWS = np.array([501, 3, 3, 0, 777])


def naive(inputs, links, config, seed=0):
    """The docstring of ``Propagation``, over dense matrices."""
    number, left = inputs.num_entities, inputs.num_left
    count = min(config.num_labels, len(links))
    draw = numpy_generator(seed, "labels")
    drawn = np.concatenate([draw.permutation(count) for _ in range(-(-len(links) // count))])[: len(links)]
    labels = torch.zeros(number, count)
    for (one, other), label in zip(links, drawn, strict=True):
        labels[one, label] = labels[left + other, label] = 1
    joints = inputs.neighbors.to_dense()
    likely = joints * joints.sum(dim=0).clamp(min=1) ** -config.hub_damping
    steps = torch.nan_to_num(likely / likely.sum(dim=1, keepdim=True))

    reached, structure = labels, torch.zeros(number, config.structure_dim)
    for hop in range(config.hops):
        reached = steps @ reached
        scale = (reached.mean(dim=0) + 1e-6) ** -0.25 if hop else torch.ones(count)
        structure += F.normalize(reached.sqrt() * scale, dim=1) @ random_projection(
            count, config.structure_dim, seed, f"hop {hop}", "cpu"
        )

    sides = [inputs.heads.to_dense(), inputs.tails.to_dense()]
    rarity = (sides[0].sum() / sides[0].sum(dim=0).clamp(min=1)).log()[:, None]
    relation = torch.zeros(number, config.relation_dim)
    for place, side in enumerate(sides):
        for end, other in enumerate(sides):
            described = F.normalize((other.T @ labels).sqrt(), dim=1) * rarity
            purpose = f"relation {place} {end}"
            relation += side.sqrt() @ (described @ random_projection(count, config.relation_dim, seed, purpose, "cpu"))

    bag, half = inputs.attributes.to_dense(), config.attribute_dim // 2
    rarity = (number / bag.sum(dim=0).clamp(min=1)).log()[:, None]
    described = F.normalize((bag.T @ labels).sqrt(), dim=1)
    found = F.normalize(
        bag @ (described @ random_projection(count, half, seed, "attribute labels", "cpu") * rarity), dim=1
    )
    for side in (found[:left], found[left:]):
        there = side.any(dim=1)
        side[there] -= side[there].mean(dim=0)
    codes = random_projection(bag.shape[1], half, seed, "attribute codes", "cpu")
    attribute = torch.cat([F.normalize(found, dim=1), F.normalize(bag @ (codes * rarity), dim=1)], dim=1) / 2**0.5

    shares = [side.mean(dim=0).clamp(min=1e-9) for side in (bag[:left], bag[left:])]
    nats = torch.cat([side @ -share.log() for side, share in zip((bag[:left], bag[left:]), shares, strict=True)])
    attribute = attribute * (nats / np.log(max(left, number - left))).clamp(max=1).sqrt()[:, None]

    parts = {"structure": F.normalize(structure, dim=1), "relation": F.normalize(relation, dim=1)}
    parts["attribute"] = attribute
    for name, table in inputs.tables.items():
        values = table.take(torch.arange(number))
        if values.layout == torch.strided:
            own = F.normalize(values[:, 0], dim=1)
        else:
            values, purpose = values.to_dense(), f"{name} codes"
            own = F.normalize(values @ random_projection(table.dim, config.name_dim, seed, purpose, "cpu"), dim=1)
            own *= values.norm(dim=1, keepdim=True).clamp(max=1)
        lengths = own.norm(dim=1)
        usual = (steps @ lengths) / (steps @ (lengths > 0).float()).clamp(min=1e-12)
        around = config.neighbor_weight * usual[:, None] * F.normalize(steps @ own, dim=1)
        if name == "image":
            own = torch.cat(neutral(own[:left], own[left:]))
        parts[name] = torch.cat([own, around], dim=1)
    return F.normalize(torch.cat([config.weight(name) * parts[name] for name in inputs.names], dim=1), dim=1)


@pytest.fixture(scope="module")
def twins():
    return twin_graphs(450, noise=0.1, train_ratio=0.4, valid_ratio=0.1, seed=1)


@pytest.fixture(params=[(1, 16), (128 << 20, 256)], ids=["many blocks", "one block"])
def blocks(request, monkeypatch):
    monkeypatch.setattr("mmkg.models.walk.BLOCK_BYTES", request.param[0])
    monkeypatch.setattr("mmkg.models.walk.LEAST_LABELS", request.param[1])
    for module in ("walk", "label_parts"):
        monkeypatch.setattr(f"mmkg.models.{module}.BLOCK_ROWS", 112 if request.param[1] == 16 else 4096)
    monkeypatch.setattr("mmkg.models.own_part.BLOCK_COLUMNS", 7 if request.param[1] == 16 else 128)


def test_blocks_give_what_whole_matrices_give(twins, blocks):
    inputs = build_incidence(twins)
    assert set(inputs.names) == {"structure", "relation", "attribute", "image", "name"}
    model = Propagation(CONFIG)
    whole = naive(inputs, twins.links.train, CONFIG)
    torch.testing.assert_close(model.embed(inputs, twins.links.train), whole, atol=1e-6, rtol=0)
    some = model.embed_rows(inputs, twins.links.train, ROWS)
    torch.testing.assert_close(some, whole[torch.from_numpy(ROWS)], atol=1e-6, rtol=0)


def test_an_attribute_that_all_entities_have_says_nothing(twins):
    inputs = build_incidence(twins)
    number = inputs.num_entities
    same = sparse_entries(torch.arange(number), torch.zeros(number).long(), torch.ones(number), (number, 1))
    model = Propagation(CONFIG)
    bare = model.embed(replace(inputs, attributes=None, names=("structure", "relation")), twins.links.train)
    with_it = replace(inputs, attributes=same, names=("structure", "relation", "attribute"))
    found = model.embed(with_it, twins.links.train)
    assert (found[:, bare.shape[1] :] == 0).all()
    torch.testing.assert_close(found[:, : bare.shape[1]], bare)


def test_an_entity_in_two_links_has_both_labels(twins):
    links = np.concatenate([twins.links.train[:30], [[twins.links.train[0, 0], twins.links.train[9, 1]]]])
    inputs = build_incidence(twins)
    torch.testing.assert_close(
        Propagation(CONFIG).embed(inputs, links), naive(inputs, links, CONFIG), atol=1e-6, rtol=0
    )


class Sizes(TorchDispatchMode):
    """Records the number of values of the dense tensors that operators return."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and made.layout == torch.strided and made._base is None:
            self.found.append(made.numel())
        return made


def test_no_matrix_of_all_entities_and_all_labels_is_held(twins, monkeypatch):
    monkeypatch.setattr("mmkg.models.walk.BLOCK_BYTES", 1)
    monkeypatch.setattr("mmkg.models.walk.LEAST_LABELS", 16)
    inputs = build_incidence(twins, FeatureConfig(modalities=("structure", "relation", "attribute")))
    config = PropagationConfig(structure_dim=32, relation_dim=32, attribute_dim=32)
    with Sizes() as sizes:
        joint = Propagation(config).embed(inputs, twins.links.train)
    assert joint.shape == (900, 96)
    assert max(sizes.found) == joint.numel() < 900 * len(twins.links.train)


def test_parts_of_many_entities_are_halved(twins, monkeypatch):
    inputs, model = build_incidence(twins), Propagation(CONFIG)
    full = model.widths(inputs)
    assert full == {"structure": 96, "relation": 64, "attribute": 64, "image": 67, "name": 128}
    monkeypatch.setattr("mmkg.models.propagation.MOST_VALUES", 900 * 300)
    halved = model.widths(inputs)
    assert halved == {"structure": 48, "relation": 32, "attribute": 32, "image": 35, "name": 64}
    assert model.widths(inputs, num_entities=500) == full
    joint = model.embed(inputs, twins.links.train)
    assert joint.shape == (900, 211)
    torch.testing.assert_close(joint.norm(dim=1), torch.ones(900))
    torch.testing.assert_close(model.embed_rows(inputs, twins.links.train, ROWS), joint[torch.from_numpy(ROWS)])
    monkeypatch.setattr("mmkg.models.propagation.MOST_VALUES", 1)
    assert model.widths(inputs)["structure"] == 24  # at most twice
    # rows of a pair that has grown keep the widths of the pair before
    grown = model.embed_rows(inputs, twins.links.train, ROWS, widths=halved)
    torch.testing.assert_close(grown, joint[torch.from_numpy(ROWS)])


def test_products_of_sparse_matrices_are_those_of_the_dense_ones():
    draw = torch.Generator().manual_seed(0)
    dense = [
        torch.rand(shape, generator=draw) * (torch.rand(shape, generator=draw) < 0.3) for shape in ((9, 12), (12, 5))
    ]
    sparse = []
    for each in dense:
        rows, columns = each.nonzero().T
        sparse.append(sparse_entries(rows, columns, each[rows, columns], tuple(each.shape)))
    product = sparse_product(*sparse)
    torch.testing.assert_close(product.to_dense(), dense[0] @ dense[1])
    torch.testing.assert_close(few_rows(product, torch.tensor([8, 1])).to_dense(), (dense[0] @ dense[1])[[8, 1]])
    weights = torch.rand(9, generator=draw)
    torch.testing.assert_close(weighted_rows(weights, sparse[0]), (weights @ dense[0]).double())


def test_embeddings_in_half_precision_are_those_in_full(twins):
    inputs, model = build_incidence(twins), Propagation(CONFIG)
    full = model.embed(inputs, twins.links.train)
    half = model.embed(inputs, twins.links.train, dtype=torch.float16)
    assert half.dtype == torch.float16
    torch.testing.assert_close(half.float(), full, atol=5e-4, rtol=0)
