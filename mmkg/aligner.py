"""The aligner as an estimator, with the methods of scikit-learn and of Hugging Face."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .compute.devices import is_available
from .data.task import AlignmentTask
from .errors import InputError, UsageError, nearest
from .pipeline import align
from .result.calibrate import check_threshold
from .result.result import AlignmentResult
from .typing import FloatArray

PARAMETERS = ("model", "seed", "modalities", "device", "settings")


@dataclass(frozen=True)
class Prediction:
    """A predicted counterpart of a left entity.

    Args:
        left, right: entity labels.
        rank: 1 for the best.
        score: CSLS if the run uses it, else cosine.
        confidence: probability that the prediction is right, ``None`` without enough validation links.
    """

    left: str
    right: str
    rank: int
    score: float
    confidence: float | None


class Aligner:
    """Entity aligner: ``fit``, ``transform``, ``predict``, ``score``, ``save_pretrained``.

    Args:
        model: name of the model.
        seed: random seed.
        modalities: modalities to use; empty = all that the data have.
        device: ``auto``, ``cpu`` or ``cuda``.
        settings: nested settings, e.g. ``{"training": {"epochs": 50}}``.

    Attributes:
        result_: the ``AlignmentResult`` of ``fit``.
    """

    def __init__(
        self,
        model: str = "meaformer",
        *,
        seed: int = 0,
        modalities: Sequence[str] = (),
        device: str = "auto",
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.seed = seed
        self.modalities = modalities
        self.device = device
        self.settings = settings

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments."""
        return {name: getattr(self, name) for name in PARAMETERS}

    def set_params(self, **params: Any) -> "Aligner":
        """Change constructor arguments.

        Raises:
            UsageError: an unknown argument.
        """
        for name in params:
            if name not in PARAMETERS:
                raise UsageError(f"unknown parameter {name!r}; {nearest(name, PARAMETERS)}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def fit(self, task: AlignmentTask, *, progress: bool | None = None) -> "Aligner":
        """Learn from the task's training links; choices are made on its validation links.

        Args:
            task: two graphs and their links.
            progress: show a bar on stderr; ``None`` = if stderr is a terminal.
        """
        self.result_ = align(
            task,
            self.model,
            seed=self.seed,
            modalities=self.modalities,
            device=self.device,
            settings=self.settings,
            progress=progress,
        )
        return self

    def transform(self, task: AlignmentTask | None = None) -> tuple[FloatArray, FloatArray]:
        """Embeddings of the left and the right graph, unit rows ``[n1, D]`` and ``[n2, D]``.

        Embeddings belong to the entities of ``fit``; another task cannot be embedded.

        Raises:
            InputError: ``task`` is not the one of ``fit``.
        """
        result = self._fitted()
        if task is not None and task.fingerprint() != result.record.fingerprint:
            raise InputError("this aligner was fitted on other data; call fit on the new task")
        return result.left, result.right

    def predict(self, k: int = 1, threshold: float | None = None) -> list[Prediction]:
        """The k best counterparts of every left entity among all right entities.

        Args:
            k: number of counterparts per entity; if there are fewer right entities, all of them.
            threshold: least confidence, in [0, 1]; predictions below it are left out.

        Raises:
            UsageError: k or the threshold is out of range, or there is a threshold but too few validation links to
                calibrate confidences on.
        """
        result = self._fitted()
        if threshold is not None:
            check_threshold(threshold)
        found, confidence = result.neighbors(k)
        if threshold is not None and confidence is None:
            raise UsageError("a threshold needs validation links to calibrate confidences on; use valid_ratio > 0")
        left, right = result.entities
        predictions = []
        for row, place in np.argwhere(found.present).tolist():
            sure = None if confidence is None else float(confidence[row, place])
            if threshold is None or (sure is not None and sure >= threshold):
                answer, score = right.labels[found.ids[row, place]], float(found.scores[row, place])
                predictions.append(Prediction(left.labels[row], answer, place + 1, score, sure))
        return predictions

    def score(self, task: AlignmentTask | None = None) -> float:
        """Hits@1 from left to right on the test links of the task (the fitted one by default).

        Raises:
            InputError: ``task`` is not the one of ``fit``, or has no test links.
        """
        self.transform(task)
        links = None if task is None else task.links.test
        metrics = self._fitted().evaluate(links=links)
        if not metrics:
            raise InputError("there are no test links to score on")
        return metrics["left_to_right"]["hits@1"]

    def save_pretrained(self, folder: str | Path) -> Path:
        """Write a run folder, which ``from_pretrained`` reads."""
        return self._fitted().save(folder)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "Aligner":
        """Read an aligner from a run folder that ``save_pretrained`` or ``mmkg align --out`` wrote.

        The aligner has all settings of the run, so that ``fit`` on the same task gives the same result. The device is
        that of the run, or ``auto`` if this machine does not have it.

        Raises:
            InputError: no run, or a damaged one.
        """
        result = AlignmentResult.load(folder)
        settings = result.experiment.to_dict()
        model, seed = settings.pop("model"), settings.pop("seed")
        modalities = tuple(settings["features"].pop("modalities", ()))
        device = result.record.device if is_available(result.record.device) else "auto"
        aligner = cls(model, seed=seed, modalities=modalities, device=device, settings=settings)
        aligner.result_ = result
        return aligner

    def _fitted(self) -> AlignmentResult:
        if not hasattr(self, "result_"):
            raise UsageError("this aligner is not fitted; call fit(task) first")
        return self.result_
