"""Generated tokens and tags in the aligners."""

import pytest
import torch
from small_models import SMALL, link_rows, small_model

from mmkg.data.features.build import build_inputs
from mmkg.data.tensors.batch import ModalityBatch
from mmkg.fusion import TokenGenerator
from mmkg.sources.synthetic import twin_graphs


@pytest.fixture(scope="module")
def task():
    return twin_graphs(60, image_dim=6, missing={"image": 0.4, "attribute": 0.3, "name": 0.3}, seed=1)


def tokens(present):
    present = torch.tensor(present)
    generator = torch.Generator().manual_seed(0)
    values = {name: torch.randn(len(present), 1, 3, generator=generator) for name in ("a", "b", "c")}
    masks = {name: present[:, m, None] for m, name in enumerate(values)}
    return ModalityBatch(values, {name: torch.ones_like(mask) for name, mask in masks.items()}, masks)


def test_a_token_is_predicted_from_the_other_modalities_alone():
    batch, fill = tokens([[True, True, True], [True, True, False]]), TokenGenerator(dict.fromkeys("abc", 3), 8)
    predicted = fill.predict(batch)
    others = ModalityBatch(batch.values | {"a": batch.values["a"] + 5}, batch.valid, batch.observed)
    again = fill.predict(others)
    torch.testing.assert_close(again["a"], predicted["a"])
    assert not torch.allclose(again["b"], predicted["b"])
    values = {name: x.clone().requires_grad_() for name, x in batch.values.items()}
    sum(each.sum() for each in fill.predict(ModalityBatch(values, batch.valid, batch.observed)).values()).backward()
    assert all(x.grad is None for x in values.values())


def test_only_gaps_are_filled_and_an_item_without_anything_stays_so():
    batch, fill = tokens([[True, False, True], [False] * 3]), TokenGenerator(dict.fromkeys("abc", 3), 8)
    filled = fill(batch)
    assert torch.equal(filled.values["a"], batch.values["a"]) and torch.equal(filled.values["c"], batch.values["c"])
    torch.testing.assert_close(filled.values["b"][0, 0], fill.predict(batch)["b"][0])
    assert filled.present.tolist() == [[True] * 3, [False] * 3]


@pytest.mark.parametrize("name", sorted(SMALL))
def test_the_loss_is_the_distance_over_entities_that_have_the_modality(name, task):
    inputs = build_inputs(task)
    model = small_model(name, inputs, fill="generator")
    rows = link_rows(inputs, task.links.train[:12]).t().flatten()
    output = model.fuse(inputs, rows, model.encode_structure(inputs, rows))
    terms = model.fill_terms(output, 2.0)
    had = output.present_before[:, output.names.index("image")]
    assert 0 < had.sum() < len(rows) and output.present[:, output.names.index("image")].all()
    predicted, targets = (
        torch.nn.functional.normalize(x["image"][had], dim=-1) for x in (output.predicted, output.targets)
    )
    gaps = (predicted - targets).abs()
    naive = torch.where(gaps < 1, 0.5 * gaps**2, gaps - 0.5).sum(dim=1).mean()
    torch.testing.assert_close(terms["fill.image"], 2 * naive)
    assert {f"fill.{each}" for each in output.names} == set(terms)
    loss = sum(model.loss_terms(output, 12).values())
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.fill.networks["image"].parameters())


@pytest.mark.parametrize("name", ["mclea", "meaformer"])
def test_a_tag_starts_without_effect_and_is_learnt(name, task):
    inputs = build_inputs(task)
    plain, tagged = small_model(name, inputs), small_model(name, inputs, tag=True)
    missing = tagged.load_state_dict(plain.state_dict(), strict=False).missing_keys
    assert missing and all(key.startswith("tag.") for key in missing)
    rows = link_rows(inputs, task.links.train[:12]).t().flatten()
    plain.eval(), tagged.eval()
    expected = plain.fuse(inputs, rows, plain.encode_structure(inputs, rows))
    found = tagged.fuse(inputs, rows, tagged.encode_structure(inputs, rows))
    torch.testing.assert_close(found.joint, expected.joint)
    sum(tagged.loss_terms(found, 12).values()).backward()
    grads = tagged.tag.vectors["image"].weight.grad.abs().sum(dim=1) > 0
    codes = (output_codes(found.present_before)).unique()
    assert set(grads.nonzero().flatten().tolist()) <= set(codes.tolist()) and grads.any()


def output_codes(had):
    return (had * 2 ** torch.arange(had.shape[1])).sum(dim=1)
