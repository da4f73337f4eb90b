"""Attention among the modalities of one item."""

import torch
from torch import Tensor, nn


class CrossModalBlock(nn.Module):
    """One post-norm transformer block whose sequence are the modalities of an item; absent ones are masked.

    Args:
        dim: width d_h.
        num_heads: N_h; divides ``dim``.
        feedforward_dim: inner width of the feed-forward part; 0 leaves that part out.
        dropout: on attention and on both outputs.

    Source:
        Chen et al., ACM MM 2023, Sec. 3.3; sizes of the official code: 1 head, 400 inner units, GELU,
        dropout 0.1, LayerNorm eps 1e-12. Its MMKB runs leave the feed-forward part out.
    """

    def __init__(self, dim: int, num_heads: int = 1, feedforward_dim: int = 400, dropout: float = 0.1) -> None:
        super().__init__()
        if dim % num_heads:
            raise ValueError(f"expected num_heads to divide dim, got {num_heads} and {dim}")
        self.num_heads = num_heads
        self.project = nn.Linear(dim, 3 * dim)
        self.output = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim, eps=1e-12)
        self.dropout = nn.Dropout(dropout)
        self.feedforward = None
        if feedforward_dim:
            self.feedforward = nn.Sequential(
                nn.Linear(dim, feedforward_dim), nn.GELU(), nn.Linear(feedforward_dim, dim), nn.Dropout(dropout)
            )
            self.feedforward_norm = nn.LayerNorm(dim, eps=1e-12)

    def forward(self, tokens: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens and the attention among them.

        Args:
            tokens: ``[B, M, d]``.
            present: bool ``[B, M]``; an absent key gets weight 0, an absent query's output is zero.

        Returns:
            Refined tokens ``[B, M, d]`` and attention ``[B, N_h, M, M]`` (query, key), rows sum to 1
            (before dropout) where the item has any modality.
        """
        tokens = torch.where(present[..., None], tokens, 0.0)
        size, number, dim = tokens.shape
        query, key, value = self.project(tokens).view(size, number, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        logits = query @ key.transpose(-1, -2) / (dim // self.num_heads) ** 0.5
        keys = present[:, None, None, :]
        logits = torch.where(keys.any(dim=-1, keepdim=True), logits.masked_fill(~keys, float("-inf")), 0.0)
        attention = self.dropout(logits.softmax(dim=-1))
        context = (attention @ value).transpose(1, 2).reshape(size, number, dim)
        hidden = self.norm(tokens + self.dropout(self.output(context)))
        if self.feedforward is not None:
            hidden = self.feedforward_norm(hidden + self.feedforward(hidden))
        return torch.where(present[..., None], hidden, 0.0), attention


def stack_tokens(pooled: dict[str, Tensor], names: tuple[str, ...]) -> Tensor:
    """Modalities of one width as a sequence, ``[B, M, d]``."""
    widths = {name: pooled[name].shape[-1] for name in names}
    if len(set(widths.values())) > 1:
        raise ValueError(f"expected modalities of one width, got {widths}")
    return torch.stack([pooled[name] for name in names], dim=1)
