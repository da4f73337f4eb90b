"""Runs on a GPU, which is pretended: every tensor is where it belongs, and a training step waits for nothing."""

import pytest
import torch
from pretend_cuda import pretended
from small import OPTIONS, SETTINGS

import mmkg
from mmkg.config.experiment import Experiment
from mmkg.data.features.build import build_inputs
from mmkg.learners.trained import build_model
from mmkg.matching import MATCHERS
from mmkg.sentiment import fit as fit_sentiment
from mmkg.sentiment import synthetic
from mmkg.training import fit
from mmkg.training.loop import train_step
from mmkg.training.optim import build_optimizers

MODELS = {
    "mclea": {"structure_dim": 16, "hidden_dim": 8},
    "meaformer": {**OPTIONS, "dropout": 0.0},
    "eva": {"structure_dims": [16, 16, 8], "hidden_dim": 8, "image_dim": 8},
    "dual-amn": {"structure_dim": 8, "hidden_dim": 8, "dropout": 0.0},
}
CASES = [("mclea", ()), ("mclea", (3, 3)), ("dual-amn", ())]
CASES += [
    pytest.param(*case, marks=pytest.mark.slow) for case in (("meaformer", ()), ("meaformer", (3, 3)), ("eva", ()))
]


def prepared(task, name, fanout=(), **training):
    training = {"epochs": 2, "batch_size": 20, "warmup": 0.0, "fanout": list(fanout)} | training
    experiment = Experiment.of(
        {"model": name, "training": training, "options": MODELS[name], "features": {"top_ngrams": 50}}
    )
    inputs = build_inputs(task, experiment.features)
    links = torch.from_numpy(task.links.train) + torch.tensor([0, inputs.num_left])
    return experiment.training, inputs, links, build_model(experiment, inputs)


def test_a_pretended_gpu_refuses_what_a_gpu_refuses():
    with pretended() as waits:
        there = torch.arange(6.0).to("cuda")
        assert there.is_cuda and there.device == torch.device("cuda", 0)
        with pytest.raises(RuntimeError, match=r"add: expected all tensors on cuda:0.*shapes \[\(6,\)\]"):
            there + torch.ones(6)
        with pytest.raises(TypeError, match="can't convert cuda:0"):
            there.numpy()
        assert waits == ["_to_copy from memory that is not pinned"]
        assert (there * 2).sum().item() == 30
        assert there[there > 3].tolist() == [4, 5]
        there.repeat_interleave(torch.ones(6, dtype=torch.int64).pin_memory().to("cuda"), output_size=6)
        assert waits[1:] == ["_local_scalar_dense", "index by a mask", "_to_copy to the host"]


@pytest.mark.parametrize(("name", "fanout"), CASES)
def test_training_and_embedding_give_what_they_give_on_the_cpu(small_task, name, fanout):
    config, inputs, links, model = prepared(small_task, name, fanout)
    expected, embedded = fit(model, inputs, links, config), model.embed(inputs)
    with pretended():
        config, inputs, links, model = prepared(small_task, name, fanout)
        found = fit(model.to("cuda"), inputs if fanout else inputs.graph_to("cuda"), links, config)
        rows = model.embed(inputs if fanout else inputs.graph_to("cuda"))
    for row, other in zip(found.history, expected.history, strict=True):
        assert row["loss"] == pytest.approx(other["loss"], rel=1e-4)
    assert (rows * embedded).sum(dim=1).min() > 0.999


@pytest.mark.parametrize("name", MODELS)
def test_a_training_step_does_not_wait_for_the_gpu(small_task, name):
    with pretended() as waits:
        config, inputs, links, model = prepared(small_task, name)
        inputs, optimizers = inputs.graph_to("cuda"), build_optimizers(model.to("cuda"), config)
        train_step(model, inputs, links, optimizers, config)  # the first one builds what later steps use
        waits.clear()
        train_step(model, inputs, links, optimizers, config)
        assert waits == []


@pytest.mark.parametrize(
    "options",
    [
        {"model": "propagation", "settings": {"refinement": {"rounds": 1}}},
        pytest.param({"model": "meaformer", "settings": SETTINGS}, marks=pytest.mark.slow),
        pytest.param({"model": "combined", "settings": {"training": {"epochs": 2}}}, marks=pytest.mark.slow),
    ],
)
def test_a_run_gives_the_figures_of_the_cpu_and_can_be_used(small_task, tmp_path, options):
    expected = mmkg.align(small_task, device="cpu", progress=False, **options)
    with pretended():
        found = mmkg.align(small_task, device="cuda", progress=False, **options)
        assert found.record.device == "cuda:0"
        assert found.metrics["left_to_right"] == pytest.approx(expected.metrics["left_to_right"], abs=0.03)
        for method in MATCHERS:
            assert len(found.match(method))
        found.index("right"), found.search(0), found.neighbors(2), found.evaluate(candidates="all")
        found.evaluated(rescoring="sinkhorn"), found.evaluate(csls_k=0), found.judge_counterparts()
        found.save(tmp_path / "run")
        assert len(mmkg.AlignmentResult.load(tmp_path / "run", device="cuda").match())


@pytest.mark.parametrize(
    ("model", "options"), [("tfr-net", {"dim": 12}), pytest.param("tate", {"dim": 8}, marks=pytest.mark.slow)]
)
def test_a_sentiment_model_is_trained_on_the_gpu(model, options):
    data = synthetic(sizes=(24, 8, 8), lengths={"text": 4, "audio": 5, "vision": 6})
    short = {"epochs": 1, "batch_size": 0}
    settings = {"training": short, "options": options} | ({"pretraining": short} if model == "tate" else {})
    with pretended():
        found = fit_sentiment(data, model, missing="frame:0.3", device="cuda", settings=settings, progress=False)
    assert found.record.device == "cuda:0" and len(found.scores) == 8
