"""A frozen copy of a model that was trained on complete data."""

import copy

import torch
from torch import nn

from ..data.tensors.batch import ModalityBatch
from .model import SentimentModel, SentimentOutput


class Teacher(nn.Module):
    """Predicts complete samples with a copy of a trained model; shares no weights with it and never changes.

    The released code of TATE instead restores the teacher's weights into the student and evaluates the student itself
    on the incomplete samples.

    Args:
        model: model trained on complete data; it is copied.
    """

    def __init__(self, model: SentimentModel) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Teacher":
        """Has no effect: a teacher stays in evaluation mode."""
        return self

    @torch.no_grad()
    def forward(self, batch: ModalityBatch) -> SentimentOutput:
        """Output of the model for the samples of the batch with all valid steps observed."""
        output: SentimentOutput = self.model(ModalityBatch(batch.values, batch.valid, batch.valid), for_loss=True)
        return output
