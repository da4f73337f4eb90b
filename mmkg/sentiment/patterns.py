"""Answers of a model, and their figures: all together, and by the modalities that a sample has."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from ..typing import BoolArray, FloatArray
from .metrics import class_metrics, regression_metrics
from .model import class_of

WHOLE = "none"


@dataclass(frozen=True)
class Answers:
    """What a model says of N samples.

    Args:
        labels: float32 ``[N]``.
        scores: ``[N]`` of a regression, ``[N, 3]`` of classes.
        present: bool ``[N, M]``: modalities of which a step was seen.
        names: of the M modalities.
    """

    labels: FloatArray
    scores: FloatArray
    present: BoolArray
    names: tuple[str, ...]

    def figures(self, *, sims: bool = False) -> dict[str, float]:
        """Of all samples."""
        return figures(self.labels, self.scores, sims=sims)

    def by_pattern(self, *, sims: bool = False) -> dict[str, dict[str, float]]:
        """Figures of the samples that lack the same modalities, fewest missing first.

        Returns:
            By the names of what is missing, e.g. ``text, audio`` (``none``: the sample is whole): ``count``; of a
            regression ``mae``, ``corr``, and ``deviation`` of the scores (population, on the scale of the labels), of
            classes ``accuracy`` and ``macro_f1``. Patterns that no sample has are left out.
        """
        found = {}
        for row in sorted({tuple(row) for row in self.present.tolist()}, key=lambda row: (-sum(row), [*map(int, row)])):
            here = (self.present == np.array(row)).all(axis=1)
            told = figures(self.labels[here], self.scores[here], sims=sims)
            kept = ("mae", "corr") if self.scores.ndim == 1 else ("accuracy", "macro_f1")
            values = {"count": float(here.sum())} | {name: told[name] for name in kept}
            if self.scores.ndim == 1:
                values["deviation"] = float(self.scores[here].std())
            lacking = [name for name, seen in zip(self.names, row, strict=True) if not seen]
            found[", ".join(lacking) or WHOLE] = values
        return found


def present_in(observed: Mapping[str, BoolArray]) -> BoolArray:
    """Whether any step of a modality is to be seen, bool ``[N, M]`` in the order given."""
    return np.stack([here.any(axis=1) for here in observed.values()], axis=1)


def figures(labels: FloatArray, scores: FloatArray, *, sims: bool) -> dict[str, float]:
    """Figures of a regression, ``scores`` [N], or of classes, ``scores`` [N, 3]."""
    if scores.ndim == 1:
        return regression_metrics(labels, scores, sims=sims)
    return class_metrics(class_of(torch.from_numpy(np.asarray(labels))).numpy(), scores.argmax(axis=1))
