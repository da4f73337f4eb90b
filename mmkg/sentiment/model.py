"""What both sentiment models share: scaled inputs with masks, a joint, a head, the loss of the task."""

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


@dataclass(frozen=True)
class Inputs:
    """A batch as a model reads it.

    Args:
        values: per modality ``[B, T_m, d_m]``, standardised; zero where not seen.
        whole: the same before anything was dropped; zero at padding.
        seen: per modality bool ``[B, T_m]``: steps that may be heard.
        asks: per modality bool ``[B, T_m]``: steps that listen: all but padding. A modality that a sample lacks has no
            length, and all its steps ask.
        dropped: per modality bool ``[B, T_m]``: valid, but not seen.
        present: bool ``[B, M]``.
    """

    values: dict[str, Tensor]
    whole: dict[str, Tensor]
    seen: dict[str, Tensor]
    asks: dict[str, Tensor]
    dropped: dict[str, Tensor]
    present: Tensor


@dataclass(frozen=True)
class SentimentOutput:
    """What a model says of B samples.

    Args:
        scores: ``[B]`` of a regression, ``[B, 3]`` logits of classes.
        pooled: per modality ``[B, d]``, where the model has such.
        weights: of the modalities, ``[B, M]``, rows sum to 1 over the present; ``None`` where they have none.
        hidden: what losses of the model's own need.
    """

    scores: Tensor
    pooled: Mapping[str, Tensor] = field(default_factory=dict)
    weights: Tensor | None = None
    hidden: Mapping[str, Tensor] = field(default_factory=dict)


class SentimentModel(nn.Module, ABC):
    """Reads a ``ModalityBatch`` of raw features; means and deviations of the training split are part of its state.

    Args:
        dims: features per step by modality.
        steps: most steps by modality, T_m.
        head: ``regression`` of the label, or ``classes`` negative, neutral, positive.
        error: that a regression makes small: ``absolute`` tends to medians, ``squared`` to means.
    """

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
        """Columns of the head."""
        return 1 if self.head == "regression" else CLASSES

    def set_scale(self, statistics: Mapping[str, tuple[FloatArray, FloatArray]]) -> None:
        """Take over means and deviations, as ``feature_statistics`` gives them."""
        for name, (mean, std) in statistics.items():
            self.get_buffer(f"mean_{name}").copy_(torch.from_numpy(mean))
            self.get_buffer(f"std_{name}").copy_(torch.from_numpy(std))

    def read(self, batch: ModalityBatch) -> Inputs:
        """Scaled values and masks; what is not seen is zero, whatever stands there.

        Raises:
            InputError: a modality is missing from the batch, or has features of another width.
        """
        for name, dim in self.dims.items():
            if name not in batch.values:
                raise InputError(f"expected the modalities {', '.join(self.names)}, the batch lacks {name}")
            if batch.values[name].shape[2] != dim:
                raise InputError(f"{name} has {batch.values[name].shape[2]} features, the model was trained on {dim}")
        batch = batch.select(self.names)
        present = batch.present
        values, whole, seen, asks, dropped = {}, {}, {}, {}, {}
        for place, name in enumerate(self.names):
            scaled = (batch.values[name] - self.get_buffer(f"mean_{name}")) / self.get_buffer(f"std_{name}")
            valid = batch.valid[name]
            seen[name] = valid & batch.observed[name]
            values[name] = torch.where(seen[name][..., None], scaled, 0.0)
            whole[name] = torch.where(valid[..., None], scaled, 0.0)
            asks[name] = valid | ~present[:, place, None]
            dropped[name] = valid & ~seen[name]
        return Inputs(values, whole, seen, asks, dropped, present)

    @abstractmethod
    def forward(self, batch: ModalityBatch, *, for_loss: bool = False) -> SentimentOutput:
        """What the model says; ``for_loss``: with everything that ``loss_terms`` reads."""

    @abstractmethod
    def loss_terms(self, batch: ModalityBatch, labels: Tensor, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """Terms whose sum is the loss.

        Args:
            batch: B samples.
            labels: ``[B]``.
            teacher: for models that have one.
        """

    def task_loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Mean absolute or squared error, or the cross-entropy of the three classes."""
        if self.head == "regression":
            return F.l1_loss(scores, labels) if self.error == "absolute" else F.mse_loss(scores, labels)
        return F.cross_entropy(scores, class_of(labels))

    def squeeze(self, scores: Tensor) -> Tensor:
        """``[B]`` of a regression, ``[B, 3]`` else."""
        return scores.squeeze(-1) if self.head == "regression" else scores


class Joint(nn.Module):
    """Pooled modalities become one vector: side by side, or as the aligners do it, weighted.

    Args:
        names: modalities.
        dim: width of each.
        mode: ``concat`` as they are; ``global`` one weight per modality (MCLEA); ``meta`` weights of each sample's own
            by the attention among its modalities (MEAformer).
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
        """``[B, M d]`` and weights ``[B, M]``."""
        if self.fusion is None:
            return torch.cat([pooled[name] for name in self.names], dim=-1), None
        masks = {name: present[:, place, None] for place, name in enumerate(self.names)}
        tokens = {name: pooled[name][:, None, :] for name in self.names}
        output = self.fusion(ModalityBatch(tokens, {name: torch.ones_like(masks[name]) for name in masks}, masks))
        return output.joint, output.weights


def class_of(labels: Tensor) -> Tensor:
    """0 negative, 1 neutral, 2 positive."""
    return (labels.sign() + 1).long()
