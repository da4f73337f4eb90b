"""What would have caught the defects of the released code, for both models."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmkg.data.tensors.batch import ModalityBatch
from mmkg.errors import InputError
from mmkg.losses import masked_smooth_l1
from mmkg.sentiment import MissingPolicy, SentimentExperiment, synthetic
from mmkg.sentiment.build import Shape, build_model
from mmkg.sentiment.data import feature_statistics
from mmkg.sentiment.tate import TATEConfig
from mmkg.sentiment.teacher import Teacher
from mmkg.sentiment.tfr_net import TFRNetConfig

SMALL = {
    "tfr-net": TFRNetConfig(dim=6, num_heads=2, pool_dim=4, head_dim=8),
    "tate": TATEConfig(dim=8, num_heads=2),
}
MODELS = sorted(SMALL)
DATA = synthetic(sizes=(40, 6, 6), lengths={"text": 4, "audio": 6, "vision": 5})


def small(name, data=DATA, **changes):
    experiment = SentimentExperiment(model=name, options=replace(SMALL[name], **changes))
    model = build_model(experiment, Shape(data.dims, data.lengths, data.label_range))
    model.set_scale(feature_statistics(data.train))
    return model.eval()


def some(missing="frame:0.4", number=8, data=DATA):
    rows = np.arange(number)
    seen = MissingPolicy.parse(missing).observed(data.train.valid, split="train")
    return data.train.batch(seen, rows), torch.from_numpy(data.train.labels[rows])


def changed(batch, **parts):
    return ModalityBatch(*({**getattr(batch, what), **parts.get(what, {})} for what in ("values", "valid", "observed")))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("missing", ["none", "frame:0.4", "modality:0.5"])
def test_a_sample_is_answered_by_itself(name, missing):
    model, (batch, _) = small(name), some(missing)
    others = changed(batch, values={n: torch.cat([x[:1], x[1:] + 3]) for n, x in batch.values.items()})
    alone = ModalityBatch(*({n: x[:1] for n, x in p.items()} for p in (batch.values, batch.valid, batch.observed)))
    before = model(batch, for_loss=True)
    for other in (others, alone):
        after = model(other, for_loss=True)
        torch.testing.assert_close(after.scores[0], before.scores[0])
        for what in before.hidden:
            torch.testing.assert_close(after.hidden[what][0], before.hidden[what][0])


@pytest.mark.parametrize("name", MODELS)
def test_garbage_where_nothing_is_seen_changes_nothing(name):
    model, (batch, labels) = small(name), some()
    garbage = {n: torch.where((batch.valid[n] & batch.observed[n])[..., None], x, 1e6) for n, x in batch.values.items()}
    torch.testing.assert_close(model(changed(batch, values=garbage)).scores, model(batch).scores)
    beyond = {n: torch.where(batch.valid[n][..., None], x, float("nan")) for n, x in batch.values.items()}
    terms = model.loss_terms(changed(batch, values=beyond), labels)
    for key, term in model.loss_terms(batch, labels).items():
        torch.testing.assert_close(terms[key], term)


@pytest.mark.parametrize("name", MODELS)
def test_padding_may_be_any_length(name):
    model, (batch, _) = small(name), some()
    pad = torch.nn.functional.pad
    longer = ModalityBatch(
        {n: pad(x, (0, 0, 0, 3)) for n, x in batch.values.items()},
        *({n: pad(x, (0, 3)) for n, x in part.items()} for part in (batch.valid, batch.observed)),
    )
    present = batch.present.all(dim=1)  # a modality that a sample lacks has no length: all steps ask
    torch.testing.assert_close(model(longer).scores[present], model(batch).scores[present])


@pytest.mark.parametrize("name", MODELS)
def test_two_evaluations_agree_though_training_draws(name):
    model, (batch, _) = small(name), some()
    assert torch.equal(model(batch).scores, model(batch).scores)
    model.train()
    assert not torch.equal(model(batch).scores, model(batch).scores)


@pytest.mark.parametrize("name", MODELS)
def test_the_order_of_the_modalities_is_only_an_order(name):
    """Keyed by name: a batch in another order gives the same answer."""
    model, (batch, _) = small(name), some()
    turned = batch.select(("vision", "text", "audio"))
    torch.testing.assert_close(model(turned).scores, model(batch).scores)


@pytest.mark.parametrize("name", MODELS)
def test_weights_follow_their_names(name):
    model, (batch, _) = small(name, joint="meta"), some("modality:0.5")
    found = model(batch)
    torch.testing.assert_close(found.weights.sum(dim=1), torch.ones(8))
    assert torch.equal(found.weights > 0, batch.present)
    torch.testing.assert_close(model(batch.select(("vision", "text", "audio"))).weights, found.weights)
    found.scores.sum().backward()
    assert model.joint.fusion.block.project.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("joint", ["concat", "global"])
def test_other_joints_learn_too(name, joint):
    model, (batch, labels) = small(name, joint=joint), some()
    sum(model.loss_terms(batch, labels).values()).backward()
    assert model(batch).scores.shape == (8,)


@pytest.mark.parametrize("name", MODELS)
def test_the_error_of_a_regression_is_absolute_or_squared(name):
    batch, labels = some()
    for error, power in (("absolute", 1), ("squared", 2)):
        model = small(name, error=error)
        gaps = (model(batch).scores - labels).abs()
        torch.testing.assert_close(model.loss_terms(batch, labels)["task"], (gaps**power).mean())


@pytest.mark.parametrize("name", MODELS)
def test_three_classes(name):
    model, (batch, labels) = small(name, head="classes"), some()
    scores = model(batch).scores
    assert scores.shape == (8, 3)
    classes = torch.tensor([0 if y < 0 else 1 if y == 0 else 2 for y in labels.tolist()])
    expected = -scores.log_softmax(dim=1)[torch.arange(8), classes].mean()
    torch.testing.assert_close(model.loss_terms(batch, labels)["task"], expected)


@pytest.mark.parametrize("name", MODELS)
def test_other_features_than_in_training_are_refused(name):
    model, (batch, _) = small(name), some()
    with pytest.raises(InputError, match="audio has 3 features, the model was trained on 8"):
        model(changed(batch, values={"audio": batch.values["audio"][..., :3]}))
    with pytest.raises(InputError, match="the batch lacks vision"):
        model(batch.select(("text", "audio")))


@pytest.mark.parametrize("name", MODELS)
def test_a_sample_of_which_nothing_is_left_has_a_finite_answer(name):
    model, (batch, labels) = small(name), some()
    nothing = changed(batch, observed={n: torch.zeros_like(x) for n, x in batch.observed.items()})
    terms = model.loss_terms(nothing, labels)
    sum(terms.values()).backward()
    scores = model(nothing).scores
    assert torch.isfinite(scores).all() and all(torch.isfinite(term) for term in terms.values())
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("steps", [39, 55])
def test_any_length_builds_and_learns(steps):
    data = synthetic(sizes=(4, 1, 1), lengths={"text": steps, "audio": 7, "vision": 13})
    for name in MODELS:
        model, (batch, labels) = small(name, data), some(number=4, data=data)
        sum(model.loss_terms(batch, labels).values()).backward()


@pytest.mark.parametrize("axis", ["feature", "time"])
def test_reconstruction_costs_what_was_dropped_alone(axis):
    model = small("tfr-net", axis=axis, reconstruction_weight=2.0)
    batch, labels = some("none")
    assert all(term == 0 for key, term in model.loss_terms(batch, labels).items() if key != "task")
    batch, labels = some("frame:0.4")
    told = model(batch, for_loss=True).hidden["audio"]
    mean, std = map(torch.from_numpy, feature_statistics(DATA.train)["audio"])
    target = (batch.values["audio"] - mean) / std
    dropped = batch.valid["audio"] & ~batch.observed["audio"]
    rows, steps = dropped.nonzero(as_tuple=True)
    expected = torch.nn.functional.smooth_l1_loss(told[rows, steps], target[rows, steps])
    terms = model.loss_terms(batch, labels)
    torch.testing.assert_close(terms["reconstruction.audio"], 2 * expected)
    told.retain_grad()
    masked_smooth_l1(told, target, dropped).backward()
    assert torch.equal(told.grad.abs().sum(dim=-1) > 0, dropped)


def test_the_tag_enters_the_encoder_and_is_learnt():
    model, (batch, labels) = small("tate"), some("none")
    seen = []
    model.encoder.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach()))
    model(batch)
    model(changed(batch, observed={"audio": torch.zeros_like(batch.observed["audio"])}))
    width = model.tag.width
    complete, without = (each[0, 0, -width:].tolist()[:4] for each in seen)
    assert (complete, without) == ([1, 0, 0, 0], [0, 0, 1, 0])
    terms = model.loss_terms(batch, labels)
    terms["tag"].backward()
    assert model.tag_head.layer.weight.grad.abs().sum() > 0
    assert model.encoder.query.weight.grad[:, -width].abs().sum() > 0  # the column that reads "complete"


def test_the_teacher_is_another_and_stays_so_and_sees_everything():
    model, (batch, labels) = small("tate"), some("modality:0.6")
    teacher = Teacher(model)
    theirs = {p.data_ptr() for p in teacher.parameters()}
    assert theirs.isdisjoint(p.data_ptr() for p in model.parameters())
    complete = changed(batch, observed=batch.valid)
    expected = model(complete).hidden["encoded"].detach()
    torch.testing.assert_close(teacher(batch).hidden["encoded"], expected)
    assert not torch.allclose(model(batch).hidden["encoded"], expected)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train(), teacher.train()
    terms = model.loss_terms(batch, labels, teacher)
    sum(terms.values()).backward()
    optimizer.step()
    assert terms["kl"] > 0
    torch.testing.assert_close(teacher(batch).hidden["encoded"], expected)
    assert all(p.grad is None for p in teacher.parameters())


def test_the_divergence_from_the_teacher_is_nothing_where_nothing_is_missing():
    model, (batch, labels) = small("tate"), some("none")
    terms = model.loss_terms(batch, labels, Teacher(model))
    assert terms["kl"].item() == pytest.approx(0, abs=1e-7)
