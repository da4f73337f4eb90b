"""Metrics of sentiment regression and classification; true values are always the first argument."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..typing import IntArray

Doubles = NDArray[np.float64]


def regression_metrics(true: ArrayLike, predicted: ArrayLike, *, sims: bool = False) -> dict[str, float]:
    """MAE, correlation, and the accuracies of a regression whose scores are rounded to classes.

    ``acc2_has0`` and ``f1_has0`` have the classes negative and non-negative, on all samples. ``acc2_non0`` and
    ``f1_non0`` have the classes negative and positive, without the samples with label 0. Both F1 are weighted by the
    support of each class. ``acc7``, ``acc5`` and ``acc3`` compare integers, rounded half to even and clipped to
    [-3, 3], [-2, 2] and [-1, 1]. ``macro_f1`` is that of the three classes of ``acc3``.

    Args:
        true: labels, ``[N]``, in [-3, 3] (MOSI, MOSEI), or in [-1, 1] with ``sims``.
        predicted: scores, ``[N]``.
        sims: use the conventions of CH-SIMS: both arguments are first clipped to [-1, 1], also for MAE and correlation;
            ``acc2_has0`` has the classes non-positive and positive; ``acc3`` has class borders at -0.1 and 0.1,
            ``acc5`` at -0.7, -0.1, 0.1 and 0.7; there is no ``acc7``.

    Returns:
        Metrics by name. ``corr`` is 0 if it is undefined (constant values); a metric without samples is 0.

    Source: MMSA, MetricsTop. MMSA before 2021 and TFR-Net swap the arguments of F1.
    """
    y, p = (np.asarray(values, dtype=np.float64) for values in (true, predicted))
    if y.ndim != 1 or y.shape != p.shape:
        raise ValueError(f"expected labels and predictions of one length, got shapes {y.shape} and {p.shape}")
    if sims:
        y, p = np.clip(y, -1, 1), np.clip(p, -1, 1)
    found = {"mae": float(np.abs(p - y).mean()) if len(y) else 0.0, "corr": pearson(y, p)}
    for name, limit, cuts in (("acc7", 3, None), ("acc5", 2, (-0.7, -0.1, 0.1, 0.7)), ("acc3", 1, (-0.1, 0.1))):
        if sims and cuts is None:
            continue
        codes = _bins(y, p, cuts) if sims and cuts is not None else _rounded(y, p, limit)
        found[name] = accuracy(*codes)
        if name == "acc3":
            found["macro_f1"] = f1(*codes, average="macro")
    signed = y != 0
    signs = {"has0": (y > 0, p > 0) if sims else (y >= 0, p >= 0), "non0": (y[signed] > 0, p[signed] > 0)}
    for name, (first, second) in signs.items():
        found[f"acc2_{name}"] = accuracy(first.astype(np.int64), second.astype(np.int64))
        found[f"f1_{name}"] = f1(first.astype(np.int64), second.astype(np.int64), average="weighted")
    return found


def class_metrics(true: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """Accuracy, macro and weighted F1 of class numbers, ``[N]`` each."""
    y, p = np.asarray(true, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    return {
        "accuracy": accuracy(y, p),
        "macro_f1": f1(y, p, average="macro"),
        "weighted_f1": f1(y, p, average="weighted"),
    }


def accuracy(true: IntArray, predicted: IntArray) -> float:
    """Share of equal class numbers; 0 without samples."""
    return float((true == predicted).mean()) if len(true) else 0.0


def f1(true: IntArray, predicted: IntArray, *, average: str) -> float:
    """F1 over classes.

    Args:
        true: class numbers, ``[N]``.
        predicted: class numbers, ``[N]``.
        average: ``weighted`` by the number of true samples per class, or ``macro`` over the classes of both arguments.
    """
    classes = np.unique(np.concatenate([true, predicted]))
    scores, support = [], []
    for each in classes.tolist():
        hits = float(((true == each) & (predicted == each)).sum())
        total = float((true == each).sum() + (predicted == each).sum())
        scores.append(2 * hits / total)
        support.append(float((true == each).sum()))
    if not scores:
        return 0.0
    return float(np.average(scores, weights=support)) if average == "weighted" else float(np.mean(scores))


def pearson(true: Doubles, predicted: Doubles) -> float:
    """Pearson correlation in [-1, 1]; 0 if either argument is constant."""
    if len(true) < 2:
        return 0.0
    a, b = true - true.mean(), predicted - predicted.mean()
    scale = np.linalg.norm(a) * np.linalg.norm(b)
    tiny = 1e-12 * len(true) * max(np.abs(true).max(), 1e-300) * max(np.abs(predicted).max(), 1e-300)
    return float(np.clip(a @ b / scale, -1, 1)) if scale > tiny else 0.0


def mean_and_std(runs: list[Mapping[str, float]]) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of a sample of runs (n - 1 in the divisor; 0 of a single run), by metric."""
    values = {name: np.array([run[name] for run in runs]) for name in runs[0]}
    few = len(runs) < 2
    return {name: (float(each.mean()), 0.0 if few else float(each.std(ddof=1))) for name, each in values.items()}


def _rounded(y: Doubles, p: Doubles, limit: int) -> tuple[IntArray, IntArray]:
    """Nearest integer of each value, clipped to [-limit, limit]."""
    first, second = (np.round(np.clip(values, -limit, limit)).astype(np.int64) for values in (y, p))
    return first, second


def _bins(y: Doubles, p: Doubles, cuts: tuple[float, ...]) -> tuple[IntArray, IntArray]:
    """Class of each value: (-inf, cut 1], (cut 1, cut 2], ..."""
    first, second = (np.searchsorted(np.array(cuts), values, side="left").astype(np.int64) for values in (y, p))
    return first, second
