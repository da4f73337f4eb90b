"""Scores of a model for the samples of a split."""

from collections.abc import Mapping

import numpy as np
import torch

from ..data.tensors.batch import ModalityBatch
from ..data.tensors.sparse import ship
from ..typing import BoolArray, FloatArray
from .data import SentimentSplit
from .model import SentimentModel


def scores_of(
    model: SentimentModel, part: SentimentSplit, observed: Mapping[str, BoolArray], *, block: int = 128
) -> FloatArray:
    """Scores of all samples of a split, in evaluation mode; the mode of the model is restored.

    Args:
        model: model to evaluate.
        part: N samples.
        observed: steps that the model may see, per modality bool ``[N, T_m]``.
        block: number of samples per batch.

    Returns:
        float32 ``[N]`` of a regression, logits ``[N, 3]`` of classes.
    """
    device, training = next(model.parameters()).device, model.training
    model.eval()
    found = []
    try:
        with torch.no_grad():
            for rows in np.split(np.arange(len(part)), range(block, len(part), block)):
                found.append(model(on_device(part.batch(observed, rows), device)).scores.cpu().numpy())
    finally:
        model.train(training)
    return np.concatenate(found)


def on_device(batch: ModalityBatch, device: torch.device) -> ModalityBatch:
    """The batch, moved to a device; a GPU copies it from pinned memory."""
    values, valid, observed = (
        {name: ship(tensor, device) for name, tensor in part.items()}
        for part in (batch.values, batch.valid, batch.observed)
    )
    return ModalityBatch(values, valid, observed)
