"""What the learners of a run share."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..config.experiment import Experiment
from ..data.task import AlignmentTask
from ..report import Stopwatch
from ..training.bootstrap import Judge
from ..typing import FloatArray, IntArray
from .validation import judge_of, weights_of

CHECKPOINT = "trainer{}.safetensors"  # of each round, in the run folder; gone when the run is finished


@dataclass(frozen=True)
class Learned:
    """What learning hands to search: unit rows of both graphs, and how they came about.

    Args:
        left, right: ``[n1, D]`` and ``[n2, D]``, of the type that ``search.store`` says.
        widths: width of each modality's part, in order.
        history: rows of the training, and of the rounds.
        course: facts for the record.
        weights: of the trained model, if it is one alone.
        selected: whether anything was chosen on validation links.
    """

    left: FloatArray
    right: FloatArray
    widths: dict[str, int]
    history: list[dict[str, Any]]
    course: dict[str, Any]
    weights: dict[str, Tensor] = field(default_factory=dict)
    selected: bool = True


@dataclass(frozen=True)
class Setting:
    """What all learners of a run share.

    Args:
        task: the pair.
        experiment: its configuration.
        device: where to compute.
        watch: takes the time of each phase.
        progress: show bars and rounds; ``None`` = if stderr is a terminal.
        out: run folder for checkpoints, ``None`` for none.
        fingerprint: of the task.
    """

    task: AlignmentTask
    experiment: Experiment
    device: torch.device
    watch: Stopwatch
    progress: bool | None = None
    out: Path | None = None
    fingerprint: str = ""

    def judge(self) -> Judge | None:
        """Score of the embeddings of all entities on the validation links, ``None`` without any."""
        if not len(self.task.links.valid):
            return None
        return judge_of(self.task, self.experiment.search, seed=self.experiment.seed, device=self.device)

    def weights(self, left: dict[str, Tensor], right: dict[str, Tensor], start: dict[str, float]) -> dict[str, float]:
        """Weights of the parts, chosen on validation links if there are any; else those of the start."""
        if not len(self.task.links.valid):
            return start
        with self.watch.phase("weigh"):
            return weights_of(self.task, self.experiment.search, left, right, start=start, seed=self.experiment.seed)


class Learner(Protocol):
    """From links to embeddings, as often as asked; a later call may start from what an earlier one learnt."""

    history: list[dict[str, Any]]

    @property
    def widths(self) -> dict[str, int]:
        """Width of each modality's part, in order, as of the last call."""

    @property
    def course(self) -> dict[str, Any]:
        """Facts of the last call, for the record."""

    @property
    def weights(self) -> dict[str, Tensor]:
        """Of the trained model, as of the last call."""

    def embed(self, links: IntArray) -> tuple[Tensor, Tensor]:
        """Unit rows of all left and all right entities, from links int64 ``[L, 2]``."""


def identity(fingerprint: str, experiment: Experiment, links: IntArray | None = None) -> str:
    """Hash of the data, the configuration, and the links of a round."""
    text = json.dumps(experiment.to_dict(), sort_keys=True, default=str)
    digest = hashlib.sha256(f"{fingerprint}|{text}|".encode())
    digest.update(b"" if links is None else np.ascontiguousarray(links).tobytes())
    return digest.hexdigest()


def _concatenated(parts: dict[str, tuple[float, Tensor]]) -> Tensor:
    """Unit rows of the weighted parts side by side, in order, without a second copy."""
    blocks = [block for _, block in parts.values()]
    joint = blocks[0].new_empty(len(blocks[0]), sum(block.shape[1] for block in blocks))
    columns = joint.split([block.shape[1] for block in blocks], dim=1)
    for column, (weight, block) in zip(columns, parts.values(), strict=True):
        torch.mul(block, weight, out=column)
    return F.normalize(joint, dim=1, out=joint)


def _unit(rows: Tensor) -> Tensor:
    return F.normalize(rows, dim=1)
