"""Trained models on the GPU against the same training on the CPU; bfloat16, waits of the host, the same bits again."""

import warnings
from functools import cache
from typing import Any

import torch
from gpu_rows import NEEDS_CUDA, Work
from torch import Tensor

from mmkg.config.experiment import Experiment
from mmkg.data.features.build import build_inputs
from mmkg.data.task import AlignmentTask
from mmkg.data.tensors.inputs import EntityInputs
from mmkg.learners.trained import build_model
from mmkg.models import MODELS, AlignmentModel, trained_models
from mmkg.sources.synthetic import twin_graphs
from mmkg.training import fit
from mmkg.training.loop import train_step
from mmkg.training.optim import build_optimizers

LOSS_TOLERANCE, HITS_TOLERANCE = 1e-3, 0.01
FANOUT = (10, 10)
SMALL: dict[str, dict[str, Any]] = {
    "mclea": {"structure_dim": 24, "hidden_dim": 8},
    "meaformer": {"hidden_dim": 16, "feedforward_dim": 16},
    "eva": {"structure_dims": [16, 16, 8], "hidden_dim": 8, "image_dim": 8},
    "dual-amn": {"structure_dim": 8, "hidden_dim": 8},
}


@cache
def twins(size: int) -> AlignmentTask:
    """Noisy twins with every modality."""
    return twin_graphs(size, noise=0.15, train_ratio=0.3, valid_ratio=0.0)


def experiment_of(work: Work, name: str, **training: Any) -> Experiment:
    """A short training of a model without dropout, whose draws differ between a CPU and a GPU."""
    options = dict(SMALL.get(name, {})) if work.reduced else {}
    if "dropout" in MODELS[name].config.__dataclass_fields__:
        options["dropout"] = 0.0
    short = {"epochs": 2 if work.reduced else 20, "warmup": 0.0, "schedule": "constant"}
    return Experiment.of({"model": name, "options": options, "training": short | training})


def prepared(
    work: Work, experiment: Experiment, device: torch.device
) -> tuple[AlignmentModel, EntityInputs, Tensor, AlignmentTask]:
    """Model, inputs and links of twins on a device."""
    task = twins(90 if work.reduced else 2000)
    inputs = build_inputs(task, experiment.features)
    links = torch.from_numpy(task.links.train) + torch.tensor([0, inputs.num_left])
    model = build_model(experiment, inputs).to(device)
    return model, inputs if experiment.training.fanout else inputs.graph_to(device), links, task


def trained(work: Work, experiment: Experiment, device: torch.device) -> tuple[list[float], Tensor, float]:
    """Losses of the epochs, embeddings on the host, and Hits@1 of the test links."""
    model, inputs, links, task = prepared(work, experiment, device)
    history = fit(model, inputs, links, experiment.training).history
    rows = model.embed(inputs)
    test = torch.from_numpy(task.links.test)
    right = rows[inputs.num_left :][test[:, 1]]
    hits = (rows[test[:, 0]] @ right.T).argmax(dim=1) == torch.arange(len(test))
    return [float(row["loss"]) for row in history], rows, float(hits.float().mean())


def check_training(work: Work) -> None:
    """Losses and Hits@1 of every trained model, and of one with sampled neighbours, against those of the CPU."""
    for name in trained_models():
        work.attempt(name, lambda name=name: _against_cpu(work, name, ()))  # type: ignore[misc]
    work.attempt("mclea, sampled", lambda: _against_cpu(work, "mclea", FANOUT))


def _against_cpu(work: Work, name: str, fanout: tuple[int, ...]) -> None:
    experiment = experiment_of(work, name, fanout=list(fanout))
    title = f"{name}{', sampled neighbours' if fanout else ''}"
    expected, _, expected_hits = trained(work, experiment, torch.device("cpu"))
    (losses, _, hits), seconds, peak = work.timed(lambda: trained(work, experiment, work.device))
    gap = max(abs(a - b) / max(abs(b), 1.0) for a, b in zip(losses, expected, strict=True))
    spent: dict[str, Any] = {"seconds": seconds, "peak_mb": peak}
    work.verify(f"{title}: losses of {len(losses)} epochs", gap <= LOSS_TOLERANCE, f"{gap:.1e} apart", "1e-3", **spent)
    value = f"{hits:.3f}, CPU {expected_hits:.3f}"
    work.verify(f"{title}: Hits@1", abs(hits - expected_hits) <= HITS_TOLERANCE, value, "within .01")


