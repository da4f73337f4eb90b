"""Builds sentiment models."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..compute.seeding import derive_seed
from ..data.tensors.batch import ModalityBatch
from ..typing import BoolArray, FloatArray
from .config import SentimentExperiment
from .data import SIMS, SentimentSplit
from .model import SentimentModel
from .policy import MissingPolicy
from .tate import TATE
from .tfr_net import TFRNet

MODELS: dict[str, type[Any]] = {"tate": TATE, "tfr-net": TFRNet}


@dataclass(frozen=True)
class Shape:
    """What a model was built for.

    Args:
        dims: features per step by modality.
        steps: most steps by modality.
        label_range: lowest and highest label.
    """

    dims: dict[str, int]
    steps: dict[str, int]
    label_range: tuple[float, float]

    @property
    def sims(self) -> bool:
        """Whether figures follow the conventions of CH-SIMS."""
        return tuple(self.label_range) == SIMS


def build_model(experiment: SentimentExperiment, shape: Shape) -> SentimentModel:
    """The experiment's model with seeded weights; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(experiment.seed, "weights"))
        model: SentimentModel = MODELS[experiment.model](shape.dims, shape.steps, experiment.options)
    return model


def policy_of(missing: MissingPolicy | str | None, experiment: SentimentExperiment) -> MissingPolicy:
    """A policy from its text, or that of the experiment; its seed is that of the run where it has none."""
    if missing is None:
        return experiment.policy
    policy = MissingPolicy.parse(missing) if isinstance(missing, str) else missing
    return policy if policy.seed else policy.with_seed(experiment.seed)


def scores_of(
    model: SentimentModel, part: SentimentSplit, observed: Mapping[str, BoolArray], *, block: int = 128
) -> FloatArray:
    """Scores of all samples, ``[N]`` or ``[N, 3]``; the mode of the model is left as it was."""
    device, training = next(model.parameters()).device, model.training
    model.eval()
    found = []
    try:
        with torch.no_grad():
            for rows in np.split(np.arange(len(part)), range(block, len(part), block)):
                found.append(model(on_device(part.batch(observed, rows), device)).scores.cpu().numpy())
    finally:
        model.train(training)
    return np.concatenate(found)


def on_device(batch: ModalityBatch, device: torch.device) -> ModalityBatch:
    """The batch where the model is."""
    parts = ({name: each.to(device) for name, each in part.items()} for part in (batch.values, batch.valid))
    values, valid = parts
    return ModalityBatch(values, valid, {name: each.to(device) for name, each in batch.observed.items()})
