"""The learner that combines label propagation and a trained model."""

from dataclasses import replace
from typing import Any

from torch import Tensor

from ..modalities import IMAGE, MODALITIES
from ..models.neutral import COLUMNS, neutral
from ..typing import IntArray
from .propagated import Propagated
from .setting import Learner, Setting, _concatenated, _unit
from .trained import Trained

LEAST_WEIGHT = 0.3  # of the largest; a cosine counts by its square


class Combined:
    """Label propagation and a trained model, part by part, with weights chosen on validation links.

    A modality to which these give next to no weight among the parts of label propagation, from the training links,
    is left out: a model that is trained with noise among its inputs learns the noise of its links by heart.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting, experiment = setting, setting.experiment
        self.propagated = Propagated(setting)
        self._first: tuple[Tensor, Tensor] | None = self.propagated.embed(setting.task.links.train)
        found = self._chosen(*(self._parts(self.propagated, side) for side in self._first))
        useful = tuple(name for name, weight in found.items() if weight >= LEAST_WEIGHT)
        self.left_out = tuple(name for name in found if name not in useful)
        features = replace(experiment.features, modalities=useful)
        member = replace(experiment, model=experiment.options.trained, options=None, features=features)
        self.trained = Trained(replace(setting, experiment=member))
        self.some_lack = IMAGE in useful and not bool(self.trained.inputs.observed(IMAGE).all())
        self.history = self.trained.history
        self.weights: dict[str, Tensor] = {}
        self.course: dict[str, Any] = {}

    @property
    def widths(self) -> dict[str, int]:
        """Width of each modality's part, in order: that of both members together."""
        own = self.trained.widths
        if self.some_lack:
            own = own | {IMAGE: own[IMAGE] + COLUMNS}
        sums = {name: width + own[name] for name, width in self.propagated.widths.items() if name in own}
        return {name: sums[name] for name in sorted(sums, key=MODALITIES.index)}

    def embed(self, links: IntArray) -> tuple[Tensor, Tensor]:
        """Unit rows of all left and all right entities, on the CPU; the first call is about the training links."""
        spread = self._first or self.propagated.embed(links)
        self._first = None
        parts: list[dict[str, Tensor]] = [{}, {}]
        members: dict[str, tuple[Learner, tuple[Tensor, Tensor]]] = {
            "propagation": (self.propagated, spread),
            self.trained.setting.experiment.model: (self.trained, self.trained.embed(links)),
        }
        for label, (member, sides) in members.items():
            for side, joint in zip(parts, sides, strict=True):
                side |= {f"{name} by {label}": part for name, part in self._parts(member, joint).items()}
        if self.some_lack:  # label propagation has seen to its own
            name = f"{IMAGE} by {self.trained.setting.experiment.model}"
            parts[0][name], parts[1][name] = neutral(parts[0][name], parts[1][name])
        names = sorted(
            (name for name in parts[0] if name.partition(" by ")[0] in self.trained.widths),
            key=lambda name: MODALITIES.index(name.partition(" by ")[0]),
        )
        weights = self._chosen(*({name: side[name] for name in names} for side in parts))
        self.course = {**self.trained.course, "weights": {name: round(weights[name], 3) for name in names}}
        if self.left_out:
            self.course["left_out"] = list(self.left_out)
        left, right = (_concatenated({name: (weights[name], side.pop(name)) for name in names}) for side in parts)
        return left, right

    def _parts(self, member: Learner, joint: Tensor) -> dict[str, Tensor]:
        """Each modality's part, of unit length, on the CPU."""
        blocks = joint.cpu().float().split(list(member.widths.values()), dim=1)
        return {name: _unit(block) for name, block in zip(member.widths, blocks, strict=True)}

    def _chosen(self, left: dict[str, Tensor], right: dict[str, Tensor]) -> dict[str, float]:
        even = dict.fromkeys(left, 1.0)
        return self.setting.weights(left, right, even) if self.setting.experiment.options.weigh else even
