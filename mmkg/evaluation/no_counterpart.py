"""Metrics of links and of entities without a counterpart, and the calibration of confidences."""

from typing import NamedTuple

import numpy as np

from ..compute.host import isolated
from ..errors import InputError
from ..typing import BoolArray, FloatArray, IntArray


@isolated
def counterpart_figures(
    found: BoolArray,
    right: BoolArray,
    present: BoolArray,
    weights: FloatArray | None = None,
    *,
    links: IntArray | None = None,
) -> dict[str, float]:
    """Precision, recall and F1 of the links found, and of the entities reported to have no counterpart.

    Args:
        found: whether a counterpart was found for an entity, bool ``[A]``.
        right: whether the counterpart found is the true one, bool ``[A]``.
        present: whether the entity has a counterpart, bool ``[A]``.
        weights: weight of each entity, ``[A]``, >= 0; ``None`` = equal weights.
        links: number of counterparts of each entity that has one, ``[A]``; ``None`` = one. Recall counts links.

    Returns:
        ``precision``, ``recall``, ``f1`` of links and ``none_precision``, ``none_recall``, ``none_f1`` of entities
        without a counterpart, in [0, 1], 0 if nothing can be counted; and ``found``, the weight of the links found.

    Raises:
        InputError: columns of different lengths, or a right entry that is not found or not present.

    Source:
        Sun, Chen and Hu, ACL 2021: the consolidated evaluation of alignment with dangling entities.
    """
    if weights is None:
        weights = np.ones(len(found), np.float32)
    if not found.shape == right.shape == present.shape == weights.shape:
        raise InputError(f"expected columns of one length, got {found.shape}, {right.shape}, {present.shape}")
    if (right & ~(found & present)).any():
        raise InputError("expected right answers among those found, of entities that have a counterpart")
    left_out = ~found & ~present
    per_entity = weights if links is None else weights * links
    of_links = _figures(*(float(each.sum()) for each in (weights[right], weights[found], per_entity[present])))
    none = _figures(*(float(weights[each].sum()) for each in (left_out, ~found, ~present)))
    return of_links | {f"none_{name}": value for name, value in none.items()} | {"found": float(weights[found].sum())}


@isolated
def answers_to(pairs: IntArray, links: IntArray, rows: IntArray) -> tuple[BoolArray, BoolArray, BoolArray]:
    """``found``, ``right`` and ``present`` of ``counterpart_figures`` for a matching and some left entities.

    Args:
        pairs: pairs found, int64 ``[M, 2]``, each left row once.
        links: true pairs, int64 ``[L, 2]``; each of several counterparts of an entity is right, and an entity in none
            of them counts as having no counterpart.
        rows: left rows, int64 ``[A]``.
    """
    size = 1 + max((int(each.max()) for each in (pairs[:, 0], links[:, 0], rows) if len(each)), default=0)
    answer, present = np.full(size, -1), np.zeros(size, bool)
    answer[pairs[:, 0]] = pairs[:, 1]
    present[links[:, 0]] = True
    right = np.zeros(size, bool)
    right[links[answer[links[:, 0]] == links[:, 1], 0]] = True
    return answer[rows] >= 0, right[rows], present[rows]


@isolated
def roc_area(confidence: FloatArray, present: BoolArray) -> float:
    """Area under the ROC curve: how well confidences separate entities with a counterpart from others.

    It is the probability that an entity with a counterpart has a higher confidence than one without; equal ones count
    one half. One kind of entities alone gives 0.5.

    Args:
        confidence: of the best answer of each entity, ``[A]``; a score does as well.
        present: whether the entity has a counterpart, bool ``[A]``.

    Raises:
        InputError: columns of different lengths.

    Source:
        Hanley and McNeil, Radiology 143(1), 1982.
    """
    if confidence.shape != present.shape:
        raise InputError(f"expected columns of one length, got {confidence.shape} and {present.shape}")
    without = np.sort(confidence[~present])
    with_one = confidence[present]
    if len(without) == 0 or len(with_one) == 0:
        return 0.5
    places = [np.searchsorted(without, with_one, side=side) for side in ("left", "right")]
    return float(np.mean(places) / len(without))


class Bin(NamedTuple):
    """Answers with similar confidence: their mean confidence, the share that is right, their share of the weight."""

    confidence: float
    right: float
    weight: float


@isolated
def reliability(
    confidence: FloatArray, right: BoolArray, weights: FloatArray | None = None, *, bins: int = 10
) -> list[Bin]:
    """The reliability curve: answers sorted by confidence and cut into bins of about equal weight.

    Args:
        confidence: confidence of each answer, ``[A]``, in [0, 1].
        right: whether the answer is right, bool ``[A]``.
        weights: weight of each answer, ``[A]``, >= 0; ``None`` = equal weights.
        bins: largest number of bins, >= 1; empty ones are left out.

    Raises:
        InputError: columns of different lengths, a confidence outside [0, 1], or ``bins`` < 1.

    Source:
        DeGroot and Fienberg, 1983; bins of equal weight as in Nguyen and O'Connor, EMNLP 2015.
    """
    if weights is None:
        weights = np.ones(len(confidence), np.float32)
    if not confidence.shape == right.shape == weights.shape or bins < 1:
        raise InputError(f"expected columns of one length and bins >= 1, got {confidence.shape}, {right.shape}, {bins}")
    if len(confidence) and not 0 <= float(confidence.min()) <= float(confidence.max()) <= 1:
        raise InputError(f"confidences must be in [0, 1], got {confidence.min()}..{confidence.max()}")
    total = float(weights.sum())
    if total <= 0:
        return []
    order = np.argsort(confidence, kind="stable")
    before = np.cumsum(weights[order]) - weights[order] / 2  # middle of the weight of each answer
    place = np.minimum((before / total * bins).astype(np.int64), bins - 1)
    columns = (weights, weights * confidence, weights * right)
    sums = [np.bincount(place, each[order].astype(np.float64), minlength=bins).tolist() for each in columns]
    return [Bin(c / w, r / w, w / total) for w, c, r in zip(*sums, strict=True) if w > 0]


@isolated
def calibration_error(curve: list[Bin]) -> float:
    """Expected calibration error: the weighted mean of ``|confidence - right|`` over the bins, in [0, 1].

    Source:
        Naeini, Cooper and Hauskrecht, AAAI 2015.
    """
    return float(sum(each.weight * abs(each.confidence - each.right) for each in curve))


def _figures(right: float, found: float, present: float) -> dict[str, float]:
    """Precision, recall and F1 from the numbers of right, found and present ones."""
    return {
        "precision": float(right / found) if found else 0.0,
        "recall": float(right / present) if present else 0.0,
        "f1": float(2 * right / (found + present)) if found + present else 0.0,
    }
