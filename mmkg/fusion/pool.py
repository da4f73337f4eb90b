"""Steps of one modality become one vector."""

from torch import Tensor

from ..data.batch import ModalityBatch


def mean_pool(batch: ModalityBatch, name: str) -> Tensor:
    """Mean over the observed, valid steps of one modality, ``[B, d]``; zero where there is none."""
    here = (batch.valid[name] & batch.observed[name]).unsqueeze(-1)
    values = batch.values[name].masked_fill(~here, 0.0)
    return values.sum(dim=1) / here.sum(dim=1).clamp(min=1)
