"""Predictions of a model with their metrics: over all samples, and by the modalities that samples lack."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from ..records import Record
from ..typing import BoolArray, FloatArray
from .metrics import class_metrics, regression_metrics
from .model import class_of

WHOLE = "none"  # name of the pattern without a missing modality


@dataclass(frozen=True, eq=False, repr=False)
class Answers(Record):
    """Predictions for N samples.

    Args:
        labels: true labels, float32 ``[N]``.
        scores: ``[N]`` of a regression, logits ``[N, 3]`` of classes.
        present: bool ``[N, M]``: modalities with at least one observed step.
        names: names of the M modalities.
    """

    labels: FloatArray
    scores: FloatArray
    present: BoolArray
    names: tuple[str, ...]

    def figures(self, *, sims: bool = False) -> dict[str, float]:
        """Metrics over all samples; ``sims``: use the conventions of CH-SIMS."""
        return figures(self.labels, self.scores, sims=sims)

    def by_pattern(self, *, sims: bool = False) -> dict[str, dict[str, float]]:
        """Metrics over the samples that lack the same modalities, fewest missing first.

        Returns:
            Metrics by the names of the missing modalities, e.g. ``text, audio`` (``none``: nothing is missing):
            ``count``, the number of samples; for a regression ``mae``, ``corr`` and ``deviation``, the population
            standard deviation of the scores on the scale of the labels; for classes ``accuracy`` and ``macro_f1``.
            Patterns without samples are left out.
        """
        patterns = {}
        for row in sorted({tuple(row) for row in self.present.tolist()}, key=lambda row: (-sum(row), [*map(int, row)])):
            exact = (self.present == np.array(row)).all(axis=1)
            metrics = figures(self.labels[exact], self.scores[exact], sims=sims)
            kept = ("mae", "corr") if self.scores.ndim == 1 else ("accuracy", "macro_f1")
            values = {"count": float(exact.sum())} | {name: metrics[name] for name in kept}
            if self.scores.ndim == 1:
                values["deviation"] = float(self.scores[exact].std())
            lacking = [name for name, present in zip(self.names, row, strict=True) if not present]
            patterns[", ".join(lacking) or WHOLE] = values
        return patterns


def present_in(observed: Mapping[str, BoolArray]) -> BoolArray:
    """Whether any step of a modality is observed, bool ``[N, M]``, in the order of ``observed``."""
    return np.stack([mask.any(axis=1) for mask in observed.values()], axis=1)


def figures(labels: FloatArray, scores: FloatArray, *, sims: bool) -> dict[str, float]:
    """Metrics of a regression, ``scores`` ``[N]``, or of classes, ``scores`` ``[N, 3]``."""
    if scores.ndim == 1:
        return regression_metrics(labels, scores, sims=sims)
    return class_metrics(class_of(torch.from_numpy(np.asarray(labels))).numpy(), scores.argmax(axis=1))
