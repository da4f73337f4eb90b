from dataclasses import replace

import numpy as np
import pytest
import torch

from mmkg.data.features.incidence import build_incidence
from mmkg.data.kg import AttributeTriples, KnowledgeGraph
from mmkg.data.task import AlignmentTask, LinkSplit
from mmkg.data.tensors.sparse import walk_steps
from mmkg.errors import InputError, UsageError
from mmkg.models import Propagation, PropagationConfig
from mmkg.models.neutral import COLUMNS, SIMILARITY
from mmkg.sources.synthetic import twin_graphs

SMALL = PropagationConfig(num_labels=64, structure_dim=64, relation_dim=64, attribute_dim=64, name_dim=64)
NONE = np.empty((0, 2), np.int64)


def chain_pair(labels=("a", "b", "c", "d", "e")):
    """Two equal chains a-b-c-d-e whose relations have different names; a is a seed link."""
    triples = np.array([[i, i, i + 1] for i in range(len(labels) - 1)])
    graphs = [
        KnowledgeGraph(tuple(labels), tuple(f"{side}{i}" for i in range(len(labels) - 1)), triples) for side in "lr"
    ]
    rest = np.array([[i, i] for i in range(1, len(labels))])
    return AlignmentTask(*graphs, LinkSplit(np.array([[0, 0]]), NONE, rest))


def parts(task, config=SMALL, modalities=(), links=None, seed=0):
    """Each modality's part of every entity, unscaled by the weights, and all rows."""
    from mmkg.data.features.config import FeatureConfig

    inputs = build_incidence(task, FeatureConfig(modalities=modalities))
    model = Propagation(config)
    joint = model.embed(inputs, task.links.train if links is None else links, seed=seed)
    return dict(zip(inputs.names, joint.split(list(model.widths(inputs).values()), dim=1), strict=True)), joint


@pytest.fixture(scope="module")
def twins():
    return twin_graphs(200, noise=0.1, train_ratio=0.4, valid_ratio=0.1, seed=1)


def hits(task, joint):
    left, right = joint[: task.left.num_entities], joint[task.left.num_entities :]
    test = task.links.test
    best = (left[test[:, 0]] @ right[test[:, 1]].t()).argmax(dim=1)
    return float((best == torch.arange(len(test))).float().mean())


def test_seed_links_alone_tell_the_twins_apart(twins):
    _, joint = parts(twins, PropagationConfig(), modalities=("structure", "relation"))
    assert hits(twins, joint) > 0.8


def test_wrong_seed_links_find_nothing(twins):
    wrong = np.stack([twins.links.train[:, 0], np.roll(twins.links.train[:, 1], 11)], axis=1)
    _, joint = parts(twins, PropagationConfig(), modalities=("structure",), links=wrong)
    assert hits(twins, joint) < 0.1


def test_equal_values_bring_entities_together_and_missing_ones_are_zero():
    numbers = np.random.default_rng(0).permutation(200).tolist()
    graphs = [
        KnowledgeGraph(
            tuple(f"{name}{i}" for i in range(200)),
            ("r",),
            np.array([[0, 0, 1]]),
            AttributeTriples(
                np.arange(150), np.zeros(150, np.int64), (name,), tuple(str(numbers[i] * unit) for i in range(150))
            ),
        )
        for name, unit in (("height", 100), ("size", 1))
    ]
    everyone = np.stack([np.arange(200)] * 2, axis=1)
    task = AlignmentTask(*graphs, LinkSplit(everyone[:40], NONE, everyone[40:]))
    found, _ = parts(task, replace(SMALL, name_dim=256), modalities=("value",))
    left, right = found["value"].split(200)
    assert ((left[:150] @ right[:150].T).argmax(dim=1) == torch.arange(150)).float().mean() > 0.9
    assert not left[150:].any() and not right[150:].any()


