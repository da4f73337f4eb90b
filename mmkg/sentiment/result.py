"""A trained sentiment model with its metrics; evaluates, predicts, saves and loads."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..compute.host import isolated_class
from ..data.tensors.batch import ModalityBatch
from ..errors import InputError, UsageError, nearest
from ..files import atomic_path, write_text
from ..folders import read_manifest, replaced
from ..records import Shown
from ..report import RunRecord
from ..settings import read_toml
from ..typing import BoolArray, FloatArray, IntArray
from .build import Shape, build_model
from .config import SentimentExperiment
from .data import SPLITS, SentimentData, SentimentSplit
from .model import SentimentModel
from .patterns import Answers, present_in
from .policy import MissingPolicy
from .protocol import SentimentProtocol
from .recalibration import recalibrated
from .scoring import scores_of

FORMAT = 1
FILES = ("config.toml", "shape.json", "model.safetensors", "metrics.jsonl", "predictions.csv", "record.json")
CLASS_NAMES = ("negative", "neutral", "positive")


@isolated_class
@dataclass(frozen=True, eq=False, repr=False)
class SentimentResult(Shown):
    """The result of one run.

    Args:
        model: model with the weights of the best epoch.
        experiment: configuration of the run.
        shape: sizes of the data that the model was built for.
        protocol: evaluation protocol of ``metrics``.
        metrics: metrics of the test split.
        valid_metrics: metrics of the validation split.
        record: seed, versions, time and memory.
        history: one row per epoch.
        scores: scores (or logits of the classes) of the test samples by id.
    """

    model: SentimentModel
    experiment: SentimentExperiment
    shape: Shape
    protocol: SentimentProtocol
    metrics: dict[str, float]
    valid_metrics: dict[str, float]
    record: RunRecord
    history: list[dict[str, Any]] = field(default_factory=list)
    scores: dict[str, list[float]] = field(default_factory=dict)

    def evaluate(
        self,
        data: SentimentData,
        missing: MissingPolicy | str | None = None,
        *,
        split: str = "test",
        recalibrate: bool = False,
    ) -> dict[str, float]:
        """Metrics of a split.

        Args:
            data: data with the modalities and widths of the training data; further modalities are ignored.
            missing: what is missing, as a policy or its text; by default as in training. A policy with seed 0 is drawn
                with the seed of the run.
            split: ``test``, ``valid`` or ``train``.
            recalibrate: recalibrate the scores of samples that lack modalities from the inputs of the whole split,
                without labels; see ``mmkg.sentiment.recalibration.recalibrated``.

        Raises:
            UsageError: no such split, or the model predicts classes, which cannot be recalibrated.
            InputError: the data lack a modality of the model, or have another width.
        """
        return self.answers(data, missing, split=split, recalibrate=recalibrate).figures(sims=self.shape.sims)

    def answers(
        self,
        data: SentimentData,
        missing: MissingPolicy | str | None = None,
        *,
        split: str = "test",
        recalibrate: bool = False,
    ) -> Answers:
        """Predictions for a split, with labels and present modalities; arguments and errors as in ``evaluate``."""
        part, observed = self._observed(data, missing, split)
        scores = scores_of(self.model, part, observed)
        answers = Answers(part.labels, scores, present_in(observed), self.model.names)
        return self.recalibrate(answers, data, missing, split=split) if recalibrate else answers

    def recalibrate(
        self,
        answers: Answers,
        data: SentimentData,
        missing: MissingPolicy | str | None = None,
        *,
        split: str = "test",
    ) -> Answers:
        """Recalibrate predictions on the inputs of their split.

        Args:
            answers: predictions that ``answers`` returned for the same data, policy and split.
            data, missing, split: as in ``evaluate``.

        Raises:
            UsageError: the model predicts classes, which cannot be recalibrated.
        """
        if self.model.head != "regression":
            raise UsageError("only a regression can be recalibrated; train with options.head=regression")
        part, observed = self._observed(data, missing, split)

        def mask(rows: IntArray, kept: BoolArray) -> FloatArray:
            masked = {name: observed[name][rows] & keep for name, keep in zip(observed, kept, strict=True)}
            return scores_of(self.model, part.take(rows), masked)

        return replace(answers, scores=recalibrated(answers.scores, answers.present, mask))

    def _observed(
        self, data: SentimentData, missing: MissingPolicy | str | None, split: str
    ) -> tuple[SentimentSplit, dict[str, BoolArray]]:
        """The samples of a split with the modalities of the model, and their observed steps."""
        if split not in SPLITS:
            raise UsageError(f"unknown split {split!r}; {nearest(split, SPLITS)}")
        part = data.split(split)
        lacking = [name for name in self.model.names if name not in part.values]
        if lacking:
            raise InputError(f"the model uses {', '.join(self.model.names)}; {data.name} has no {lacking[0]}")
        part = part.select(self.model.names)
        return part, self.experiment.policy_for(missing).observed(part.valid, split=split)

    def predict(self, sample: Mapping[str, ArrayLike]) -> dict[str, Any]:
        """Predict one sample; modalities may be absent, and no masks are needed.

        Args:
            sample: raw features by modality as in training, ``[T, d_m]``, or ``[d_m]`` for a single step. A step with
                a value that is not finite counts as missing.

        Returns:
            ``score`` on the scale of the labels, or ``class`` and ``probabilities``; ``missing``, the absent
            modalities; and ``weights``, if the model weighs its modalities.

        Raises:
            InputError: no modality, an unknown one, or another number of features.
        """
        batch = self._batch(sample)
        self.model.eval()
        with torch.no_grad():
            output = self.model(batch)
        names = self.model.names
        missing = [name for name, present in zip(names, batch.present[0].tolist(), strict=True) if not present]
        if self.model.head == "regression":
            found: dict[str, Any] = {"score": float(output.scores[0])}
        else:
            chances = output.scores[0].softmax(dim=0).tolist()
            found = {"class": CLASS_NAMES[int(np.argmax(chances))]}
            found["probabilities"] = dict(zip(CLASS_NAMES, chances, strict=True))
        found["missing"] = missing
        if output.weights is not None:
            found["weights"] = dict(zip(names, output.weights[0].tolist(), strict=True))
        return found

    def _batch(self, sample: Mapping[str, ArrayLike]) -> ModalityBatch:
        """A batch of one sample on the device of the model."""
        names = self.model.names
        for name in sample:
            if name not in names:
                raise InputError(f"unknown modality {name!r}; {nearest(name, names)}")
        if not sample:
            raise InputError(f"expected at least one of the modalities {', '.join(names)}, got none")
        values: dict[str, Tensor] = {}
        observed: dict[str, Tensor] = {}
        device = next(self.model.parameters()).device
        for name in names:
            if name in sample:
                array = torch.as_tensor(np.atleast_2d(np.asarray(sample[name], dtype=np.float32)))
                if array.ndim != 2 or array.shape[1] != self.shape.dims[name]:
                    raise InputError(
                        f"{name}: expected [T, {self.shape.dims[name]}], as in training, got {tuple(array.shape)}"
                    )
                mask = torch.isfinite(array).all(dim=1)
            else:
                array = torch.zeros(self.shape.steps[name], self.shape.dims[name])
                mask = torch.zeros(len(array), dtype=torch.bool)
            values[name] = array[None].to(device)
            observed[name] = mask[None].to(device)
        valid = {name: torch.ones_like(mask) for name, mask in observed.items()}
        return ModalityBatch(values, valid, observed)

    def save(self, folder: str | Path) -> Path:
        """Write a run folder; a run that is in the folder stays until this one is whole.

        Raises:
            UsageError: the folder has files, but no run.
            InputError: another process or thread writes to the folder.
        """
        with replaced(folder, format=FORMAT, task="sentiment", valid=self.valid_metrics) as new:
            self._write(new)
        return Path(folder)

    def _write(self, folder: Path) -> None:
        write_text(folder / "config.toml", self.experiment.to_toml())
        shape = {"dims": self.shape.dims, "steps": self.shape.steps, "label_range": list(self.shape.label_range)}
        write_text(folder / "shape.json", json.dumps(shape, indent=1) + "\n")
        with atomic_path(folder / "model.safetensors") as temporary:
            state = {name: value.detach().cpu().contiguous() for name, value in self.model.state_dict().items()}
            save_file(state, temporary)
        write_text(folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in self.history))
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        columns = ("score",) if self.model.head == "regression" else CLASS_NAMES
        writer.writerow(("id", *columns))
        writer.writerows((name, *(f"{value:.6g}" for value in row)) for name, row in self.scores.items())
        write_text(folder / "predictions.csv", table.getvalue())
        write_text(folder / "record.json", self.record.to_json())

    @staticmethod
    def load(folder: str | Path) -> "SentimentResult":
        """Read a run folder after checking the hash of each file.

        Raises:
            InputError: the folder has no finished run, or a file is missing or damaged.
        """
        folder = Path(folder)
        manifest = read_manifest(folder, FILES, format=FORMAT, again="train again")
        experiment = SentimentExperiment.of(read_toml(folder / "config.toml"))
        values = json.loads((folder / "shape.json").read_text(encoding="utf-8"))
        low, high = values["label_range"]
        shape = Shape(values["dims"], values["steps"], (low, high))
        model = build_model(experiment, shape)
        try:
            model.load_state_dict(load_file(folder / "model.safetensors"))
        except (SafetensorError, RuntimeError) as error:
            raise InputError(f"the weights do not fit the model ({error}); train again", folder) from None
        record = RunRecord.from_json((folder / "record.json").read_text(encoding="utf-8"), path=folder / "record.json")
        known = [f.name for f in fields(SentimentProtocol) if f.name in record.protocol]
        protocol = {name: record.protocol[name] for name in known}
        protocol = {name: tuple(value) if isinstance(value, list) else value for name, value in protocol.items()}
        history = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        rows = csv.reader((folder / "predictions.csv").read_text(encoding="utf-8").splitlines()[1:])
        return SentimentResult(
            model=model.eval(),
            experiment=experiment,
            shape=shape,
            protocol=SentimentProtocol(**protocol),
            metrics=dict(record.metrics),
            valid_metrics=dict(manifest["valid"]),
            record=record,
            history=[json.loads(line) for line in history],
            scores={row[0]: [float(value) for value in row[1:]] for row in rows},
        )