def check_bfloat16(work: Work) -> None:
    """Training under bfloat16: finite losses, the Hits@1 of float32, and the time of a step."""
    for name in trained_models():
        work.attempt(name, lambda name=name: _in_bfloat16(work, name))  # type: ignore[misc]


def _in_bfloat16(work: Work, name: str) -> None:
    plain, half = (experiment_of(work, name, precision=each) for each in ("float32", "bfloat16"))
    (losses, _, hits), _, _ = work.timed(lambda: trained(work, plain, work.device))
    (halves, _, half_hits), _, _ = work.timed(lambda: trained(work, half, work.device))
    near = abs(hits - half_hits) <= 0.03 and abs(halves[-1] - losses[-1]) <= 0.05 * max(abs(losses[-1]), 1.0)
    work.verify(f"{name}: Hits@1", near, f"{half_hits:.3f}, float32 {hits:.3f}", "within .03")
    (full, peak), (less, half_peak) = (_step_seconds(work, each) for each in (plain, half))
    note = "" if peak is None else f"float32 {peak:,.0f} MB"
    work.measure(
        f"{name}: step", f"{full / less:.2f} times as fast as float32", seconds=less, peak_mb=half_peak, note=note
    )


def _step_seconds(work: Work, experiment: Experiment) -> tuple[float, float | None]:
    model, inputs, links, _ = prepared(work, experiment, work.device)
    optimizers = build_optimizers(model, experiment.training)
    for _ in range(2):
        train_step(model, inputs, links, optimizers, experiment.training)
    _, seconds, peak = work.timed(
        lambda: train_step(model, inputs, links, optimizers, experiment.training), repeats=1 if work.reduced else 10
    )
    return seconds, peak


def check_waiting(work: Work) -> None:
    """Whether a training step makes the host wait for the GPU, and how busy it keeps the GPU."""
    for name in trained_models():
        work.attempt(name, lambda name=name: _step_alone(work, name))  # type: ignore[misc]


def _step_alone(work: Work, name: str) -> None:
    if not work.on_gpu:
        work.skip(f"{name}: waits in a step", NEEDS_CUDA)
        return
    experiment = experiment_of(work, name)
    model, inputs, links, _ = prepared(work, experiment, work.device)
    optimizers = build_optimizers(model, experiment.training)

    def step() -> None:
        train_step(model, inputs, links, optimizers, experiment.training)

    step()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            step()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    places = [
        f"{each.filename.rsplit('/', 1)[-1]}:{each.lineno}" for each in caught if "synchroniz" in str(each.message)
    ]
    work.verify(f"{name}: waits in a step", not places, f"{len(places)}", "0", note=", ".join(places)[:300])
    busy = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=busy) as profile:
        _, seconds, peak = work.timed(step)
    kernels = sum(each.self_device_time_total for each in profile.key_averages()) / 1e6
    work.measure(f"{name}: GPU busy", f"{kernels / seconds:.0%} of a profiled step", seconds=seconds, peak_mb=peak)


def check_determinism(work: Work) -> None:
    """Whether the same seed gives the same bits, and which operator refuses to be deterministic."""
    for name in trained_models():
        work.attempt(name, lambda name=name: _again(work, name))  # type: ignore[misc]


def _again(work: Work, name: str) -> None:
    experiment = experiment_of(work, name)
    (_, first, hits), (_, second, again) = (trained(work, experiment, work.device) for _ in range(2))
    gap = float((first - second).abs().max())
    value = "same bits" if gap == 0 else f"{gap:.1e} apart, Hits@1 {hits:.3f} and {again:.3f}"
    work.verify(f"{name}: trained twice", abs(hits - again) <= HITS_TOLERANCE, value, "Hits@1 within .01")
    model, inputs, links, _ = prepared(work, experiment, work.device)
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        train_step(model, inputs, links, build_optimizers(model, experiment.training), experiment.training)
        value = "all operators"
    except RuntimeError as error:
        value = "refused: " + str(error).splitlines()[0][:120]
    finally:
        torch.use_deterministic_algorithms(before)
    work.measure(f"{name}: deterministic operators", value)
