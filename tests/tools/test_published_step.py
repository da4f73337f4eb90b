"""The naive steps give the loss and the gradients of mmkg's own step: each is the other's reference."""

import copy

import pytest
import torch
from small_models import link_rows, small_model

from mmkg.data.features.build import build_inputs
from mmkg.sources.synthetic import twin_graphs

CHANGES = {
    "meaformer": {"dropout": 0.0, "attention_heads": 2, "group_size": 7},
    "mclea": {"group_size": 5},
    "mclea as coded": {"group_size": 9, "paper_compat": True},
}


@pytest.fixture
def published(load_tool):
    return load_tool("published_step")


@pytest.fixture(scope="module")
def task():
    return twin_graphs(40, image_dim=6, missing={"image": 0.3, "name": 0.2}, noise=0.2, seed=2)


def step_of(model, inputs, links):
    """Terms and gradients of mmkg's own step."""
    rows = links.t().flatten()
    terms = model.loss_terms(model.fuse(inputs, rows, model.encode_structure(inputs, rows)))
    torch.stack(list(terms.values())).sum().backward()
    return {name: float(term.detach()) for name, term in terms.items()}, gradients(model)


def gradients(model):
    return {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in model.named_parameters()}


@pytest.mark.parametrize("repaired", [False, True], ids=["as published", "repaired"])
@pytest.mark.parametrize("name", CHANGES)
def test_published_and_own_step_agree_on_losses_and_gradients(published, task, name, repaired):
    inputs = published.all_observed(build_inputs(task))
    links = link_rows(inputs, task.links.train)
    model = small_model(name.split()[0], inputs, seed=1, **CHANGES[name])
    with torch.no_grad():  # away from the starting point, where log-variances are 0 and weights are equal
        for number, parameter in enumerate(model.parameters()):
            parameter += 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(number))
    theirs = copy.deepcopy(model)
    terms, grads = step_of(model, inputs, links)
    step = published.PublishedStep(theirs, inputs, repaired=repaired)
    groups = step.losses(links)
    assert step.backward(groups) == (1 if repaired else len(groups)) and len(groups) > 1
    found = {name: sum(float(group[name].detach()) for group in groups) for name in groups[0]}
    assert found.keys() == terms.keys()
    assert found == pytest.approx(terms, abs=1e-4)
    assert sum(float(grad.abs().sum() > 0) for grad in grads.values()) > 0.9 * len(grads)
    for parameter, grad in gradients(theirs).items():
        torch.testing.assert_close(grad, grads[parameter], atol=1e-5, rtol=1e-3, msg=lambda m, p=parameter: f"{p}: {m}")


def test_everything_counts_as_observed_in_a_copy(published, task):
    inputs = build_inputs(task)
    seen = published.all_observed(inputs)
    assert all(seen.observed(name).all() for name in seen.names)
    assert not inputs.observed("image").all()


def test_a_model_of_another_paper_is_refused(published, task):
    inputs = build_inputs(task)
    with pytest.raises(TypeError, match="expected MCLEA or MEAformer, got EVA"):
        published.PublishedStep(small_model("eva", inputs), inputs, repaired=True)


def test_icl_by_hand(published):
    """Two links whose four ends are unit vectors at right angles but for the mates, which are equal."""
    ends = torch.tensor([[[1.0, 0], [0, 1]], [[2.0, 0], [0, 3]]])
    # of the three others an entity sees its mate at cosine 1 and two at cosine 0; τ = 1/2
    e2 = torch.tensor(2.0).exp()
    assert float(published.icl(ends, 0.5)) == pytest.approx(float(-torch.log(e2 / (e2 + 2))), abs=1e-6)


def test_ial_is_zero_where_both_agree_and_leaves_the_joint_alone(published):
    ends = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    joint = (3 * ends).detach().requires_grad_()
    loss = published.ial(joint, ends, 4.0)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0, abs=1e-6)
    assert joint.grad is None