@pytest.mark.parametrize("modality", ["relation", "attribute", "image", "name"])
def test_every_modality_alone_says_something(twins, modality):
    _, joint = parts(twins, PropagationConfig(), modalities=(modality,))
    assert hits(twins, joint) > 3 / len(twins.links.test)


def test_rows_have_unit_length_and_the_widths_that_were_told(twins):
    found, joint = parts(twins)
    torch.testing.assert_close(joint.norm(dim=1), torch.ones(len(joint)))
    assert list(found) == ["structure", "relation", "attribute", "image", "name"]
    assert all(torch.isfinite(part).all() for part in found.values())


def test_the_weights_decide_the_shares(twins):
    found, _ = parts(twins, replace(SMALL, structure_weight=2, relation_weight=1), modalities=("structure", "relation"))
    ratio = found["structure"].norm(dim=1) / found["relation"].norm(dim=1)
    there = found["structure"].norm(dim=1) > 0
    torch.testing.assert_close(ratio[there], torch.full_like(ratio[there], 2))
    found, _ = parts(twins, replace(SMALL, relation_weight=0), modalities=("structure", "relation"))
    assert not found["relation"].any()


def test_a_label_reaches_as_far_as_there_are_hops():
    for hops in (1, 2, 3):
        found, _ = parts(chain_pair(), replace(SMALL, hops=hops), modalities=("structure",))
        reached = found["structure"].any(dim=1)[:5].tolist()
        # one hop: b. two: b, c, and a itself by way of b. three: d as well
        assert reached == [hops > 1, True, hops > 1, hops > 2, False]


def test_the_two_ends_of_a_link_and_of_equal_graphs_look_the_same():
    _, joint = parts(chain_pair())
    torch.testing.assert_close(joint[:5], joint[5:])


def test_swapping_the_graphs_swaps_the_rows(twins):
    links = LinkSplit(*(part[:, ::-1].copy() for part in (twins.links.train, twins.links.valid, twins.links.test)))
    swapped = AlignmentTask(twins.right, twins.left, links)
    names = ("structure", "relation")
    _, there = parts(twins, modalities=names)
    _, back = parts(swapped, modalities=names)
    number = twins.left.num_entities
    torch.testing.assert_close(
        there @ there.t(), torch.roll(back @ back.t(), (number, number), (0, 1)), atol=1e-4, rtol=0
    )


def test_steps_are_probabilities_and_shy_away_from_hubs():
    star = np.array([[0, 0, 1], [0, 0, 2], [0, 0, 3], [1, 0, 2], [1, 0, 2], [4, 0, 4]])
    graph = KnowledgeGraph(tuple("abcde"), ("r",), star)
    inputs = build_incidence(AlignmentTask(graph, graph, LinkSplit(NONE, NONE, NONE)))
    counts = inputs.neighbors.to_dense()[:5, :5]
    assert counts.tolist() == [  # the triple that comes twice counts once, the loop not at all
        [0, 1, 1, 1, 0],
        [1, 0, 1, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]
    degree = counts.sum(dim=1)
    for damping in (0.0, 0.5):
        expected = torch.zeros(5, 5)
        for i in range(4):
            total = sum(float(counts[i, j]) * float(degree[j]) ** -damping for j in range(4))
            for j in range(4):
                expected[i, j] = float(counts[i, j]) * float(degree[j]) ** -damping / total
        torch.testing.assert_close(walk_steps(inputs.neighbors, damping).to_dense()[:5, :5], expected)


def test_the_walk_is_the_one_written_as_loops():
    task = chain_pair()
    inputs = build_incidence(task)
    config = replace(SMALL, hops=2, structure_dim=4096)
    links = np.array([[0, 0], [3, 3]])
    got = Propagation(config).embed(inputs, links)[:, : config.structure_dim]
    got = got / got.norm(dim=1, keepdim=True).clamp(min=1e-9)
    steps = walk_steps(inputs.neighbors, config.hub_damping).to_dense().double().numpy()[:5, :5]
    reached = np.zeros((5, 2))
    reached[0, 0] = reached[3, 1] = 1
    hops = []
    for hop in range(2):
        reached = steps @ reached
        both = np.concatenate([reached, reached])
        scale = (both.mean(axis=0) + 1e-6) ** -0.25 if hop else np.ones(2)
        rows = np.sqrt(reached) * scale
        hops.append(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))
    whole = np.concatenate(hops, axis=1)  # random projections keep the cosines of the hops side by side
    whole /= np.maximum(np.linalg.norm(whole, axis=1, keepdims=True), 1e-9)
    np.testing.assert_allclose((got[:5] @ got[:5].t()).numpy(), whole @ whole.T, atol=0.08)


