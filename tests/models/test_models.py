from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from no_waiting import NoWaiting
from small_models import link_rows, small_model

from mmkg.data.features.build import build_inputs
from mmkg.data.features.config import FeatureConfig
from mmkg.models import trained_models
from mmkg.sources.synthetic import twin_graphs

ALL = ("structure", "relation", "attribute", "image", "name")
EVERY_MODEL = pytest.mark.parametrize("name", sorted(trained_models()))


@pytest.fixture(scope="module")
def task():
    return twin_graphs(60, image_dim=6, missing={"image": 0.4, "attribute": 0.3, "name": 0.3}, seed=1)


@pytest.fixture
def inputs(task):
    return build_inputs(task)


def gappy_output(model, inputs, links):
    """Fused links of which each modality is missing at some, and everything at the first two left ends."""
    for m, name in enumerate(ALL):
        observed = inputs.observed(name)
        observed[links[2 + m :: 7, 0]] = False
        observed[links[4 + m :: 7, 1]] = False
        observed[links[:2, 0]] = False
    output = model.fuse(inputs, rows := links.t().flatten(), model.encode_structure(inputs, rows))
    assert not output.present.all(dim=0).any() and not output.present[:2].any()
    return output


@EVERY_MODEL
@pytest.mark.parametrize("fill", ["none", "token"])
def test_loss_and_gradients_are_finite_with_anything_missing(name, fill, task, inputs):
    model = small_model(name, inputs, fill=fill)
    links = link_rows(inputs, task.links.train)
    if fill == "token":
        output = model.fuse(inputs, rows := links.t().flatten(), model.encode_structure(inputs, rows))
        assert output.present.all()
    else:
        output = gappy_output(model, inputs, links)
    terms = model.loss_terms(output)
    assert all(term.shape == () and term.isfinite() for term in terms.values())
    torch.stack(list(terms.values())).sum().backward()
    grads = {key: p.grad for key, p in model.named_parameters() if p.grad is not None}
    assert all(grad.isfinite().all() for grad in grads.values())
    for encoder in ("structure", "encoders.image", "encoders.relation"):
        assert any(grad.any() for key, grad in grads.items() if key.startswith(encoder))


@EVERY_MODEL
def test_losses_and_their_gradients_wait_for_no_value_of_the_device(name, task, inputs):
    model = small_model(name, inputs)
    output = gappy_output(model, inputs, link_rows(inputs, task.links.train))
    pooled = {key: value.detach().requires_grad_() for key, value in output.pooled.items()}
    output = replace(output, pooled=pooled, joint=output.joint.detach().requires_grad_())
    with NoWaiting():
        torch.stack(list(model.loss_terms(output).values())).sum().backward()
    read = [output.joint] if name == "dual-amn" else output.pooled.values()
    assert all(value.grad.any() for value in read)


@EVERY_MODEL
def test_embeddings_are_unit_rows_as_wide_as_their_parts(name, inputs):
    model = small_model(name, inputs)
    joint = model.embed(inputs)
    assert list(model.widths) == list(ALL)
    assert joint.shape == (120, sum(model.widths.values())) and joint.dtype == torch.float32
    assert torch.allclose(joint.norm(dim=1), torch.ones(120), atol=1e-5)


@EVERY_MODEL
def test_part_of_an_absent_modality_is_zero_and_lies_where_the_widths_say(name, inputs):
    model = small_model(name, inputs)
    parts = dict(zip(model.widths, model.embed(inputs).split(list(model.widths.values()), dim=1), strict=True))
    for modality, part in parts.items():
        assert torch.equal(part.any(dim=1), inputs.observed(modality)), modality


@EVERY_MODEL
def test_rows_asked_for_are_the_rows_of_all(name, inputs):
    model = small_model(name, inputs)
    everyone, rows = model.embed(inputs), torch.tensor([7, 119, 0, 7, 64])
    assert torch.allclose(model.embed(inputs, rows=rows), everyone[rows], atol=1e-6)
    assert model.embed(inputs, rows=rows[:0]).shape == (0, everyone.shape[1])


@EVERY_MODEL
def test_blocks_are_reported_and_change_nothing(name, inputs):
    model, done = small_model(name, inputs), []
    blocks = model.embed(inputs, block=50, tick=done.append)
    assert done == [50, 100, 120]
    assert torch.allclose(blocks, model.embed(inputs), atol=1e-6)


@EVERY_MODEL
def test_embedding_leaves_the_mode_and_the_parameters_as_they_were(name, inputs):
    model = small_model(name, inputs)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    for training in (True, False):
        model.train(training)
        assert torch.equal(model.embed(inputs), model.embed(inputs))  # no dropout
        assert model.training is training and not torch.is_inference_mode_enabled()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


SUBSETS = [subset for size in (1, 2, 4) for subset in combinations(ALL, size)]


@EVERY_MODEL
@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
def test_any_subset_of_modalities_works(name, subset, task):
    inputs = build_inputs(task, FeatureConfig(modalities=subset))
    model = small_model(name, inputs)
    links = link_rows(inputs, task.links.train)
    terms = model.loss_terms(model.fuse(inputs, rows := links.t().flatten(), model.encode_structure(inputs, rows)))
    loss = torch.stack(list(terms.values())).sum()
    loss.backward()
    assert loss.isfinite() and any(p.grad is not None and p.grad.any() for p in model.parameters())
    joint = model.embed(inputs)
    present = torch.stack([inputs.observed(modality) for modality in subset]).any(dim=0)
    assert torch.allclose(joint.norm(dim=1), present.float(), atol=1e-5)


@EVERY_MODEL
def test_hidden_values_of_an_unobserved_entity_change_nothing(name, inputs):
    model = small_model(name, inputs)
    row = int(inputs.observed("image").nonzero()[0])
    inputs.tables["image"].observed[row] = False
    expected = model.embed(inputs)
    inputs.tables["image"].parts[0][int(inputs.tables["image"].position[row])] = float("nan")
    assert torch.equal(model.embed(inputs), expected) and expected.isfinite().all()


@EVERY_MODEL
def test_a_model_can_be_trained_after_embedding(name, task, inputs):
    model = small_model(name, inputs)
    joint = model.embed(inputs)  # fills the cache of the edge index
    links = link_rows(inputs, task.links.train)
    terms = model.loss_terms(model.fuse(inputs, rows := links.t().flatten(), model.encode_structure(inputs, rows)))
    torch.stack(list(terms.values())).sum().backward()
    assert any(p.grad.any() for p in model.structure.parameters())
    assert not joint.is_inference() and not joint.requires_grad


@EVERY_MODEL
def test_embedding_does_not_depend_on_block_rows_or_target_array(name, inputs):
    model = small_model(name, inputs)
    model.train()
    whole = model.embed(inputs)
    assert model.training
    rows = torch.tensor([5, 119, 0, 64])
    assert torch.allclose(model.embed(inputs, rows=rows), whole[rows], atol=1e-6)
    seen = []
    assert torch.allclose(model.embed(inputs, block=7, tick=seen.append), whole, atol=1e-6)
    assert seen[:2] == [7, 14] and seen[-1] == 120
    half = np.zeros(whole.shape, dtype=np.float16)
    model.embed(inputs, out=half)
    assert np.allclose(half, whole.numpy(), atol=1e-3)
    with pytest.raises(ValueError, match="to write to"):
        model.embed(inputs, out=half[1:])
