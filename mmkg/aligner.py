"""The pipeline with the manners of scikit-learn and of Hugging Face."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .data.task import AlignmentTask
from .errors import InputError, UsageError, nearest
from .pipeline import align
from .result.calibrate import check_threshold
from .result.result import AlignmentResult
from .typing import FloatArray


@dataclass(frozen=True)
class Prediction:
    """One predicted counterpart of a left entity.

    Args:
        left, right: labels.
        rank: 1 for the best.
        score: CSLS if the run uses it, else cosine.
        confidence: probability of being right, ``None`` without validation links.
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
        seed: of everything random.
        modalities: which to use; empty = all at hand.
        device: ``auto``, ``cpu`` or ``cuda``.
        settings: nested settings, e.g. ``{"training": {"epochs": 50}}``.

    Attributes:
        result_: what ``fit`` found, an ``AlignmentResult``.
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
        names = ("model", "seed", "modalities", "device", "settings")
        return {name: getattr(self, name) for name in names}

    def set_params(self, **params: Any) -> "Aligner":
        """Change constructor arguments; an unknown one is a ``UsageError``."""
        for name in params:
            if name not in self.get_params():
                raise UsageError(f"unknown parameter {name!r}; {nearest(name, self.get_params())}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def fit(self, task: AlignmentTask, *, progress: bool | None = None) -> "Aligner":
        """Train on the task's training links, choose the epoch on its validation links."""
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

        Structure embeddings belong to the entities they were trained with, so that another task cannot
        be embedded.

        Raises:
            InputError: ``task`` is not the one of ``fit``.
        """
        result = self._fitted()
        if task is not None and task.fingerprint() != result.record.fingerprint:
            raise InputError("this aligner was fitted on other data; call fit on the new task")
        return result.left, result.right

    def predict(self, k: int = 1, threshold: float | None = None) -> list[Prediction]:
        """The k best counterparts of every left entity among all right ones.

        Args:
            k: how many.
            threshold: least confidence, in [0, 1]; entities below it get no counterpart.

        Raises:
            UsageError: k or the threshold is out of range, or there is a threshold, but no validation links to
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
        for row, place in np.argwhere(found.ids >= 0).tolist():
            sure = None if confidence is None else float(confidence[row, place])
            if threshold is None or (sure is not None and sure >= threshold):
                answer, score = right.labels[found.ids[row, place]], float(found.scores[row, place])
                predictions.append(Prediction(left.labels[row], answer, place + 1, score, sure))
        return predictions

    def score(self, task: AlignmentTask | None = None) -> float:
        """Hits@1 from left to right on the test links of the task (the fitted one by default)."""
        self.transform(task)
        links = None if task is None else task.links.test
        metrics = self._fitted().evaluate(links=links)
        if not metrics:
            raise InputError("there are no test links to score on")
        return metrics["left_to_right"]["hits@1"]

    def save_pretrained(self, folder: str | Path) -> Path:
        """Write everything ``from_pretrained`` needs."""
        return self._fitted().save(folder)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "Aligner":
        """Read an aligner that ``save_pretrained`` or ``mmkg align --out`` wrote."""
        result = AlignmentResult.load(folder)
        values = result.experiment.to_dict()
        modalities = tuple(values["features"].pop("modalities", ()))
        settings = {name: values[name] for name in ("features", "options", "training", "search")}
        aligner = cls(result.experiment.model, seed=result.experiment.seed, modalities=modalities, settings=settings)
        aligner.result_ = result
        return aligner

    def _fitted(self) -> AlignmentResult:
        if not hasattr(self, "result_"):
            raise UsageError("this aligner is not fitted; call fit(task) first")
        return self.result_
