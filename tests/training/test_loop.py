import logging
import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_models import hits_at_1, link_rows, small_model

from mmkg.data.features.build import build_inputs
from mmkg.data.features.config import FeatureConfig
from mmkg.data.kg import ImageTable
from mmkg.data.split import split_links
from mmkg.data.task import LinkSplit
from mmkg.errors import InputError, UsageError
from mmkg.models import trained_models
from mmkg.sources.synthetic import twin_graphs
from mmkg.training import DivergedError, TrainingConfig, fit
from mmkg.training.loop import train_step
from mmkg.training.optim import build_optimizers

EVERY_MODEL = pytest.mark.parametrize("name", sorted(trained_models()))
QUICK = TrainingConfig(epochs=4, batch_size=8, learning_rate=1e-2, eval_every=1, patience=0)


@pytest.fixture(scope="module")
def task():
    return twin_graphs(60, image_dim=6, seed=1)


@pytest.fixture(scope="module")
def inputs(task):
    return build_inputs(task)


@pytest.fixture(scope="module")
def links(task, inputs):
    return link_rows(inputs, task.links.train)


def same_bits(first, second):
    assert first.keys() == second.keys()
    return all(torch.equal(value, second[name]) for name, value in first.items())


def trained(name, inputs, links, config=QUICK, *, model_seed=0, **kwargs):
    model = small_model(name, inputs, seed=model_seed)
    return model, fit(model, inputs, links, config, **kwargs)


def with_junk(task):
    """Eight loud columns of noise beside the image features, so that an untrained model does badly."""
    rng, graphs = np.random.default_rng(0), []
    for graph in (task.left, task.right):
        junk = 3 * rng.standard_normal((len(graph.images.rows), 8), dtype=np.float32)
        images = ImageTable(graph.images.rows, np.concatenate([graph.images.features, junk], axis=1))
        graphs.append(replace(graph, images=images))
    return replace(task, left=graphs[0], right=graphs[1])


@EVERY_MODEL
def test_planted_twins_are_found(name):
    task = with_junk(twin_graphs(150, image_dim=16, noise=0.1, train_ratio=0.5, missing={"image": 0.1}, seed=3))
    inputs = build_inputs(task, FeatureConfig(modalities=("structure", "relation", "attribute", "image")))
    model = small_model(name, inputs)
    before = hits_at_1(model, inputs, task.links.test)
    config = TrainingConfig(epochs=30, batch_size=0, learning_rate=5e-3)
    result = fit(model, inputs, link_rows(inputs, task.links.train), config)
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    found = hits_at_1(model, inputs, task.links.test)  # chance: 1 in 75
    assert found > 0.65 and found > before + 0.05, (before, found)


@EVERY_MODEL
def test_the_same_seed_gives_the_same_bits(name, inputs, links):
    first, result = trained(name, inputs, links, seed=5)
    torch.manual_seed(999)  # what happened before does not matter
    again, repeated = trained(name, inputs, links, seed=5)
    other, _ = trained(name, inputs, links, seed=6)
    assert same_bits(first.state_dict(), again.state_dict())
    assert result.history == repeated.history
    assert not same_bits(first.state_dict(), other.state_dict())


def test_dropout_differs_between_epochs_and_between_seeds(inputs, links):
    config, drawn = replace(QUICK, epochs=3, batch_size=0, learning_rate=0.0), []
    for seed in (5, 6):
        model = small_model("meaformer", inputs, dropout=0.5)
        drawn += [row["late.image"] for row in fit(model, inputs, links, config, seed=seed).history]
    assert len({round(value, 3) for value in drawn}) == 6  # the weights stand still; only the masks move


class Killed(Exception):
    pass


def killed_at(epoch):
    def on_epoch(row):
        if row["epoch"] == epoch:
            raise Killed

    return on_epoch


