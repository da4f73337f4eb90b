"""Train a sentiment model: the teacher first, if it has one; the best epoch is selected on validation."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..compute.devices import resolve_device
from ..compute.host import isolated
from ..compute.seeding import derive_seed
from ..data.tensors.sparse import ship
from ..errors import UsageError, brief
from ..folders import claimed, free_folder
from ..progress import TrainingProgress
from ..report import RunRecord, Stopwatch
from ..settings import merged
from ..training import FitResult, optimise
from ..training.outcome import outcome
from .build import Shape, build_model
from .config import SentimentExperiment
from .data import SentimentData, feature_statistics
from .model import SentimentModel
from .patterns import figures
from .policy import MissingPolicy
from .protocol import SentimentProtocol
from .result import SentimentResult
from .scoring import on_device, scores_of
from .teacher import Teacher

CHECKPOINTS = {"teacher": "teacher.safetensors", "model": "trainer.safetensors"}


@isolated
def fit(
    data: SentimentData,
    model: str | None = None,
    *,
    missing: MissingPolicy | str | None = None,
    seed: int | None = None,
    experiment: SentimentExperiment | None = None,
    device: str | torch.device = "cpu",
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool | None = None,
    settings: Mapping[str, Any] | None = None,
) -> SentimentResult:
    """Train a model and evaluate it on the test split.

    Modalities that no training sample has are left out; the protocol lists them. The result has the weights of the
    epoch with the smallest mean absolute error (for classes: the highest accuracy) on the validation split, from which
    parts are removed by the same policy.

    Args:
        data: data, e.g. from ``load``.
        model: name in ``mmkg.sentiment.MODELS``; by default ``tfr-net``.
        missing: what is missing, as a policy or its text, e.g. ``frame:0.3``; by default nothing.
        seed: random seed of the run.
        experiment: full configuration; the other arguments and ``settings`` override it.
        device: ``auto``, ``cpu`` or ``cuda``.
        out: run folder; an interrupted run in it is resumed.
        overwrite: replace a finished run in ``out``.
        progress: show a progress bar on stderr; ``None`` = if stderr is a terminal.
        settings: nested settings, e.g. ``{"training": {"epochs": 5}}``.

    Raises:
        UsageError: an unknown model, key, modality or device, a value out of range, or ``out`` holds a finished run.
        InputError: no modality in the training split, or ``out`` holds an unfinished run of other data or settings.
    """
    if not isinstance(data, SentimentData):
        raise UsageError(f"fit takes data that are loaded, got {brief(data)}; give mmkg.sentiment.load(...)")
    experiment = _experiment(experiment, model, missing, seed, settings)
    folder = free_folder(out, overwrite)
    if folder is None:
        return _fitted(data, experiment, device, None, progress=progress)
    with claimed(folder):
        free_folder(out, overwrite)  # another process may have finished a run there
        return _fitted(data, experiment, device, folder, progress=progress)


def _fitted(
    data: SentimentData,
    experiment: SentimentExperiment,
    device: str | torch.device,
    folder: Path | None,
    *,
    progress: bool | None,
) -> SentimentResult:
    """Train and evaluate; ``folder`` is the run folder, which this thread has claimed."""
    selected = data.select(experiment.data.modalities or data.names)
    data = selected.learnable()
    watch, where = Stopwatch(), resolve_device(device)
    shape = Shape(data.dims, data.lengths, data.label_range)
    net = build_model(experiment, shape)
    with watch.phase("scale"):
        net.set_scale(feature_statistics(data.train))
    net.to(where)
    fingerprint = data.fingerprint()
    history: list[dict[str, Any]] = []
    teacher = None
    if net.uses_teacher:
        with watch.phase("teacher"):
            complete = replace(experiment, missing=MissingPolicy(), training=experiment.pretraining)
            course = train(net, data, complete, fingerprint, folder, progress=progress, stage="teacher")
            history += [{**row, "stage": "teacher"} for row in course.history]
            teacher = Teacher(net)
        if not net.starts_from_teacher:
            fresh = build_model(replace(experiment, seed=derive_seed(experiment.seed, "student") % 2**32), shape)
            fresh.set_scale(feature_statistics(data.train))
            net.load_state_dict(fresh.state_dict())
    with watch.phase("train"):
        course = train(net, data, experiment, fingerprint, folder, teacher=teacher, progress=progress)
    history += course.history
    policy = experiment.policy
    with watch.phase("evaluate"):
        metrics = {}
        for split in ("valid", "test"):
            part = data.split(split)
            scores = scores_of(net, part, policy.observed(part.valid, split=split))
            metrics[split] = figures(part.labels, scores, sims=data.sims)
    protocol = SentimentProtocol.of(selected, policy, policy, modalities=data.names, seed=experiment.seed)
    record = RunRecord.collect(
        seed=experiment.seed,
        device=str(where),
        stopwatch=watch,
        fingerprint=fingerprint,
        protocol=protocol.as_dict() | {"epochs": course.epochs, "best_epoch": course.best_epoch + 1},
        metrics=metrics["test"],
    )
    result = SentimentResult(
        model=net.eval(),
        experiment=experiment,
        shape=shape,
        protocol=protocol,
        metrics=metrics["test"],
        valid_metrics=metrics["valid"],
        record=record,
        history=history,
        scores=dict(zip(data.test.ids, scores.reshape(len(scores), -1).tolist(), strict=True)),
    )
    if folder is not None:
        result.save(folder)  # which removes the checkpoints
    return result


@isolated
def predict(result: SentimentResult | str | Path, sample: Mapping[str, Any]) -> dict[str, Any]:
    """Predict one sample with a result or a run folder; see ``SentimentResult.predict``."""
    run = result if isinstance(result, SentimentResult) else SentimentResult.load(result)
    return run.predict(sample)


@isolated
def evaluate(
    result: SentimentResult | str | Path,
    data: SentimentData,
    missing: MissingPolicy | str | None = None,
    *,
    split: str = "test",
    recalibrate: bool = False,
) -> tuple[dict[str, float], SentimentProtocol]:
    """Metrics of a split with other parts missing than in training, and their protocol.

    ``result`` is a result or a run folder; all other arguments and the errors are those of
    ``SentimentResult.evaluate``.
    """
    run = result if isinstance(result, SentimentResult) else SentimentResult.load(result)
    policy = run.experiment.policy_for(missing)
    protocol = SentimentProtocol.of(
        data, run.experiment.policy, policy, modalities=run.model.names, seed=run.experiment.seed
    )
    metrics = run.evaluate(data, policy, split=split, recalibrate=recalibrate)
    return metrics, replace(protocol, recalibrated=recalibrate)


@isolated
def train(
    model: SentimentModel,
    data: SentimentData,
    experiment: SentimentExperiment,
    fingerprint: str,
    folder: Path | None = None,
    *,
    teacher: Teacher | None = None,
    progress: bool | None = None,
    stage: str = "model",
) -> FitResult:
    """Train the model of one stage, from its current weights to those of the best epoch.

    Args:
        model: trained in place.
        data: data with the modalities of the model.
        experiment: policy and schedule of this stage.
        fingerprint: hash of the data.
        folder: folder of the checkpoint; ``None`` = no checkpoint.
        teacher: the teacher, if the model uses one.
        progress: show a progress bar on stderr; ``None`` = if stderr is a terminal.
        stage: ``model`` or ``teacher``, a key of ``CHECKPOINTS``.
    """
    policy, config = experiment.policy, experiment.training
    device = next(model.parameters()).device
    labels = torch.from_numpy(data.train.labels)

    @lru_cache(maxsize=1)
    def observed(epoch: int) -> dict[str, Any]:
        return policy.observed(data.train.valid, split="train", epoch=epoch)

    def terms(rows: Tensor, epoch: int, generator: torch.Generator) -> dict[str, Tensor]:
        batch = on_device(data.train.batch(observed(epoch), rows.numpy()), device)
        return model.loss_terms(batch, ship(labels[rows], device), teacher)

    valid_observed = policy.observed(data.valid.valid, split="valid")

    def validate() -> float:
        metrics = figures(data.valid.labels, scores_of(model, data.valid, valid_observed), sims=data.sims)
        return -metrics["mae"] if "mae" in metrics else metrics["accuracy"]

    text = json.dumps(experiment.to_dict(), sort_keys=True)
    with TrainingProgress(config.epochs, enabled=progress, title=stage, figure="validation score") as bar:
        result = optimise(
            model,
            len(data.train),
            terms,
            config,
            seed=derive_seed(experiment.seed, stage),
            validate=validate,
            on_epoch=bar.on_epoch,
            checkpoint=None if folder is None else folder / CHECKPOINTS[stage],
            identity=hashlib.sha256(f"{fingerprint}|{stage}|{text}".encode()).hexdigest(),
        )
        bar.explain(outcome(result, config, figure=bar.figure))
    return result


def _experiment(
    experiment: SentimentExperiment | None,
    model: str | None,
    missing: MissingPolicy | str | None,
    seed: int | None,
    settings: Mapping[str, Any] | None,
) -> SentimentExperiment:
    """The experiment with all arguments applied."""
    values: dict[str, Any] = {} if experiment is None else experiment.to_dict()
    if model is not None:
        if model != values.get("model", model):
            values.pop("options", None)
        values["model"] = model
    if seed is not None:
        values["seed"] = seed
    found = SentimentExperiment.of(merged(values, {} if settings is None else settings))
    if missing is not None:
        policy = MissingPolicy.parse(missing) if isinstance(missing, str) else missing
        found = replace(found, missing=policy)
    return found
