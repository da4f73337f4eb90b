"""The learner of label propagation."""

from typing import Any

import torch
from torch import Tensor

from ..data.features.incidence import build_incidence
from ..models import UNTRAINED
from ..typing import IntArray
from .setting import Setting


class Propagated:
    """Labels that spread from the links; every call from scratch."""

    def __init__(self, setting: Setting, options: Any = None) -> None:
        self.setting = setting
        experiment = setting.experiment
        with setting.watch.phase("features"):
            self.inputs = build_incidence(setting.task, experiment.features, seed=experiment.seed).to(setting.device)
        self.model = UNTRAINED["propagation"](options)
        self.history: list[dict[str, Any]] = []
        self.course: dict[str, Any] = {}
        self.weights: dict[str, Tensor] = {}

    @property
    def widths(self) -> dict[str, int]:
        """Width of each modality's part, in order."""
        return self.model.widths(self.inputs)

    def embed(self, links: IntArray) -> tuple[Tensor, Tensor]:
        """Unit rows of all left and all right entities."""
        with self.setting.watch.phase("embed"), torch.no_grad():
            joint = self.model.embed(self.inputs, links, seed=self.setting.experiment.seed)
        return joint[: self.inputs.num_left], joint[self.inputs.num_left :]
