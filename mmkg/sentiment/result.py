"""A trained sentiment model with its metrics; evaluates, predicts, saves and loads."""

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from pydantic import Field, FiniteFloat, PositiveInt
from safetensors.torch import load_file, save_file
from torch import Tensor
from typing_extensions import TypedDict

from ..compute.host import isolated_class
from ..data.tensors.batch import ModalityBatch
from ..errors import InputError, MmkgError, UsageError, nearest
from ..files import atomic_path, write_text
from ..folders import MANIFEST, read_manifest, replaced
from ..printing import guarded, unguarded
from ..records import Shown
from ..report import RunRecord
from ..schema import ROW, Figures, checked, parse_json, read_json
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
            chances = [found["score"]]
        else:
            chances = output.scores[0].softmax(dim=0).tolist()
            found = {"class": CLASS_NAMES[int(np.argmax(chances))]}
            found["probabilities"] = dict(zip(CLASS_NAMES, chances, strict=True))
        if not all(map(math.isfinite, chances)):
            raise InputError("the model gives no number for this sample; are its values too large?")
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
        writer.writerows((guarded(name), *(f"{value:.6g}" for value in row)) for name, row in self.scores.items())
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
        experiment = _experiment_of(folder / "config.toml")
        values = read_json(folder / "shape.json", _Shape)
        shape = Shape(values["dims"], values["steps"], values["label_range"])
        model = _model_of(experiment, shape, folder)
        path = folder / "record.json"
        record = RunRecord.from_json(_text_of(path), path=path)
        known = {f.name: record.protocol[f.name] for f in fields(SentimentProtocol) if f.name in record.protocol}
        return SentimentResult(
            model=model.eval(),
            experiment=experiment,
            shape=shape,
            protocol=checked(known, SentimentProtocol, path),
            metrics=checked(record.metrics, Figures, path),
            valid_metrics=checked(manifest.get("valid"), Figures, folder / MANIFEST),
            record=record,
            history=_history_of(folder / "metrics.jsonl"),
            scores=_scores_of(folder / "predictions.csv"),
        )


class _Shape(TypedDict):
    dims: Annotated[dict[str, PositiveInt], Field(min_length=1)]
    steps: dict[str, PositiveInt]
    label_range: tuple[FiniteFloat, FiniteFloat]


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"expected UTF-8 text: {error.reason}", path) from None


def _experiment_of(path: Path) -> SentimentExperiment:
    try:
        return SentimentExperiment.of(read_toml(path))
    except InputError:
        raise
    except MmkgError as error:
        raise InputError(f"not the configuration of a run: {error}", path) from None


def _model_of(experiment: SentimentExperiment, shape: Shape, folder: Path) -> SentimentModel:
    """The model of a run with its weights, which must fit and be finite."""
    path = folder / "model.safetensors"
    try:
        weights = load_file(path)
    except (MemoryError, OSError):
        raise
    except Exception as error:  # SafetensorError, and others where the header is hostile
        raise InputError(f"not a safetensors file: {error}; train again", path) from None
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise InputError(f"weights {name} must be finite; train again", path)
    if set(shape.dims) != set(shape.steps):
        raise InputError("expected dims and steps of the same modalities", folder / "shape.json")
    try:
        with torch.device("meta"):  # takes no memory, whatever the sizes
            sizes = {name: value.shape for name, value in build_model(experiment, shape).state_dict().items()}
        if sizes != {name: value.shape for name, value in weights.items()}:
            raise RuntimeError("other names or shapes")
        model = build_model(experiment, shape)
        model.load_state_dict(weights)
    except (MemoryError, OSError):
        raise
    except Exception as error:
        raise InputError(f"the weights do not fit the model ({error}); train again", folder) from None
    return model


def _history_of(path: Path) -> list[dict[str, Any]]:
    rows = enumerate(_text_of(path).split("\n"), start=1)
    return [parse_json(row, ROW, path, number) for number, row in rows if row]


def _scores_of(path: Path) -> dict[str, list[float]]:
    """Predictions by id."""
    scores: dict[str, list[float]] = {}
    try:
        for row in list(csv.reader(io.StringIO(_text_of(path), newline="")))[1:]:
            scores[unguarded(row[0])] = [float(value) for value in row[1:]]
    except (csv.Error, ValueError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"expected an id and numbers in each row: {error}", path) from None
    if not all(map(math.isfinite, chain.from_iterable(scores.values()))):
        raise InputError("expected finite predictions", path)
    return scores
