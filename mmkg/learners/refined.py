"""The learner that refines embeddings by soft matches."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.features.incidence import build_incidence
from ..data.tensors.incidence import Incidence
from ..data.tensors.sparse import random_projection
from ..matching import SinkhornConfig
from ..matching.sinkhorn import transported_pairs
from ..models import spread_matches
from ..models.refinement import REFINED
from ..typing import IntArray
from .setting import Learner, Setting, _concatenated
from .validation import free_entities

BASE = "base"
SKETCH = 768  # width of the vectors that candidates of a refinement are looked for with


class Refined:
    """Embeddings joined by what their own soft matches say of each entity, round after round; nothing is learnt."""

    def __init__(self, setting: Setting, base: Learner) -> None:
        self.setting, self.base = setting, base
        names = tuple(name for name in REFINED if name in base.widths)
        self.inputs = None
        if names:
            with setting.watch.phase("features"):
                features = replace(setting.experiment.features, modalities=names)
                self.inputs = build_incidence(setting.task, features).to(setting.device)
        self.names = () if self.inputs is None else self.inputs.names
        self.history = base.history
        self.course: dict[str, Any] = {}
        self.refined = False  # by the last call

    @property
    def widths(self) -> dict[str, int]:
        """Width of each modality's part, in order: that of the base, and of the evidence that came to it."""
        own = {name: self.setting.experiment.refined.dim(name) for name in self.names} if self.refined else {}
        return {name: width + own.get(name, 0) for name, width in self.base.widths.items()}

    @property
    def weights(self) -> dict[str, Tensor]:
        """Of the trained model, if it is one alone."""
        return self.base.weights

    def embed(self, links: IntArray) -> tuple[Tensor, Tensor]:
        """Unit rows of all left and all right entities, of the last round that validation gains by, or the last."""
        left, right = self.base.embed(links)
        found = base = left.cpu().float(), right.cpu().float()
        self.course, self.refined = self.base.course, False
        if self.inputs is None:
            return base
        judge = self.setting.judge()
        valid = [] if judge is None else [judge(*base)]
        facts: dict[str, Any] = {"round": 0}
        for number in range(1, self.setting.experiment.refined.rounds + 1):
            parts = self._evidence(self.inputs, *found)
            weights = self._chosen(base, parts)
            joined = self._joined(base[0], parts[0], weights), self._joined(base[1], parts[1], weights)
            del parts  # nearly as large as the base
            if judge is not None:
                valid.append(judge(*joined))
                if valid[-1] <= valid[-2]:
                    break
            found, facts, self.refined = joined, {"round": number, "weights": weights}, True
        if judge is not None:
            facts["valid"] = [round(score, 4) for score in valid]
        self.course = {**self.base.course, "refined_by": facts}
        return found

    def _evidence(self, inputs: Incidence, left: Tensor, right: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Parts of all left and all right entities, from matches outside the training links and from these."""
        setting, config = self.setting, self.setting.experiment.refined
        with setting.watch.phase("refine"), torch.no_grad():
            free = [np.flatnonzero(there) for there in free_entities(setting.task)]
            lefts, rights = left[torch.from_numpy(free[0])], right[torch.from_numpy(free[1])]
            sketch = None
            if left.shape[1] > SKETCH:
                narrow = random_projection(left.shape[1], SKETCH, setting.experiment.seed, "sketch", "cpu")
                sketch = lefts @ narrow, rights @ narrow
            options = SinkhornConfig(config.candidates, config.temperature, config.iterations)
            rows, cols, logs = transported_pairs(
                lefts, rights, options, csls_k=setting.experiment.search.csls_k, device=setting.device, sketch=sketch
            )
            likely = np.minimum(np.exp(logs), 1).astype(np.float32)
            kept = likely >= config.least
            known = setting.task.links.train
            parts = spread_matches(
                inputs,
                np.concatenate([known[:, 0], free[0][rows[kept]]]),
                np.concatenate([known[:, 1], free[1][cols[kept]]]),
                np.concatenate([np.ones(len(known), np.float32), likely[kept]]),
                config,
                seed=setting.experiment.seed,
            )
            whole = {name: part.cpu() for name, part in parts.items()}
        count = inputs.num_left
        return {name: part[:count] for name, part in whole.items()}, {
            name: part[count:] for name, part in whole.items()
        }

    def _chosen(
        self, base: tuple[Tensor, Tensor], parts: tuple[dict[str, Tensor], dict[str, Tensor]]
    ) -> dict[str, float]:
        start = {BASE: 1.0} | {name: self.setting.experiment.refined.weight(name) for name in parts[0]}
        lefts, rights = ({BASE: side, **part} for side, part in zip(base, parts, strict=True))
        return self.setting.weights(lefts, rights, start)

    def _joined(self, base: Tensor, parts: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
        blocks = base.split(list(self.base.widths.values()), dim=1)
        columns: dict[str, tuple[float, Tensor]] = {}
        for name, block in zip(self.base.widths, blocks, strict=True):
            columns[f"{name} of {BASE}"] = weights[BASE], block
            if name in parts:
                columns[name] = weights[name], parts[name]
        return _concatenated(columns)
