"""What the learners of a run share: the run itself, and the record that each of them returns."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..callbacks import Callbacks
from ..config.experiment import Experiment
from ..data.task import AlignmentTask, LinkSplit
from ..report import Stopwatch
from ..training.bootstrap import Judge
from ..typing import IntArray
from .validation import ValidationScores, judge_of, weights_of

BLOCK_ROWS = 4096
MOST_FULL = 1 << 29  # values of the embeddings of both graphs up to which they are held in float32 while a run learns
CHECKPOINT = "trainer{}.safetensors"  # one per round, in the run folder; removed when the run is finished


@dataclass(frozen=True, eq=False)
class Learned:
    """Embeddings of all entities, and how they were learnt.

    Args:
        left, right: unit rows ``[n1, D]`` and ``[n2, D]``, float32 or float16.
        widths: width of each modality's part of D, in order.
        course: facts for the run record, e.g. the best epoch.
        history: rows of the training history.
        weights: state of the trained model, empty if there is none.
        selected: whether validation links chose anything.
        projection: matrices by modality that made the parts narrower, see ``compressed``; empty if they were not.
        calls: the course of each round up to this one, if there were rounds with pseudo-links.
        without: left and right rows for which no validation link was a candidate, by which an entity answers as if its
            counterpart were missing; ``None`` = the same rows.
    """

    left: Tensor
    right: Tensor
    widths: Mapping[str, int]
    course: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    weights: Mapping[str, Tensor] = field(default_factory=dict)
    selected: bool = True
    projection: Mapping[str, Tensor] = field(default_factory=dict)
    calls: Sequence[Mapping[str, Any]] = ()
    without: tuple[Tensor, Tensor] | None = None

    def parts(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Columns of each modality's part of the left and of the right rows, on the CPU; not copied, of any length."""
        return self._parts_of(self.left), self._parts_of(self.right)

    def _parts_of(self, side: Tensor) -> dict[str, Tensor]:
        return dict(zip(self.widths, side.cpu().split(list(self.widths.values()), dim=1), strict=True))


@dataclass(frozen=True, eq=False)
class Chosen:
    """What validation links chose in a run, for one that learns from them, too.

    Args:
        calls: the course of each round, as ``Learned.course``: epoch, weights, rounds of refinement.
        narrow: whether the embeddings were made narrower.
    """

    calls: Sequence[Mapping[str, Any]]
    narrow: bool

    @staticmethod
    def of(learned: Learned) -> "Chosen":
        """The choices of a run."""
        return Chosen(learned.calls or [learned.course], bool(learned.projection))


@dataclass(frozen=True, eq=False)
class Setting:
    """The run that all its learners share.

    Args:
        task: the pair of graphs and its links.
        experiment: configuration of the run.
        device: where to compute.
        watch: measures the time of each phase.
        callbacks: notified of each epoch and round.
        out: run folder for checkpoints, ``None`` for none.
        fingerprint: fingerprint of the task.
        certain: the links that are known, int64 ``[L, 2]``, where all others were found by names or images, so that a
            refinement may contradict them; ``None`` = all links are known.
        chosen: what was chosen before, in place of validation links, of which there are none then.
    """

    task: AlignmentTask
    experiment: Experiment
    device: torch.device
    watch: Stopwatch
    callbacks: Callbacks = field(default_factory=Callbacks)
    out: Path | None = None
    fingerprint: str = ""
    certain: IntArray | None = None
    chosen: Chosen | None = None

    def held_in(self, num_values: int) -> torch.dtype:
        """Type in which embeddings of so many values are held while a run learns; of many, that of the result."""
        if num_values <= MOST_FULL:
            return torch.float32
        found: torch.dtype = getattr(torch, self.experiment.search.held)
        return found

    def earlier(self, call: int) -> Mapping[str, Any]:
        """What was chosen before in a round, by its number; empty if nothing was."""
        return {} if self.chosen is None else self.chosen.calls[call]

    def known(self) -> "Setting":
        """The run with those of its links that are known."""
        if self.certain is None:
            return self
        links = LinkSplit(self.certain, self.task.links.valid[:0], self.task.links.test)
        return replace(self, task=replace(self.task, links=links))

    def judge(self) -> Judge | None:
        """A function that scores embeddings of all entities on the validation links; ``None`` without such links."""
        if not len(self.task.links.valid):
            return None
        return judge_of(self.task, self.experiment.search, seed=self.experiment.seed, device=self.device)

    def validation_scores(self) -> ValidationScores | None:
        """Scores of the validation links part by part; ``None`` without such links."""
        if not len(self.task.links.valid):
            return None
        return ValidationScores(self.task, self.experiment.search, seed=self.experiment.seed)

    def weights(self, left: dict[str, Tensor], right: dict[str, Tensor], start: dict[str, float]) -> dict[str, float]:
        """Weights of the parts, chosen on the validation links; without such links the start weights."""
        if not len(self.task.links.valid):
            return start
        with self.watch.phase("weigh"):
            return weights_of(self.task, self.experiment.search, left, right, start=start, seed=self.experiment.seed)


class Learner(Protocol):
    """Turns links into embeddings of all entities.

    A learner may be called several times, once per round; a later call may continue from what an earlier one learnt.
    """

    def embed(self, links: IntArray) -> Learned:
        """Learn from links, int64 ``[L, 2]``."""


def identity(fingerprint: str, experiment: Experiment, links: IntArray | None = None) -> str:
    """Hash of the data, the configuration, and the links of a round."""
    text = json.dumps(experiment.to_dict(), sort_keys=True, default=str)
    digest = hashlib.sha256(f"{fingerprint}|{text}|".encode())
    digest.update(b"" if links is None else np.ascontiguousarray(links).tobytes())
    return digest.hexdigest()


def concatenated(parts: Mapping[str, tuple[float, Tensor]], *, store: str = "float32", unit: bool = False) -> Tensor:
    """Unit rows of the weighted parts, concatenated in order, without a second copy in memory.

    Args:
        parts: weight of each part, and its rows ``[n, d_m]``.
        store: type of the result.
        unit: scale the rows of each part to unit length first; zeros stay.
    """
    blocks = [block for _, block in parts.values()]
    shape = len(blocks[0]), sum(block.shape[1] for block in blocks)
    joint = torch.empty(shape, dtype=getattr(torch, store), device=blocks[0].device)
    for start in range(0, len(joint), BLOCK_ROWS):
        some = slice(start, start + BLOCK_ROWS)
        rows = [(weight, block[some].float()) for weight, block in parts.values()]
        columns = [weight * (F.normalize(each, dim=1) if unit else each) for weight, each in rows]
        joint[some] = F.normalize(torch.cat(columns, dim=1), dim=1)
    return joint


def appended(
    widths: Mapping[str, int],
    vectors: Tensor,
    parts: Mapping[str, Tensor],
    weights: Mapping[str, float],
    *,
    store: str = "float32",
) -> Tensor:
    """Embeddings with parts appended to the columns of the modality that each belongs to, as unit rows.

    Args:
        widths: columns of each modality in ``vectors``.
        vectors: unit rows or zeros, ``[n, D]``.
        parts: unit rows or zeros by modality, ``[n, d_m]``.
        weights: of each part, relative to ``vectors``.
        store: type of the result.
    """
    columns: dict[str, tuple[float, Tensor]] = {}
    for name, block in zip(widths, vectors.split(list(widths.values()), dim=1), strict=True):
        columns[f"own {name}"] = 1.0, block
        if name in parts:
            columns[name] = weights[name], parts[name]
    return concatenated(columns, store=store)