@EVERY_MODEL
@pytest.mark.parametrize("epoch", [1, 3])
def test_a_resumed_run_ends_with_the_bits_of_an_uninterrupted_one(name, epoch, inputs, links, task, tmp_path):
    config = replace(QUICK, checkpoint_seconds=0)

    def validate(model):
        return hits_at_1(model, inputs, task.links.valid)

    whole, expected = trained(name, inputs, links, config, seed=5, validate=validate)
    with pytest.raises(Killed):
        trained(
            name, inputs, links, config, seed=5, validate=validate, on_epoch=killed_at(epoch),
            checkpoint=tmp_path / "c", identity="mine",
        )  # fmt: skip
    rows = []
    resumed, result = trained(
        name, inputs, links, config, seed=5, validate=validate, on_epoch=rows.append,
        checkpoint=tmp_path / "c", identity="mine", model_seed=77,
    )  # fmt: skip
    assert same_bits(whole.state_dict(), resumed.state_dict())
    assert result == expected
    before = [row.pop("restored", False) for row in rows]
    assert rows == expected.history  # the rows before the kill are told again
    assert before == [number < sum(before) for number in range(len(rows))] and 0 < sum(before) <= epoch + 1


def test_a_finished_run_is_not_trained_further(inputs, links, tmp_path):
    config = replace(QUICK, checkpoint_seconds=0)
    first, expected = trained("eva", inputs, links, config, checkpoint=tmp_path / "c")
    again, result = trained("eva", inputs, links, config, checkpoint=tmp_path / "c", model_seed=77)
    assert same_bits(first.state_dict(), again.state_dict()) and result == expected


def test_a_run_that_stopped_early_stays_stopped(inputs, links, tmp_path):
    config = replace(QUICK, epochs=6, patience=2, checkpoint_seconds=0)
    _, expected = trained("eva", inputs, links, config, validate=lambda _: 0.5, checkpoint=tmp_path / "c")
    assert expected.epochs == 3

    def never(_):
        raise AssertionError("trained on")

    model, result = trained("eva", inputs, links, config, validate=never, checkpoint=tmp_path / "c")
    assert result == expected and result.best_epoch == 0


def test_a_checkpoint_of_another_run_is_refused(inputs, links, tmp_path):
    trained("eva", inputs, links, checkpoint=tmp_path / "c", identity="mine")
    with pytest.raises(InputError, match="other data or another configuration"):
        trained("eva", inputs, links, checkpoint=tmp_path / "c", identity="yours")


def test_a_damaged_checkpoint_is_refused_before_training(inputs, links, tmp_path):
    trained("eva", inputs, links, checkpoint=tmp_path / "c")
    damaged = bytearray((tmp_path / "c").read_bytes())
    damaged[-5] ^= 1
    (tmp_path / "c").write_bytes(damaged)
    model = small_model("eva", inputs)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(InputError, match="damaged checkpoint"):
        fit(model, inputs, links, QUICK, checkpoint=tmp_path / "c")
    assert same_bits(model.state_dict(), before)


def test_no_links_are_an_error(inputs, links):
    with pytest.raises(InputError, match="at least one link"):
        trained("eva", inputs, links[:0])


def with_losses(model, spoil):
    """Let ``spoil(call number, terms)`` change the loss terms."""
    original, calls = model.loss_terms, []

    def loss_terms(output, num_links=None):
        calls.append(None)
        return spoil(len(calls), original(output))

    model.loss_terms = loss_terms
    return model


def times(factor):
    return lambda terms: {name: term * factor for name, term in terms.items()}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_once_is_skipped(bad, inputs, links, caplog):
    model = small_model("eva", inputs)
    with_losses(model, lambda call, terms: times(bad)(terms) if call == 3 else terms)
    with caplog.at_level(logging.WARNING):
        result = fit(model, inputs, links, QUICK)
    assert (result.skipped_steps, result.skipped_in_a_row) == (1, 0)
    assert all(value.isfinite().all() for value in model.state_dict().values())
    assert all(math.isfinite(row["loss"]) for row in result.history)
    assert "not finite" in caplog.text


def test_a_skipped_step_moves_nothing(inputs, links):
    model = small_model("eva", inputs)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with_losses(model, lambda call, terms: times(float("nan"))(terms))
    fit(model, inputs, links, replace(QUICK, epochs=2, batch_size=0))
    assert same_bits(model.state_dict(), before)


class InfiniteSlope(torch.autograd.Function):
    """The identity, with a gradient of infinity."""

    @staticmethod
    def forward(ctx, value):
        return value.clone()

    @staticmethod
    def backward(ctx, grad):
        return torch.full_like(grad, float("inf"))


