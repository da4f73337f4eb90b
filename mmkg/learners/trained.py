"""The learner of trained models."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..compute.seeding import derive_seed
from ..config.experiment import Experiment
from ..data.features.build import build_inputs
from ..data.tensors.inputs import EntityInputs
from ..errors import UsageError
from ..models import MODELS, AlignmentModel
from ..training import fit
from ..training.progress import TrainingProgress
from ..typing import IntArray
from .setting import CHECKPOINT, Setting, identity
from .validation import validator


class Trained:
    """A model trained on the links; a later call goes on from the weights of the one before.

    Args:
        setting: of the run.
        model: the model itself, or ``None`` for that of the experiment.
    """

    def __init__(self, setting: Setting, model: AlignmentModel | None = None) -> None:
        self.setting, experiment = setting, setting.experiment
        with setting.watch.phase("features"):
            inputs = build_inputs(setting.task, experiment.features, seed=experiment.seed)
            self.model = (model or build_model(experiment, inputs)).to(setting.device)
            # neighbours are drawn on the host
            self.inputs = inputs if experiment.schedule.fanout else inputs.graph_to(setting.device)
        links = setting.task.links.valid
        self.judge = validator(setting.task, inputs, experiment.search, seed=experiment.seed) if len(links) else None
        self.calls = 0
        self.history: list[dict[str, Any]] = []
        self.course: dict[str, Any] = {}

    @property
    def widths(self) -> dict[str, int]:
        """Width of each modality's part, in order."""
        return self.model.widths

    @property
    def weights(self) -> dict[str, Tensor]:
        """Of the model, a copy."""
        return {name: value.detach().clone() for name, value in self.model.state_dict().items()}

    def embed(self, links: IntArray) -> tuple[Tensor, Tensor]:
        """Unit rows of all left and all right entities, on the CPU."""
        setting, experiment = self.setting, self.setting.experiment
        call, self.calls = self.calls, self.calls + 1
        schedule = experiment.schedule
        if call:
            schedule = replace(schedule, epochs=min(schedule.epochs, experiment.bootstrap.epochs))
        checkpoint = setting.out and setting.out / CHECKPOINT.format(f"-{call}" if call else "")
        with (
            setting.watch.phase("train"),
            TrainingProgress(schedule.epochs, enabled=setting.progress) as bar,
        ):
            result = fit(
                self.model,
                self.inputs,
                torch.from_numpy(links) + torch.tensor([0, self.inputs.num_left]),
                schedule,
                seed=derive_seed(experiment.seed, f"round {call}") if call else experiment.seed,
                validate=self.judge,
                on_epoch=bar.on_epoch,
                checkpoint=checkpoint,
                identity=identity(setting.fingerprint, experiment, links),
            )
        self.history += result.history if not call else [{**row, "round": call} for row in result.history]
        self.course = {"best_epoch": result.best_epoch + 1, "epochs": result.epochs}
        with setting.watch.phase("embed"):
            shape = (self.inputs.num_entities, sum(self.widths.values()))
            joint = torch.from_numpy(np.empty(shape, experiment.search.store))
            self.model.embed(self.inputs, out=joint.numpy())
        return joint[: self.inputs.num_left], joint[self.inputs.num_left :]


def build_model(experiment: Experiment, inputs: EntityInputs) -> AlignmentModel:
    """The experiment's model for these inputs, with seeded weights.

    Raises:
        UsageError: the experiment is of a model that was given as an object.
    """
    if experiment.model not in MODELS:
        raise UsageError(
            f"the model of {experiment.model} was given as an object; give it again, or name one of mmkg's"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(experiment.seed, "weights"))
        build = MODELS[experiment.model].build  # type: ignore[attr-defined]
        model: AlignmentModel = build(experiment.options, inputs.dims, num_relations=inputs.num_relations)
    return model
