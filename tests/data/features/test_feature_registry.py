"""A modality is its file and one line: one is registered from outside the package and used everywhere."""

import re
from dataclasses import replace

import numpy as np
import pytest

import mmkg
from mmkg.data.features.build import build_inputs
from mmkg.data.features.config import FeatureConfig
from mmkg.data.features.modality import Modality
from mmkg.data.features.registry import FEATURES, available_modalities, has_modality, use_names
from mmkg.data.tensors.tables import DenseTable
from mmkg.errors import UsageError
from mmkg.modalities import MODALITIES
from mmkg.sources.hide import hide
from mmkg.sources.synthetic import twin_graphs

EPOCHS = {"training": {"epochs": 2}}


def digits(label):
    """Number of times each digit is in a label."""
    return [label.count(digit) for digit in "0123456789"]


def present(graph):
    return np.array(["7" not in label for label in graph.entities])


def build(task, config, seed):
    labels = (*task.left.entities, *task.right.entities)
    have = np.concatenate([present(graph) for graph in (task.left, task.right)])
    position = np.where(have, have.cumsum() - 1, -1)
    vectors = [digits(label) for label, has in zip(labels, have, strict=True) if has]
    return DenseTable(position, np.array(vectors, np.float32))


def without(graph, hidden):
    labels = tuple(f"{label}/7" if gone else label for label, gone in zip(graph.entities, hidden, strict=True))
    return replace(graph, entities=labels)


@pytest.fixture
def toy(monkeypatch):
    """The modality ``toy``: digits of the label."""
    modality = Modality(
        "toy", present, build, without=without, gives_seeds=True, reads_names=True, hint="add digits_{k}"
    )
    monkeypatch.setitem(FEATURES, "toy", modality)
    return modality


@pytest.fixture(scope="module")
def task():
    """Twins whose entities are numbered alike on both sides: the toy alone can align them."""
    twins = twin_graphs(60, missing={}, seed=2, train_ratio=0.4)
    links = twins.links.all()
    order = np.argsort(links[:, 0])
    number = dict(zip(links[order, 1].tolist(), links[order, 0].tolist(), strict=True))
    right = tuple(f"right/{number[row]}" for row in range(60))
    return replace(twins, right=replace(twins.right, entities=right))


def test_the_built_in_modalities_are_listed_in_the_order_of_their_names():
    assert tuple(FEATURES) == MODALITIES
    assert {name for name in FEATURES if use_names([name])} == {"name", "text"}
    assert not use_names(["structure", "of a model of one's own"])


@pytest.mark.parametrize("model", ["mclea", "meaformer", "dual-amn", "propagation", "combined"])
def test_a_modality_from_outside_is_used_by_every_model(toy, task, model):
    result = mmkg.align(task, model, modalities=("toy", "structure"), seed=1, device="cpu", settings=EPOCHS)
    assert tuple(result.widths) == ("structure", "toy") == result.protocol.modalities
    assert result.protocol.surface_names
    only = result.restrict(["toy"])
    assert tuple(only.widths) == ("toy",) and only.metrics["left_to_right"]["mrr"] > 0.3
    assert set(result.search(0)[0].shares) == {"structure", "toy"}
    # the toy has a colour of its own on the page
    assert re.search(r'\{"name":"toy","colour":"#[0-9a-f]{6}"', result.report())


def test_a_modality_from_outside_comes_with_all_others_by_default(toy, task):
    inputs = build_inputs(task)
    assert inputs.names == available_modalities(task) == (*inputs.names[:-1], "toy")
    assert inputs.dims["toy"] == 10
    assert inputs.observed("toy").tolist() == [
        "7" not in label for label in (*task.left.entities, *task.right.entities)
    ]


def test_a_modality_from_outside_is_described_hidden_and_gives_seed_links(toy, task):
    facts = mmkg.describe(task)
    lacking = sum("7" in str(number) for number in range(60))
    assert facts["left"]["modalities"]["toy"]["entities"] == 60 - lacking
    assert not any("digits" in hint for hint in facts["missing"])
    hidden = hide(task, "toy", 1.0)
    assert not has_modality(hidden.left, "toy").any() and hidden.notes["left: entities with hidden toy"] == 60 - lacking
    assert "no toy on either side: add digits_k" in mmkg.describe(hidden)["missing"]
    settings = {"data": {"seeds_from": ["toy"]}}
    found = mmkg.align(task, "propagation", modalities=("structure",), seed=1, device="cpu", settings=settings)
    assert found.protocol.seeds_from == ("toy",) and found.protocol.num_train > 0


def test_the_weight_of_a_modality_from_outside_can_be_set(toy, task):
    def ratio(**options):
        found = mmkg.align(
            task, "propagation", modalities=("structure", "toy"), seed=1, device="cpu", settings={"options": options}
        )
        parts = np.split(np.asarray(found.left, np.float64), [found.widths["structure"]], axis=1)
        lengths = [np.linalg.norm(part, axis=1) for part in parts]
        both = (lengths[0] > 0) & (lengths[1] > 0)
        return np.median(lengths[1][both] / lengths[0][both])

    assert ratio(other_weight=0.4) == pytest.approx(ratio() / 2, rel=1e-4)


def test_an_unknown_modality_names_the_nearest_also_from_outside(toy, task):
    with pytest.raises(UsageError, match="no modality is called 'toys'; did you mean 'toy'"):
        has_modality(task.left, "toys")
    with pytest.raises(UsageError, match="unknown modality 'toys'; did you mean 'toy'"):
        build_inputs(task, FeatureConfig(modalities=("toys",)))


def test_a_modality_that_needs_a_setting_is_left_out_without_it(monkeypatch, task):
    monkeypatch.setitem(FEATURES, "toy", Modality("toy", present, build, setting="text_encoder"))
    assert "toy" not in available_modalities(task)
    assert "toy" in available_modalities(task, FeatureConfig(text_encoder="any"))
    assert "toy" not in mmkg.describe(task)["left"]["modalities"]
    with pytest.raises(UsageError, match="has no toy; .*; give features.text_encoder"):
        build_inputs(task, FeatureConfig(modalities=("toy",)))
