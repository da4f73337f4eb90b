"""The learner that combines label propagation and a trained model."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from ..data.tensors.incidence import Incidence
from ..modalities import IMAGE
from ..models import AlignmentModel
from ..models.neutral import COLUMNS, neutral
from ..typing import IntArray
from .propagated import Propagated
from .setting import Learned, Setting, concatenated
from .trained import Trained

LEAST_LINKS = 30  # of validation, by which parts are weighed; ten left out what was needed, see tools/FIGURES.md
LEAST_WEIGHT = 0.3  # relative to the largest weight; a cosine counts by its square
PROPAGATION = "propagation"


class Combined:
    """Label propagation and a trained model, concatenated part by part, with weights chosen on validation links.

    A modality whose weight is near zero among the parts of label propagation (from the training links) is left out:
    a model that trains on noise learns the noise of its links by heart.
    """

    spreads = True  # labels, so that its memory is known before, see ``learning_bytes``

    def __init__(self, setting: Setting, model: AlignmentModel | None = None) -> None:
        assert model is None
        self.setting, experiment = setting, setting.experiment
        self.propagated = Propagated(setting, name=PROPAGATION)
        first = self.propagated.embed(setting.task.links.train)
        names = tuple(first.widths)
        if setting.chosen:
            self.left_out = tuple(setting.earlier(0).get("left_out", ()))
        else:
            weights = self._weights(*first.parts())
            self.left_out = tuple(name for name in names if weights[name] < LEAST_WEIGHT)
        useful = tuple(name for name in names if name not in self.left_out)
        features = replace(experiment.features, modalities=useful)
        member = replace(experiment, model=experiment.options.trained, options=None, features=features)
        self.trained = Trained(replace(setting, experiment=member))
        self.some_lack_image = IMAGE in useful and not bool(self.trained.inputs.observed(IMAGE).all())
        self._first: Learned | None = first
        self.calls = 0

    @property
    def least_width(self) -> int:
        """Least width of the embeddings, known before they are learnt: parts of label propagation may be left out."""
        return self.trained.least_width

    @property
    def inputs(self) -> Incidence:
        """What label propagation reads."""
        return self.propagated.inputs

    def embed(self, links: IntArray) -> Learned:
        """Embed by both, choose the weights of the parts, and concatenate; on the CPU."""
        spread, self._first = self._first, None
        if spread is None or not np.array_equal(links, self.setting.task.links.train):
            spread = self.propagated.embed(links)
        trained = self.trained.embed(links)
        label = self.trained.setting.experiment.model
        sides: tuple[dict[str, Tensor], dict[str, Tensor]] = ({}, {})
        for member, learned in ((PROPAGATION, spread), (label, trained)):
            for side, parts in zip(sides, learned.parts(), strict=True):
                side.update({_part(name, member): part for name, part in parts.items()})
        if self.some_lack_image:  # the parts of label propagation are neutral already
            name = _part(IMAGE, label)
            left, right = (F.normalize(side[name].float(), dim=1) for side in sides)
            sides[0][name], sides[1][name] = neutral(left, right)
        order = list(spread.widths)
        names = sorted(
            (name for name in sides[0] if _modality(name) in trained.widths),
            key=lambda name: order.index(_modality(name)),
        )
        earlier, self.calls = self.setting.earlier(self.calls), self.calls + 1
        weights = earlier.get("weights") or self._weights(*({name: side[name] for name in names} for side in sides))
        course: dict[str, Any] = {**trained.course, "weights": {name: round(weights[name], 3) for name in names}}
        if self.left_out:
            course["left_out"] = list(self.left_out)
        widths = self._widths(spread.widths, trained.widths)
        store = self.setting.experiment.search.held
        left, right = (
            concatenated({name: (weights[name], side[name]) for name in names}, store=store, unit=True)
            for side in sides
        )
        return Learned(left, right, widths, course=course, history=trained.history, weights=trained.weights)

    def _widths(self, spread: Mapping[str, int], trained: Mapping[str, int]) -> dict[str, int]:
        """Width of each modality's part, in order: the sum over both members."""
        own = {**trained, **({IMAGE: trained[IMAGE] + COLUMNS} if self.some_lack_image else {})}
        return {name: width + own[name] for name, width in spread.items() if name in own}

    def _weights(self, left: dict[str, Tensor], right: dict[str, Tensor]) -> dict[str, float]:
        even = dict.fromkeys(left, 1.0)
        weigh = self.setting.experiment.options.weigh and self.setting.certain is None
        enough = len(self.setting.task.links.valid) >= LEAST_LINKS
        return self.setting.weights(left, right, even) if weigh and enough else even


def _part(modality: str, member: str) -> str:
    """Name of a part, as the run record shows it."""
    return f"{modality} by {member}"


def _modality(part: str) -> str:
    return part.partition(" by ")[0]
