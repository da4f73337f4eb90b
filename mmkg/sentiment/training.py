"""Train a sentiment model: teacher first where there is one, epochs chosen on validation."""

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
from ..compute.seeding import derive_seed
from ..config.parse import check_seed, merged
from ..errors import UsageError
from ..files import free_folder
from ..progress import TrainingProgress
from ..report import RunRecord, Stopwatch
from ..training import FitResult, TrainingConfig, optimise
from .build import Shape, build_model, on_device, policy_of, scores_of
from .config import SentimentExperiment
from .data import SentimentData, feature_statistics
from .model import SentimentModel
from .patterns import figures
from .policy import MissingPolicy
from .protocol import SentimentProtocol
from .result import SentimentResult
from .tate import TATE
from .teacher import Teacher

CHECKPOINTS = {"teacher": "teacher.safetensors", "model": "trainer.safetensors"}


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
    """Train a model and take its figures on the test split.

    Modalities that no training sample has are left out, as the protocol then says. The weights are those of the epoch
    with the least mean absolute error (the greatest accuracy of a classifier) on the validation split, with the same
    policy of missing parts.

    Args:
        data: as ``load`` gives them.
        model: ``tfr-net`` (default) or ``tate``.
        missing: what is missing, e.g. ``frame:0.3``; by default nothing.
        seed: of everything random.
        experiment: full configuration; the arguments before and ``settings`` go on top of it.
        device: ``auto``, ``cpu`` or ``cuda``.
        out: run folder; an interrupted run in it goes on where it stopped.
        overwrite: put the new run in the place of a finished one.
        progress: show a bar on stderr; ``None`` = if that is a terminal.
        settings: nested settings, e.g. ``{"training": {"epochs": 5}}``.

    Raises:
        UsageError: an unknown model, key, modality or device; ``out`` holds a finished run.
        InputError: no modality in the training split, or ``out`` holds an unfinished run of other data or settings.
    """
    experiment = _experiment(experiment, model, missing, seed, settings)
    folder = free_folder(out, overwrite)
    given = chosen(data, experiment)
    data = given.learnable()
    watch, where = Stopwatch(), resolve_device(device)
    shape = Shape(data.dims, data.lengths, data.label_range)
    net = build_model(experiment, shape)
    with watch.phase("scale"):
        net.set_scale(feature_statistics(data.train))
    net.to(where)
    fingerprint = data.fingerprint()
    history: list[dict[str, Any]] = []
    teacher = None
    if isinstance(net, TATE) and experiment.options.kl_weight > 0:
        with watch.phase("teacher"):
            complete = replace(experiment, missing=MissingPolicy(), training=experiment.pretraining)
            learnt = train(net, data, complete, fingerprint, folder, progress=progress, stage="teacher")
            history += [{**row, "stage": "teacher"} for row in learnt.history]
            teacher = Teacher(net)
        if not experiment.options.from_teacher:
            fresh = build_model(replace(experiment, seed=derive_seed(experiment.seed, "student") % 2**32), shape)
            fresh.set_scale(feature_statistics(data.train))
            net.load_state_dict(fresh.state_dict())
    with watch.phase("train"):
        learnt = train(net, data, experiment, fingerprint, folder, teacher=teacher, progress=progress)
    history += learnt.history
    policy = experiment.policy
    with watch.phase("evaluate"):
        found = {}
        for split in ("valid", "test"):
            part = data.split(split)
            scores = scores_of(net, part, policy.observed(part.valid, split=split))
            found[split] = figures(part.labels, scores, sims=data.sims)
    protocol = SentimentProtocol.of(given, policy, policy, modalities=data.names, seed=experiment.seed)
    record = RunRecord.collect(
        seed=experiment.seed,
        device=str(where),
        stopwatch=watch,
        fingerprint=fingerprint,
        protocol=protocol.as_dict() | {"epochs": learnt.epochs, "best_epoch": learnt.best_epoch + 1},
        metrics=found["test"],
    )
    result = SentimentResult(
        model=net.eval(),
        experiment=experiment,
        shape=shape,
        protocol=protocol,
        metrics=found["test"],
        valid_metrics=found["valid"],
        record=record,
        history=history,
        scores=dict(zip(data.test.ids, scores.reshape(len(scores), -1).tolist(), strict=True)),
    )
    if folder is not None:
        result.save(folder)
        for name in CHECKPOINTS.values():
            (folder / name).unlink(missing_ok=True)
    return result


