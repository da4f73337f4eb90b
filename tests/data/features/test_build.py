import pytest
import torch
from small_pairs import full_pair, graph, pair

from mmkg.data.features.build import build_inputs
from mmkg.data.features.config import FeatureConfig
from mmkg.data.features.registry import available_modalities
from mmkg.errors import UsageError


def test_inputs_hold_every_modality_of_the_data_in_a_fixed_order():
    task = full_pair()
    inputs = build_inputs(task)
    assert available_modalities(task) == inputs.names == ("structure", "relation", "attribute", "image", "name")
    assert inputs.dims == {"structure": 5, "relation": 1, "attribute": 1, "image": 2, "name": inputs.dims["name"]}
    assert inputs.num_entities == 5
    # the right triple (0, 1) lies at rows 3 and 4, and no edge joins the two graphs
    source, target = inputs.graph.edge_index.as_tensor().tolist()
    assert set(zip(source, target, strict=True)) == {*((i, i) for i in range(5)), (0, 1), (1, 0), (3, 4), (4, 3)}
    assert inputs.observed("structure").tolist() == [True, True, False, True, True]
    assert inputs.observed("image").tolist() == [False, True, False, False, True]


def test_only_the_modalities_asked_for_are_built():
    inputs = build_inputs(full_pair(), FeatureConfig(modalities=("name", "structure")))
    assert inputs.names == ("structure", "name")
    assert build_inputs(full_pair(), FeatureConfig(modalities=("image",))).graph is None


def test_unknown_modality_names_the_nearest_one():
    with pytest.raises(UsageError, match="'imege'; did you mean 'image'"):
        build_inputs(full_pair(), FeatureConfig(modalities=("imege",)))


def test_modality_the_data_lack_is_refused_and_those_at_hand_are_named():
    with pytest.raises(UsageError, match="has no image; it has structure, relation"):
        build_inputs(
            pair(graph(2, relations=["r"], triples=[(0, 0, 1)]), graph(1)), FeatureConfig(modalities=("image",))
        )


def test_self_loops_alone_are_no_structure_but_a_relation():
    loop = graph(2, relations=["r"], triples=[(0, 0, 0)])
    inputs = build_inputs(pair(loop, graph(2, relations=["r"], triples=[(0, 0, 1)])))
    assert inputs.observed("structure").tolist() == [False, False, True, True]
    assert inputs.observed("relation").tolist() == [True, False, True, True]
    assert build_inputs(pair(loop, graph(1))).names == ("relation",)


def test_empty_bags_count_as_observed_on_request():
    inputs = build_inputs(full_pair(), FeatureConfig(empty_bags="observed"))
    assert inputs.observed("relation").all() and inputs.observed("attribute").all()
    assert not inputs.observed("image").all()


def test_batch_takes_values_and_masks_of_the_same_rows():
    inputs = build_inputs(full_pair())
    rows = torch.tensor([4, 2, 1, 4])
    made = inputs.batch(rows)
    assert made.names == ("relation", "attribute", "image", "name")
    for name in made.names:
        assert made.observed[name].flatten().tolist() == inputs.observed(name)[rows].tolist()
        assert made.valid[name].all()
    assert torch.equal(made.values["image"], inputs.tables["image"].take(rows))
