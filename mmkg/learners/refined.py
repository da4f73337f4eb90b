"""The learner that refines the embeddings of another learner by soft matches."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.features.incidence import build_incidence
from ..data.tensors.incidence import Incidence
from ..data.tensors.sparse import random_projection
from ..matching import SinkhornConfig, among
from ..matching.sinkhorn import transported_pairs
from ..models import spread_matches
from ..models.refinement import REFINED
from ..typing import FloatArray, IntArray
from .setting import Learned, Learner, Setting, concatenated
from .validation import free_entities

BASE = "base"
SKETCH = 768  # width of the projected vectors that the candidates of a refinement are searched with


class Refined:
    """Appends to embeddings the evidence of their own soft matches, in rounds; nothing is trained.

    Args:
        setting: the run.
        base: the learner whose embeddings are refined.
    """

    def __init__(self, setting: Setting, base: Learner) -> None:
        self.setting, self.base = setting, base
        self.config = setting.experiment.refinement
        self._inputs: Incidence | None = None

    def embed(self, links: IntArray) -> Learned:
        """Refine the embeddings that the base learns from the links.

        The result is that of the last round that improved validation; without validation links, of the last round.
        """
        base = self.base.embed(links)
        base = replace(base, left=base.left.cpu().float(), right=base.right.cpu().float(), selected=True)
        names = tuple(name for name in REFINED if name in base.widths)
        if not names:
            return base
        inputs = self._incidence(names)
        judge = self.setting.judge()
        found = base
        valid = [] if judge is None else [judge(base.left, base.right)]
        facts: dict[str, Any] = {"round": 0}
        for number in range(1, self.config.rounds + 1):
            parts = self._evidence(inputs, found.left, found.right)
            weights = self._weights(base, parts)
            joined = tuple(
                self._joined(base.widths, side, own, weights)
                for side, own in zip((base.left, base.right), parts, strict=True)
            )
            added = {name: part.shape[1] for name, part in parts[0].items()}
            del parts  # nearly as large as the base
            if judge is not None:
                valid.append(judge(*joined))
                if valid[-1] <= valid[-2]:
                    break
            widths = {name: width + added.get(name, 0) for name, width in base.widths.items()}
            found = replace(base, left=joined[0], right=joined[1], widths=widths)
            facts = {"round": number, "weights": weights}
        if judge is not None:
            facts["valid"] = [round(score, 4) for score in valid]
        return replace(found, course={**base.course, "refined_by": facts})

    def _incidence(self, names: tuple[str, ...]) -> Incidence:
        """The sparse matrices that evidence is passed along; built once."""
        if self._inputs is None:
            with self.setting.watch.phase("features"):
                features = replace(self.setting.experiment.features, modalities=names)
                self._inputs = build_incidence(self.setting.task, features).to(self.setting.device)
        return self._inputs

    def _evidence(self, inputs: Incidence, left: Tensor, right: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Evidence parts of all entities, from the training links and the soft matches of the other entities."""
        setting, config = self.setting, self.config
        with setting.watch.phase("refine"), torch.no_grad():
            free = [np.flatnonzero(mask) for mask in free_entities(setting.task)]
            known = setting.task.links.train
            rows, cols, likely = self._soft_matches(left, right, free[0], free[1])
            parts = spread_matches(
                inputs,
                np.concatenate([known[:, 0], rows]),
                np.concatenate([known[:, 1], cols]),
                np.concatenate([np.ones(len(known), np.float32), likely]),
                config,
                seed=setting.experiment.seed,
            )
            whole = {name: part.cpu() for name, part in parts.items()}
        count = inputs.num_left
        return (
            {name: part[:count] for name, part in whole.items()},
            {name: part[count:] for name, part in whole.items()},
        )

    def _soft_matches(
        self, left: Tensor, right: Tensor, free_left: IntArray, free_right: IntArray
    ) -> tuple[IntArray, IntArray, FloatArray]:
        """Rows and probabilities of the probable matches of free entities; none if a side has no free entity."""
        setting, config = self.setting, self.config
        if len(free_left) == 0 or len(free_right) == 0:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
        lefts, rights = left[torch.from_numpy(free_left)], right[torch.from_numpy(free_right)]
        sketch = None
        if left.shape[1] > SKETCH:
            narrow = random_projection(left.shape[1], SKETCH, setting.experiment.seed, "sketch", "cpu")
            sketch = lefts @ narrow, rights @ narrow
        options = SinkhornConfig(config.candidates, config.temperature, config.iterations)
        rows, cols, logs = transported_pairs(
            lefts,
            rights,
            options,
            csls_k=setting.experiment.search.csls_k,
            device=setting.device,
            sketch=sketch,
            never=among(setting.task.never, free_left, free_right),
        )
        likely = np.minimum(np.exp(logs), 1).astype(np.float32)
        kept = likely >= config.least
        return free_left[rows[kept]], free_right[cols[kept]], likely[kept]

    def _weights(self, base: Learned, parts: tuple[dict[str, Tensor], dict[str, Tensor]]) -> dict[str, float]:
        start = {BASE: 1.0} | {name: self.config.weight(name) for name in parts[0]}
        return self.setting.weights({BASE: base.left, **parts[0]}, {BASE: base.right, **parts[1]}, start)

    def _joined(
        self, widths: Mapping[str, int], base: Tensor, parts: dict[str, Tensor], weights: dict[str, float]
    ) -> Tensor:
        """The base and the evidence, modality by modality, as unit rows."""
        columns: dict[str, tuple[float, Tensor]] = {}
        for name, block in zip(widths, base.split(list(widths.values()), dim=1), strict=True):
            columns[f"{name} of {BASE}"] = weights[BASE], block
            if name in parts:
                columns[name] = weights[name], parts[name]
        return concatenated(columns)