def chosen(data: SentimentData, experiment: SentimentExperiment) -> SentimentData:
    """The modalities that an experiment uses.

    Raises:
        UsageError: the data have no modality of such a name.
    """
    unknown = [name for name in experiment.data.modalities if name not in data.names]
    if unknown:
        raise UsageError(f"{data.name} has no modality {unknown[0]!r}; known: {', '.join(data.names)}")
    return data.select(experiment.data.modalities or data.names)


def predict(result: SentimentResult | str | Path, sample: Mapping[str, Any]) -> dict[str, Any]:
    """One sample by a result or a run folder; see ``SentimentResult.predict``."""
    run = result if isinstance(result, SentimentResult) else SentimentResult.load(result)
    return run.predict(sample)


def evaluate(
    result: SentimentResult | str | Path,
    data: SentimentData,
    missing: MissingPolicy | str | None = None,
    *,
    split: str = "test",
    recalibrate: bool = False,
) -> tuple[dict[str, float], SentimentProtocol]:
    """Figures of a split with something else missing, and the protocol that they stand under.

    Arguments and errors are those of ``SentimentResult.evaluate``.
    """
    run = result if isinstance(result, SentimentResult) else SentimentResult.load(result)
    policy = policy_of(missing, run.experiment)
    protocol = SentimentProtocol.of(
        data, run.experiment.policy, policy, modalities=run.model.names, seed=run.experiment.seed
    )
    found = run.evaluate(data, policy, split=split, recalibrate=recalibrate)
    return found, replace(protocol, recalibrated=recalibrate)


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
    """One stage: the model with this policy, from the weights it has to those of the best epoch."""
    policy, config = experiment.policy, experiment.training
    device = next(model.parameters()).device
    labels = torch.from_numpy(data.train.labels)

    @lru_cache(maxsize=1)
    def observed(epoch: int) -> dict[str, Any]:
        return policy.observed(data.train.valid, split="train", epoch=epoch)

    def terms(rows: Tensor, epoch: int, generator: torch.Generator) -> dict[str, Tensor]:
        batch = on_device(data.train.batch(observed(epoch), rows.numpy()), device)
        return model.loss_terms(batch, labels[rows].to(device), teacher)

    seen = policy.observed(data.valid.valid, split="valid")

    def validate() -> float:
        found = figures(data.valid.labels, scores_of(model, data.valid, seen), sims=data.sims)
        return -found["mae"] if "mae" in found else found["accuracy"]

    text = json.dumps(experiment.to_dict(), sort_keys=True)
    with TrainingProgress(config.epochs, enabled=progress, title=stage, figure="validation score") as bar:
        return optimise(
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


def _experiment(
    experiment: SentimentExperiment | None,
    model: str | None,
    missing: MissingPolicy | str | None,
    seed: int | None,
    settings: Mapping[str, Any] | None,
) -> SentimentExperiment:
    values: dict[str, Any] = {} if experiment is None else experiment.to_dict()
    if model is not None:
        if model != values.get("model", model):
            values.pop("options", None)
        values["model"] = model
    if seed is not None:
        values["seed"] = seed
    found = SentimentExperiment.of(merged(values, settings or {}))
    if missing is not None:
        policy = MissingPolicy.parse(missing) if isinstance(missing, str) else missing
        found = replace(found, missing=policy)
    check_seed(found.seed)
    check_training(found.training)
    return found


def check_training(config: TrainingConfig) -> None:
    """Settings of the aligners' training that have no meaning here are refused."""
    if config.fanout or config.precision != "float32":
        raise UsageError("training.fanout and training.precision are of aligners; sentiment models train without")
