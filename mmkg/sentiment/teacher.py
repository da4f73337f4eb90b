"""A frozen copy of a model that has seen complete data."""

import copy

import torch
from torch import nn

from ..data.tensors.batch import ModalityBatch
from .model import SentimentModel, SentimentOutput


class Teacher(nn.Module):
    """Says what a trained model says of complete samples; shares nothing with it and never changes.

    The released code of TATE restores the teacher's weights into the student and asks the student itself, about the
    incomplete samples.

    Args:
        model: trained on complete data; a copy is taken.
    """

    def __init__(self, model: SentimentModel) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Teacher":
        """Stays as it is."""
        return self

    @torch.no_grad()
    def forward(self, batch: ModalityBatch) -> SentimentOutput:
        """Of the samples with everything that is valid in sight."""
        output: SentimentOutput = self.model(ModalityBatch(batch.values, batch.valid, batch.valid), for_loss=True)
        return output