def test_a_gradient_that_is_not_finite_is_skipped_too(inputs, links):
    model = small_model("eva", inputs)
    steep = lambda terms: {name: InfiniteSlope.apply(term) for name, term in terms.items()}  # noqa: E731
    with_losses(model, lambda call, terms: steep(terms) if call == 2 else terms)
    result = fit(model, inputs, links, QUICK)
    assert result.skipped_steps == 1
    assert all(value.isfinite().all() for value in model.state_dict().values())


def test_a_loss_that_is_never_finite_ends_the_run(inputs, links):
    model = with_losses(small_model("eva", inputs), lambda call, terms: times(float("nan"))(terms))
    with pytest.raises(DivergedError, match="3 steps in a row"):
        fit(model, inputs, links, replace(QUICK, max_bad_steps=3))
    # two bad steps, one good one, and so on: never three in a row
    model = with_losses(
        small_model("eva", inputs), lambda call, terms: times(float("nan"))(terms) if call % 3 else terms
    )
    assert fit(model, inputs, links, replace(QUICK, max_bad_steps=3)).skipped_steps > 3


def test_the_model_ends_with_the_weights_of_the_best_epoch(inputs, links):
    scores, seen = iter([0.1, 0.6, 0.3, 0.6]), []
    model = small_model("meaformer", inputs)

    def validate(model):
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return next(scores)

    result = fit(model, inputs, links, QUICK, validate=validate)
    assert (result.best_epoch, result.best_score, result.epochs) == (1, 0.6, 4)
    assert same_bits(model.state_dict(), seen[1]) and not same_bits(seen[1], seen[3])
    assert [row["valid"] for row in result.history] == [0.1, 0.6, 0.3, 0.6]


def test_validation_comes_every_few_epochs_and_after_the_last(inputs, links):
    config = replace(QUICK, epochs=5, eval_every=2)
    _, result = trained("eva", inputs, links, config, validate=lambda model: 0.0)
    assert [row["epoch"] for row in result.history if "valid" in row] == [1, 3, 4]


def test_validating_changes_no_training_bit(inputs, links):
    plain, _ = trained("meaformer", inputs, links)
    rising = iter(range(10))

    def validate(model):
        torch.rand(17)  # a validation that draws
        model.embed(inputs)
        return float(next(rising))

    validated, _ = trained("meaformer", inputs, links, validate=validate)
    assert same_bits(plain.state_dict(), validated.state_dict())


def test_patience_ends_the_run(inputs, links):
    config = replace(QUICK, epochs=10, patience=3)
    _, result = trained("eva", inputs, links, config, validate=lambda model: 0.5)
    assert (result.epochs, result.best_epoch) == (4, 0)


def test_history_adds_up_to_the_loss_and_follows_the_rate(inputs, links):
    _, result = trained("mclea", inputs, links)
    assert [row["epoch"] for row in result.history] == [0, 1, 2, 3]
    for row in result.history:
        terms = [value for name, value in row.items() if name not in ("epoch", "loss", "rate")]
        assert row["loss"] == pytest.approx(sum(terms))
    rates = [row["rate"] for row in result.history]
    assert 0 < rates[-1] < rates[1] <= QUICK.learning_rate


@EVERY_MODEL
def test_test_links_leave_no_trace_in_the_embeddings(name, task):
    shuffled = task.links.test.copy()
    shuffled[:, 1] = np.roll(shuffled[:, 1], 1)
    wrong = replace(task, links=LinkSplit(task.links.train, task.links.valid, shuffled))
    embeddings = []
    for given in (task, wrong):
        inputs = build_inputs(given)
        model, _ = trained(name, inputs, link_rows(inputs, given.links.train))
        embeddings.append(model.embed(inputs))
    assert torch.equal(*embeddings)
    other = split_links(task.links.all(), seed=99)
    assert not torch.equal(trained(name, inputs, link_rows(inputs, other.train))[0].embed(inputs), embeddings[0])


def test_global_generators_and_switches_are_left_as_they_were(inputs, links):
    before = torch.get_rng_state(), np.random.get_state(), random.getstate()
    trained("meaformer", inputs, links)
    model = with_losses(small_model("eva", inputs), lambda call, terms: times(float("nan"))(terms))
    with pytest.raises(DivergedError):
        fit(model, inputs, links, QUICK)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert all(np.array_equal(a, b) for a, b in zip(np.random.get_state(), before[1], strict=True))
    assert random.getstate() == before[2]
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory


