import pytest
import torch
import torch.nn.functional as F
from small_models import link_rows, small_model

from mmkg.data.features.build import build_inputs
from mmkg.fusion import FusionOutput
from mmkg.losses import ial_from_similarity, icl, nca
from mmkg.sources.synthetic import twin_graphs

NAMES = ("structure", "relation", "attribute", "image", "name")


@pytest.fixture(scope="module")
def task():
    return twin_graphs(40, image_dim=6, missing={"image": 0.3}, seed=2)


@pytest.fixture(scope="module")
def inputs(task):
    return build_inputs(task)


def fused(model, inputs, task):
    model.eval()
    links = link_rows(inputs, task.links.train)
    return model.fuse(inputs, rows := links.t().flatten(), model.encode_structure(inputs, rows))


def sides(values):
    return values.split(len(values) // 2)


def part(output, start, stop):
    """The fused ends of some links."""

    def cut(values):
        return torch.cat([side[start:stop] for side in sides(values)])

    tokens, pooled = ({name: cut(v) for name, v in every.items()} for every in (output.tokens, output.pooled))
    return FusionOutput(cut(output.joint), tokens, pooled, cut(output.weights), cut(output.present), output.names)


def test_eva_has_its_own_sharpness_for_structure(inputs, task):
    model = small_model("eva", inputs)
    output = fused(model, inputs, task)
    terms = model.loss_terms(output)
    assert set(terms) == {"nca.joint", *(f"nca.{name}" for name in NAMES)}
    for m, name in enumerate(NAMES):
        alpha = 5.0 if name == "structure" else 15.0
        expected = nca(*sides(output.pooled[name]), alpha=alpha, beta=10.0, present=output.present[:, m])
        assert torch.equal(terms[f"nca.{name}"], expected)
    assert torch.allclose(terms["nca.joint"], nca(*sides(output.joint), alpha=15.0, beta=10.0))


def test_eva_joint_loss_moves_the_weights_and_nothing_else(inputs, task):
    model = small_model("eva", inputs)
    model.loss_terms(fused(model, inputs, task))["nca.joint"].backward()
    moved = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert moved == {"fusion.weights.logits"}


def test_mclea_terms_are_icl_and_ial_of_each_modality(inputs, task):
    model = small_model("mclea", inputs)
    output = fused(model, inputs, task)
    terms = model.loss_terms(output)
    assert set(terms) == {"icl.joint", *(f"{kind}.{name}" for kind in ("icl", "ial") for name in NAMES)}
    assert torch.allclose(terms["icl.joint"], icl(*sides(output.joint)), atol=1e-5)
    for m, name in enumerate(NAMES):
        present, rows = output.present[:, m], F.normalize(output.pooled[name], dim=1)
        expected = icl(*sides(rows), present=present)
        assert torch.allclose(terms[f"icl.{name}"], expected, atol=1e-5)
        expected = ial_from_similarity(output.joint @ output.joint.t(), rows @ rows.t(), present=present)
        assert torch.allclose(terms[f"ial.{name}"], expected, atol=1e-6)


def test_mclea_ial_teaches_the_modalities_and_not_the_weights(inputs, task):
    model = small_model("mclea", inputs)
    terms = model.loss_terms(fused(model, inputs, task))
    sum(term for name, term in terms.items() if name.startswith("ial")).backward()
    assert model.fusion.weights.logits.grad is None or not model.fusion.weights.logits.grad.any()
    assert all(model.encoders[name].weight.grad.any() for name in NAMES[1:])
    assert model.structure.embedding.grad.any()


def test_mclea_paper_compat_scales_ial_as_the_official_code(inputs, task):
    plain = small_model("mclea", inputs)
    compat = small_model("mclea", inputs, paper_compat=True)
    count = 2 * len(task.links.train)
    for log_variance in (0.0, 0.7):
        for model in (plain, compat):
            model.ial_weights.log_variance.data.fill_(log_variance)
        ours = plain.loss_terms(fused(plain, inputs, task))
        theirs = compat.loss_terms(fused(compat, inputs, task))
        for name in NAMES:
            assert torch.equal(theirs[f"icl.{name}"], ours[f"icl.{name}"])
            # zoom * (exp(-t) * zoom * L / 2B + t), from exp(-t) * L + t
            divergence = ours[f"ial.{name}"] - log_variance
            expected = 0.1 * (0.1 * divergence / count + log_variance)
            assert torch.allclose(theirs[f"ial.{name}"], expected, atol=1e-7)


def test_meaformer_has_early_and_late_terms_with_shared_log_variances(inputs, task):
    model = small_model("meaformer", inputs)
    model.icl_weights.log_variance.data = torch.linspace(-0.5, 0.5, 5)
    output = fused(model, inputs, task)
    terms = model.loss_terms(output)
    assert set(terms) == {"icl.joint", *(f"{kind}.{name}" for kind in ("early", "late") for name in NAMES)}
    assert torch.allclose(terms["icl.joint"], icl(*sides(output.joint)), atol=1e-5)
    for m, name in enumerate(NAMES):
        s = model.icl_weights.log_variance[m]
        for kind, rows in (("early", output.pooled[name]), ("late", output.tokens[name][:, 0])):
            expected = (-s).exp() * icl(*sides(rows), present=output.present[:, m]) + s
            assert torch.allclose(terms[f"{kind}.{name}"], expected, atol=1e-5)
    assert terms["early.image"] != terms["late.image"]


@pytest.mark.parametrize("size", [7, 5, 1])
@pytest.mark.parametrize("name", ["mclea", "meaformer"])
def test_groups_are_contrasted_apart_and_averaged(name, size, inputs, task):
    model = small_model(name, inputs)
    grouped = small_model(name, inputs, group_size=size)
    output, links = fused(model, inputs, task), len(task.links.train)
    found = grouped.loss_terms(fused(grouped, inputs, task))
    each = [model.loss_terms(part(output, start, start + size)) for start in range(0, links, size)]
    assert len(each) == -(-links // size) > 1
    for key in found:
        assert torch.allclose(found[key], torch.stack([terms[key] for terms in each]).mean(), atol=1e-6)


def test_mclea_paper_compat_divides_by_the_size_of_each_group(inputs, task):
    plain, compat = (
        small_model("mclea", inputs),
        small_model("mclea", inputs, paper_compat=True, group_size=5),
    )
    output, links = fused(plain, inputs, task), len(task.links.train)
    groups = [part(output, start, start + 5) for start in range(0, links, 5)]
    assert {len(group.joint) for group in groups} == {10, 2}  # the last group is smaller
    found = compat.loss_terms(output)
    for name in NAMES:
        each = [0.1 * plain.loss_terms(group)[f"ial.{name}"] / len(group.joint) for group in groups]
        assert found[f"ial.{name}"].item() == pytest.approx(0.1 * sum(each).item() / len(each), rel=1e-4)
