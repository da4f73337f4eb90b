"""Pooling: the steps of one modality, or of all, become one vector."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from ..compute.draws import Dropout, dropout, own_generator
from ..data.tensors.batch import ModalityBatch


def mean_pool(batch: ModalityBatch, name: str) -> Tensor:
    """Mean over the observed, valid steps of one modality, ``[B, d]``; zero for an item without any."""
    present = (batch.valid[name] & batch.observed[name]).unsqueeze(-1)
    values = batch.values[name].masked_fill(~present, 0.0)
    return values.sum(dim=1) / present.sum(dim=1).clamp(min=1)


class SigmoidAttentionPool(nn.Module):
    """Weighted mean of steps; ``score_t = ((x_t W_u) * sigmoid(x_t W_m)) w``, softmax over the present steps.

    Args:
        dim: width of a step.

    Source: Zeng et al., SIGIR 2022 (TATE), its code.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.value = nn.Linear(dim, dim, bias=False)
        self.gate = nn.Linear(dim, dim, bias=False)
        self.score = nn.Linear(dim, 1, bias=False)

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        """``x`` [B, T, d], ``present`` bool [B, T] -> [B, d]; zero for an item without present steps."""
        scores = self.score(self.value(x) * torch.sigmoid(self.gate(x))).squeeze(-1)
        scores = torch.where(present.any(dim=1, keepdim=True), scores.masked_fill(~present, float("-inf")), 0.0)
        weights = torch.where(present, scores.softmax(dim=1), 0.0)
        return (weights[..., None] * torch.where(present[..., None], x, 0.0)).sum(dim=1)


class _GRU(nn.GRU):
    """``torch.nn.GRU`` of packed sequences whose dropout between layers is that of ``compute.draws``."""

    def forward(self, packed: PackedSequence) -> tuple[PackedSequence, Tensor]:  # type: ignore[override]
        """Output of the last layer, and the final states."""
        if not self.training or not self.dropout or own_generator(packed.data) is None:
            whole: tuple[PackedSequence, Tensor] = super().forward(packed)
            return whole
        data, sizes, states = packed.data, packed.batch_sizes, []
        start = data.new_zeros(2, int(sizes[0]), self.hidden_size)
        for layer in range(self.num_layers):
            weights: Any = self._flat_weights[8 * layer : 8 * (layer + 1)]  # of both directions
            data, last = torch._VF.gru(data, sizes, start, weights, True, 1, 0.0, True, True)
            data = dropout(data, self.dropout) if layer + 1 < self.num_layers else data
            states.append(last)
        found = PackedSequence(data, sizes, packed.sorted_indices, packed.unsorted_indices)
        return found, self.permute_hidden(torch.cat(states), packed.unsorted_indices)


class GatedRecurrentPool(nn.Module):
    """Bidirectional GRU, a gate from a convolution, and the maximum over the present steps.

    ``R = BiGRU(H); U = tanh(R) * sigmoid(conv_3(R)); Z = tanh(W [H; U] + b)``. Absent steps are removed first, so
    that neither their content nor their number changes the result.

    Args:
        in_dim: width of a step.
        dim: width of the result.
        num_layers: number of GRU layers.
        dropout: dropout rate of the result.

    Source:
        Yuan et al., ACM MM 2021 (TFR-Net), Sec. 3.4 and its code (``c_gate``), where the maximum includes padding.
    """

    def __init__(self, in_dim: int, dim: int, *, num_layers: int = 3, dropout: float = 0.2) -> None:
        super().__init__()
        between = dropout if num_layers > 1 else 0.0
        self.gru = _GRU(in_dim, dim, num_layers, batch_first=True, bidirectional=True, dropout=between)
        self.gate = nn.Conv1d(2 * dim, 1, 3, padding=1)
        self.join = nn.Linear(in_dim + 2 * dim, dim)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        """``x`` [B, T, d], ``present`` bool [B, T] -> [B, h]; zero for an item without present steps."""
        lengths = present.sum(dim=1)
        longest = max(int(lengths.max()), 1)
        order = (~present).to(torch.uint8).argsort(dim=1, stable=True)[:, :longest]
        inside = torch.arange(longest, device=x.device) < lengths[:, None]
        x = x.gather(1, order[..., None].expand(-1, -1, x.shape[2]))
        x = torch.where(inside[..., None], x, 0.0)
        packed = nn.utils.rnn.pack_padded_sequence(
            x, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False
        )
        found, _ = nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=longest)
        found = torch.where(inside[..., None], found, 0.0)
        gated = found.tanh() * torch.sigmoid(self.gate(found.transpose(1, 2))).transpose(1, 2)
        joined = self.join(torch.cat([x, gated], dim=-1)).tanh().masked_fill(~inside[..., None], -1.0)
        pooled: Tensor = self.dropout(torch.where(present.any(dim=1, keepdim=True), joined.amax(dim=1), 0.0))
        return pooled
