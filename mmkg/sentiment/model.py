"""Base of all sentiment models: standardised inputs with masks, joint representation, head and task loss."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data.tensors.batch import ModalityBatch
from ..errors import InputError
from ..fusion import CrossModalBlock, GlobalFusion, MetaModalityFusion
from ..typing import FloatArray

Head = Literal["regression", "classes"]
Error = Literal["absolute", "squared"]
JOINTS = ("concat", "global", "meta")
CLASSES = 3  # negative, neutral, positive


@dataclass(frozen=True, eq=False)
class Inputs:
    """Standardised inputs of a model for B samples.

    Args:
        values: features per modality, ``[B, T_m, d_m]``; zero at steps that are not seen.
        complete: features per modality before any were dropped, ``[B, T_m, d_m]``; zero at padding.
        seen: per modality bool ``[B, T_m]``: steps whose features are known; only these are attention keys.
        queries: per modality bool ``[B, T_m]``: steps that are attention queries: all but padding. A modality that a
            sample lacks has no length, so all its steps are queries.
        dropped: per modality bool ``[B, T_m]``: valid steps that are not seen.
        present: bool ``[B, M]``: modalities with at least one step that is seen.
    """

    values: dict[str, Tensor]
    complete: dict[str, Tensor]
    seen: dict[str, Tensor]
    queries: dict[str, Tensor]
    dropped: dict[str, Tensor]
    present: Tensor


@dataclass(frozen=True, eq=False)
class SentimentOutput:
    """Predictions of a model for B samples.

    Args:
        scores: ``[B]`` of a regression, logits ``[B, 3]`` of classes.
        pooled: per modality ``[B, d]``, if the model pools modalities separately.
        weights: weights of the modalities, ``[B, M]``; each row sums to 1 over the present modalities. ``None`` if the
            model does not weigh modalities.
        hidden: further tensors by name, for the model's own losses.
    """

    scores: Tensor
    pooled: Mapping[str, Tensor] = field(default_factory=dict)
    weights: Tensor | None = None
    hidden: Mapping[str, Tensor] = field(default_factory=dict)


class SentimentModel(nn.Module, ABC):
    """A model of raw features; its state includes mean and standard deviation of each feature in the training split.

    Args:
        dims: number of features per step, by modality.
        steps: largest number of steps, T_m, by modality.
        head: ``regression`` of the label, or ``classes`` (negative, neutral, positive).
        error: error that a regression minimises: ``absolute`` predicts medians, ``squared`` predicts means.
    """

    uses_teacher = False
    """Whether ``loss_terms`` takes a teacher: a copy of the model that was first trained on complete data."""
    starts_from_teacher = True
    """Whether training on incomplete data starts from the weights of the teacher, not from new ones."""

    def __init__(
        self, dims: Mapping[str, int], steps: Mapping[str, int], head: Head, error: Error = "absolute"
    ) -> None:
        super().__init__()
        self.error = error
        self.names, self.dims, self.steps, self.head = tuple(dims), dict(dims), dict(steps), head
        for name, dim in dims.items():
            self.register_buffer(f"mean_{name}", torch.zeros(dim))
            self.register_buffer(f"std_{name}", torch.ones(dim))

    @property
    def num_scores(self) -> int:
        """Number of outputs of the head."""
        return 1 if self.head == "regression" else CLASSES

    def set_scale(self, statistics: Mapping[str, tuple[FloatArray, FloatArray]]) -> None:
        """Set means and standard deviations per modality, as ``feature_statistics`` returns them."""
        for name, (mean, std) in statistics.items():
            self.get_buffer(f"mean_{name}").copy_(torch.from_numpy(mean))
            self.get_buffer(f"std_{name}").copy_(torch.from_numpy(std))

    def read(self, batch: ModalityBatch) -> Inputs:
        """Standardise the features of a batch and derive its masks; values at unseen steps have no influence.

        Raises:
            InputError: a modality is missing from the batch, or has another number of features.
        """
        for name, dim in self.dims.items():
            if name not in batch.values:
                raise InputError(f"expected the modalities {', '.join(self.names)}, the batch lacks {name}")
            if batch.values[name].shape[2] != dim:
                raise InputError(f"{name} has {batch.values[name].shape[2]} features, the model was trained on {dim}")
        batch = batch.select(self.names)
        present = batch.present
        values, complete, seen, queries, dropped = {}, {}, {}, {}, {}
        for place, name in enumerate(self.names):
            scaled = (batch.values[name] - self.get_buffer(f"mean_{name}")) / self.get_buffer(f"std_{name}")
            valid = batch.valid[name]
            seen[name] = valid & batch.observed[name]
            values[name] = torch.where(seen[name][..., None], scaled, 0.0)
            complete[name] = torch.where(valid[..., None], scaled, 0.0)
            queries[name] = valid | ~present[:, place, None]
            dropped[name] = valid & ~seen[name]
        return Inputs(values, complete, seen, queries, dropped, present)

    @abstractmethod
    def forward(self, batch: ModalityBatch, *, for_loss: bool = False) -> SentimentOutput:
        """Predictions for a batch; with ``for_loss`` also the hidden tensors that ``loss_terms`` needs."""

    @abstractmethod
    def loss_terms(self, batch: ModalityBatch, labels: Tensor, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """Loss terms by name; the loss is their sum.

        Args:
            batch: B samples.
            labels: true labels, float32 ``[B]``.
            teacher: the teacher, see ``Teacher``, if the model uses one.
        """

    def task_loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Mean absolute or squared error, or the cross-entropy of the three classes."""
        if self.head == "regression":
            return F.l1_loss(scores, labels) if self.error == "absolute" else F.mse_loss(scores, labels)
        return F.cross_entropy(scores, class_of(labels))

    def squeeze(self, scores: Tensor) -> Tensor:
        """Output of the head, ``[B, num_scores]``, in the shape of ``SentimentOutput.scores``."""
        return scores.squeeze(-1) if self.head == "regression" else scores


class Joint(nn.Module):
    """Concatenates the pooled modalities to one vector, with or without weights.

    Args:
        names: the M modalities.
        dim: width d of each.
        mode: ``concat`` without weights; ``global`` with one learned weight per modality (MCLEA); ``meta`` with weights
            per sample, from the attention among its modalities (MEAformer).
    """

    def __init__(self, names: Sequence[str], dim: int, mode: Literal["concat", "global", "meta"]) -> None:
        super().__init__()
        self.names, self.mode = tuple(names), mode
        self.fusion: nn.Module | None = None
        if mode == "global":
            self.fusion = GlobalFusion(names)
        elif mode == "meta":
            self.fusion = MetaModalityFusion(names, CrossModalBlock(dim, feedforward_dim=2 * dim))

    def forward(self, pooled: Mapping[str, Tensor], present: Tensor) -> tuple[Tensor, Tensor | None]:
        """The joint vector ``[B, M d]`` and the weights ``[B, M]``, or ``None`` without weights."""
        if self.fusion is None:
            return torch.cat([pooled[name] for name in self.names], dim=-1), None
        masks = {name: present[:, place, None] for place, name in enumerate(self.names)}
        tokens = {name: pooled[name][:, None, :] for name in self.names}
        output = self.fusion(ModalityBatch(tokens, {name: torch.ones_like(masks[name]) for name in masks}, masks))
        return output.joint, output.weights


def class_of(labels: Tensor) -> Tensor:
    """Class of each label: 0 negative, 1 neutral, 2 positive."""
    return (labels.sign() + 1).long()