def test_what_an_entity_lacks_is_zero_and_not_noise(twins):
    left = twins.left
    gone = np.arange(20)
    names = tuple(None if row in gone else name for row, name in enumerate(left.names))
    keep = ~np.isin(left.images.rows, gone)
    images = replace(left.images, rows=left.images.rows[keep], features=left.images.features[keep])
    facts = ~np.isin(left.attributes.entity, gone)
    attributes = replace(
        left.attributes,
        entity=left.attributes.entity[facts],
        attribute=left.attributes.attribute[facts],
        values=tuple(value for value, kept in zip(left.attributes.values, facts, strict=True) if kept),
    )
    task = replace(twins, left=replace(left, names=names, images=images, attributes=attributes))
    found, joint = parts(task, modalities=("attribute", "image", "name"))
    assert not found["attribute"][:20].any() and not found["name"][:20].any()
    number = twins.left.num_entities
    scores = joint[:number] @ joint[number:].t()
    assert scores[:20].abs().max() < 1e-6 < scores[20:].abs().max()  # no image says nothing of anybody
    found, joint = parts(task)  # with structure the neighbours' names and images are known
    own = found["name"].shape[1] // 2
    assert not found["name"][:20, :own].any() and found["name"][:20, own:].any(dim=1).any()
    torch.testing.assert_close(joint[:20].norm(dim=1), torch.ones(20))


def test_the_same_seed_gives_the_same_bits_and_another_does_not(twins):
    _, first = parts(twins, seed=3)
    torch.manual_seed(9)
    _, again = parts(twins, seed=3)
    _, other = parts(twins, seed=4)
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_wide_images_are_projected_and_narrow_ones_kept(twins):
    width = twins.left.images.features.shape[1]
    kept, _ = parts(twins, replace(SMALL, image_dim=width), modalities=("image",))
    narrow, joint = parts(twins, replace(SMALL, image_dim=width - 1), modalities=("image",))
    assert kept["image"].shape[1] == width + COLUMNS and narrow["image"].shape[1] == width - 1 + COLUMNS
    rows = torch.from_numpy(twins.left.images.rows)
    vectors = torch.from_numpy(twins.left.images.features)
    own = kept["image"][rows, :width] * (1 + SIMILARITY) ** 0.5  # some twins have no image
    torch.testing.assert_close(own, torch.nn.functional.normalize(vectors, dim=1))
    assert hits(twins, joint) > 3 / len(twins.links.test)


def test_more_links_than_labels_share_them(twins):
    config = replace(PropagationConfig(), num_labels=20)
    _, joint = parts(twins, config, modalities=("structure", "relation"))
    assert hits(twins, joint) > 0.5


def test_test_links_change_nothing(twins):
    _, joint = parts(twins)
    links = replace(twins.links, test=NONE)
    _, without = parts(replace(twins, links=links))
    assert torch.equal(joint, without)


def test_no_seed_link_is_refused(twins):
    with pytest.raises(InputError, match="at least one"):
        parts(twins, links=NONE)


@pytest.mark.parametrize(
    "options",
    [{"hops": 0}, {"num_labels": 0}, {"name_weight": -1}, {"structure_dim": 1}, {"hub_damping": float("nan")}],
)
def test_settings_out_of_range_are_refused(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        PropagationConfig(**options)