def test_a_link_is_seen_once_an_epoch_whatever_the_batch(inputs, links):
    for batch_size in (0, 1, 8, 1000):
        seen = []
        model = small_model("eva", inputs)
        fuse = model.fuse

        def recording(inputs, rows, structure, seen=seen, fuse=fuse):
            seen.extend(rows.view(2, -1).t().tolist())
            return fuse(inputs, rows, structure)

        model.fuse = recording
        fit(model, inputs, links, replace(QUICK, epochs=1, batch_size=batch_size))
        assert sorted(seen) == sorted(links.tolist())
        assert seen != links.tolist()


SAMPLED = replace(QUICK, fanout=(3, 3), batch_size=8, weight_decay=0.0)


def test_drawn_neighbours_find_planted_twins_by_structure_alone():
    task = twin_graphs(300, image_dim=0, mean_degree=8, missing={}, train_ratio=0.5, seed=3)
    inputs = build_inputs(task, FeatureConfig(modalities=("structure",)))
    model = small_model("mclea", inputs)
    config = replace(SAMPLED, epochs=40, batch_size=0, warmup=0.0, learning_rate=5e-3)
    fit(model, inputs, link_rows(inputs, task.links.train), config)
    assert hits_at_1(model, inputs, task.links.test) > 0.85  # chance: 1 in 150; all neighbours: 0.96


def test_a_step_moves_the_embeddings_it_saw_and_no_others(inputs, links):
    model = small_model("mclea", inputs)
    before = model.structure.embedding.detach().clone()
    fit(model, inputs, links[:1], replace(SAMPLED, epochs=1, fanout=(1, 1)))
    moved = (model.structure.embedding.detach() != before).any(dim=1)
    assert moved[links[0]].all()
    assert int(moved.sum()) <= 2 * (1 + 1) * (1 + 1)  # two entities, themselves and a neighbour, twice


def test_drawn_neighbours_depend_on_the_seed_alone(inputs, links):
    first, result = trained("meaformer", inputs, links, SAMPLED, seed=5)
    again, repeated = trained("meaformer", inputs, links, SAMPLED, seed=5)
    assert same_bits(first.state_dict(), again.state_dict()) and result.history == repeated.history
    assert not same_bits(first.state_dict(), trained("meaformer", inputs, links, SAMPLED, seed=6)[0].state_dict())


def test_a_run_with_drawn_neighbours_goes_on_bit_by_bit(inputs, links, tmp_path):
    whole, _ = trained("mclea", inputs, links, SAMPLED, seed=1)
    path = tmp_path / "c"

    def stop_after_two(row):
        if row["epoch"] == 1:
            raise KeyboardInterrupt

    eager = replace(SAMPLED, checkpoint_seconds=0.0)
    model = small_model("mclea", inputs)
    with pytest.raises(KeyboardInterrupt):
        fit(model, inputs, links, eager, seed=1, checkpoint=path, on_epoch=stop_after_two)
    resumed, result = trained("mclea", inputs, links, eager, seed=1, checkpoint=path)
    assert result.epochs == SAMPLED.epochs
    assert same_bits(whole.state_dict(), resumed.state_dict())


def test_a_fanout_that_does_not_fit_the_layers_is_refused_before_training(inputs, links):
    with pytest.raises(UsageError, match="one per layer"):
        trained("mclea", inputs, links, replace(QUICK, fanout=(3,)))


@EVERY_MODEL
def test_bfloat16_gives_nearly_the_same_loss(name, inputs, links):
    losses = []
    for precision in ("float32", "bfloat16"):
        _, result = trained(name, inputs, links, replace(QUICK, epochs=1, batch_size=0, precision=precision))
        losses.append(result.history[0]["loss"])
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA")
@EVERY_MODEL
def test_a_step_on_cuda_never_waits_for_the_device_and_gives_the_loss_of_the_cpu(name, inputs, links):
    losses = []
    for device in ("cpu", "cuda"):
        model, there = small_model(name, inputs).to(device).eval(), inputs.graph_to(device)
        optimizers = build_optimizers(model, QUICK)
        train_step(model, there, links, optimizers, QUICK)  # makes what is kept
        torch.cuda.set_sync_debug_mode("error" if device == "cuda" else "default")
        try:
            terms, _ = train_step(model, there, links, optimizers, QUICK)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        losses.append(float(sum(terms.values())))
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)
