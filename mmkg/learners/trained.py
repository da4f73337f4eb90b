"""The learner of trained models."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ..compute.draws import drawing_weights
from ..compute.host import isolated
from ..compute.seeding import derive_seed
from ..config.experiment import Experiment
from ..data.features.build import build_inputs
from ..data.tensors.inputs import EntityInputs
from ..errors import UsageError
from ..models import AUTO, MODELS, AlignmentModel, trained_models
from ..progress import TrainingProgress
from ..training import fit
from ..training.outcome import outcome
from ..typing import IntArray
from .setting import CHECKPOINT, Learned, Setting, identity
from .validation import validator


class Trained:
    """Trains a model on the links. A later call continues from the weights of the call before.

    Args:
        setting: the run.
        model: the model object; ``None`` = the model that the experiment names.
    """

    def __init__(self, setting: Setting, model: AlignmentModel | None = None) -> None:
        self.setting, experiment = setting, setting.experiment
        with setting.watch.phase("features"):
            inputs = build_inputs(setting.task, experiment.features, seed=experiment.seed)
            self.model = (model or build_model(experiment, inputs)).to(setting.device, torch.float32)
            if any(weight.is_inference() for weight in self.model.parameters()):
                raise UsageError("a model that was built in torch.inference_mode() cannot be trained; build it outside")
            # neighbours are drawn on the host
            self.inputs = inputs if experiment.training.fanout else inputs.graph_to(setting.device)
        links = setting.task.links.valid
        self.judge = validator(setting.task, inputs, experiment.search, seed=experiment.seed) if len(links) else None
        self.calls = 0

    @property
    def least_width(self) -> int:
        """Least width of the embeddings, known before they are learnt."""
        return sum(self.model.widths.values())

    def embed(self, links: IntArray) -> Learned:
        """Train on the links, then embed all entities on the CPU, as ``search.held``."""
        setting, experiment = self.setting, self.setting.experiment
        call, self.calls = self.calls, self.calls + 1
        extra, again = {"round": call} if call else {}, {"refit": True} if setting.chosen is not None else {}
        schedule = experiment.training
        if call:
            schedule = replace(schedule, epochs=min(schedule.epochs, experiment.bootstrap.epochs))
        label = ("-again" if setting.chosen else "") + (f"-{call}" if call else "")
        checkpoint = setting.out and setting.out / CHECKPOINT.format(label)
        until = setting.earlier(call).get("best_epoch")

        def on_epoch(row: Mapping[str, Any]) -> None:
            bar.on_epoch(row)
            setting.callbacks.on_epoch({**row, **extra, **again})

        with (
            setting.watch.phase("train"),
            TrainingProgress(schedule.epochs) as bar,
        ):
            result = fit(
                self.model,
                self.inputs,
                torch.from_numpy(links) + torch.tensor([0, self.inputs.num_left]),
                schedule,
                seed=derive_seed(experiment.seed, f"round {call}") if call else experiment.seed,
                validate=self.judge,
                on_epoch=on_epoch,
                checkpoint=checkpoint,
                identity=identity(setting.fingerprint, experiment, links),
                until=until,
            )
            bar.explain(outcome(result, schedule, until=until))
        with setting.watch.phase("embed"):
            shape = (self.inputs.num_entities, sum(self.model.widths.values()))
            joint = torch.from_numpy(np.empty(shape, experiment.search.held))
            self.model.embed(self.inputs, out=joint.numpy())
        return Learned(
            joint[: self.inputs.num_left],
            joint[self.inputs.num_left :],
            self.model.widths,
            course={"best_epoch": result.best_epoch + 1, "epochs": result.epochs},
            history=[{**row, **extra} for row in result.history],
            weights={name: value.detach().clone() for name, value in self.model.state_dict().items()},
        )


@isolated
def build_model(experiment: Experiment, inputs: EntityInputs) -> AlignmentModel:
    """The trained model that the experiment names, built for these inputs, with seeded weights.

    Raises:
        UsageError: the run was made with a model object, or its model is not trained.
    """
    name = experiment.model
    entry = MODELS.get(name)
    if name == AUTO:
        raise UsageError(f"{AUTO} is no model before a run has chosen one; trained are {', '.join(trained_models())}")
    if entry is None:
        raise UsageError(f"the model {name} was given as an object; give it again, or name a model of mmkg")
    if entry.build is None or entry.learner != "trained":
        raise UsageError(f"the model {name} is not trained; trained are {', '.join(trained_models())}")
    with drawing_weights(entry.build, derive_seed(experiment.seed, "weights")):
        model: AlignmentModel = entry.build(experiment.options, inputs.dims, num_relations=inputs.num_relations)
    return model
