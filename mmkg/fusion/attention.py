"""Masked attention in three forms: among the modalities of one item, within a sequence, and between two sequences."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..compute.draws import Dropout, own_generator
from ..compute.draws import dropout as drop


def attend(
    query: Tensor, key: Tensor, value: Tensor, keys: Tensor, dropout: float = 0.0, *, with_weights: bool = False
) -> tuple[Tensor, Tensor | None]:
    """Scaled dot-product attention over the unmasked keys.

    Args:
        query: ``[B, N_h, Q, d_h]``.
        key: ``[B, N_h, K, d_h]``.
        value: ``[B, N_h, K, d_h]``.
        keys: mask of the keys to attend to, bool ``[B, K]``; the context of an item without any is zero.
        dropout: dropout rate of the attention.
        with_weights: return the attention too, ``[B, N_h, Q, K]`` after dropout; uniform for an item without keys.

    Returns:
        Context ``[B, N_h, Q, d_h]``, and the attention or ``None``.
    """
    mask = keys[:, None, None, :]
    some = mask.any(dim=-1, keepdim=True)
    if not with_weights:
        if dropout and own_generator(query) is not None:
            return torch.where(some, _attended(query, key, value, mask | ~some, dropout), 0.0), None
        context = F.scaled_dot_product_attention(query, key, value, attn_mask=mask | ~some, dropout_p=dropout)
        return torch.where(some, context, 0.0), None
    logits = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    logits = torch.where(some, logits.masked_fill(~mask, float("-inf")), 0.0)
    attention = drop(logits.softmax(dim=-1), dropout, training=dropout > 0)
    return torch.where(some, attention @ value, 0.0), attention


def _attended(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, rate: float) -> Tensor:
    """``F.scaled_dot_product_attention`` on a CPU, with the same bits, by ``compute.draws.dropout``."""
    scale = math.sqrt(1 / math.sqrt(query.shape[-1]))
    logits = (query * scale) @ (key.transpose(-1, -2) * scale)
    bias = torch.zeros_like(mask, dtype=logits.dtype).masked_fill_(~mask, float("-inf"))
    return drop((logits + bias).softmax(dim=-1), rate) @ value


class CrossModalBlock(nn.Module):
    """One post-norm transformer block over the modalities of an item; absent modalities are masked.

    Args:
        dim: width d_h.
        num_heads: N_h; divides ``dim``.
        feedforward_dim: inner width of the feed-forward part; 0 = no feed-forward part.
        dropout: dropout rate of the attention and of both outputs.

    Source:
        Chen et al., ACM MM 2023, Sec. 3.3; sizes of the official code: 1 head, 400 inner units, GELU,
        dropout 0.1, LayerNorm eps 1e-12. Its MMKB runs have no feed-forward part.
    """

    def __init__(self, dim: int, num_heads: int = 1, feedforward_dim: int = 400, dropout: float = 0.1) -> None:
        super().__init__()
        if dim % num_heads:
            raise ValueError(f"expected num_heads to divide dim, got {num_heads} and {dim}")
        self.num_heads = num_heads
        self.project = nn.Linear(dim, 3 * dim)
        self.output = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim, eps=1e-12)
        self.dropout = Dropout(dropout)
        self.feedforward = None
        if feedforward_dim:
            self.feedforward = nn.Sequential(
                nn.Linear(dim, feedforward_dim), nn.GELU(), nn.Linear(feedforward_dim, dim), Dropout(dropout)
            )
            self.feedforward_norm = nn.LayerNorm(dim, eps=1e-12)

    def forward(self, tokens: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Refine the tokens.

        Args:
            tokens: ``[B, M, d]``.
            present: bool ``[B, M]``; an absent key gets weight 0, an absent query's output is zero.

        Returns:
            Refined tokens ``[B, M, d]`` and attention ``[B, N_h, M, M]`` (query, key), whose rows sum to 1
            (before dropout) if the item has any modality.
        """
        tokens = torch.where(present[..., None], tokens, 0.0)
        size, number, dim = tokens.shape
        query, key, value = self.project(tokens).view(size, number, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        dropout = self.dropout.p if self.training else 0.0
        context, attention = attend(query, key, value, present, dropout, with_weights=True)
        assert attention is not None
        context = context.transpose(1, 2).reshape(size, number, dim)
        hidden = self.norm(tokens + self.dropout(self.output(context)))
        if self.feedforward is not None:
            hidden = self.feedforward_norm(hidden + self.feedforward(hidden))
        return torch.where(present[..., None], hidden, 0.0), attention


def stack_tokens(pooled: dict[str, Tensor], names: tuple[str, ...]) -> Tensor:
    """Modalities of one width as a sequence, ``[B, M, d]``.

    Raises:
        ValueError: the widths differ.
    """
    widths = {name: pooled[name].shape[-1] for name in names}
    if len(set(widths.values())) > 1:
        raise ValueError(f"expected modalities of one width, got {widths}")
    return torch.stack([pooled[name] for name in names], dim=1)


class SequenceBlock(nn.Module):
    """One transformer block over the steps of a sequence, which may attend to another sequence.

    Args:
        dim: width d.
        num_heads: N_h; divides ``dim``.
        feedforward_dim: inner width of the feed-forward part, ReLU.
        dropout: dropout rate of both outputs and inside the feed-forward part.
        attention_dropout: dropout rate of the attention.
        norm: ``pre`` (MulT, TFR-Net) or ``post`` (TATE).

    Source:
        Tsai et al., ACL 2019 (MulT), as in TFR-Net; Zeng et al., SIGIR 2022 (TATE).
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        feedforward_dim: int,
        *,
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        norm: Literal["pre", "post"] = "pre",
    ) -> None:
        super().__init__()
        if dim % num_heads:
            raise ValueError(f"expected num_heads to divide dim, got {num_heads} and {dim}")
        self.num_heads, self.attention_dropout, self.norm = num_heads, attention_dropout, norm
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.output = nn.Linear(dim, dim)
        self.norms = nn.ModuleList([nn.LayerNorm(dim), nn.LayerNorm(dim)])
        self.dropout = Dropout(dropout)
        self.feedforward = nn.Sequential(
            nn.Linear(dim, feedforward_dim), nn.ReLU(), Dropout(dropout), nn.Linear(feedforward_dim, dim)
        )

    def forward(self, x: Tensor, keys: Tensor, source: Tensor | None = None) -> Tensor:
        """Refined steps, ``[B, T, d]``.

        Args:
            x: queries, ``[B, T, d]``.
            keys: mask of the steps of ``source`` to attend to, bool ``[B, S]``.
            source: keys and values, ``[B, S, d]``; default: ``x``.
        """
        first, second = self.norms
        if self.norm == "pre":
            query = first(x)
            x = x + self._attended(query, query if source is None else first(source), keys)
            refined: Tensor = x + self.dropout(self.feedforward(second(x)))
            return refined
        x = first(x + self._attended(x, x if source is None else source, keys))
        refined = second(x + self.dropout(self.feedforward(x)))
        return refined

    def _attended(self, x: Tensor, source: Tensor, keys: Tensor) -> Tensor:
        size, steps, dim = x.shape
        query = self.query(x).view(size, steps, self.num_heads, -1).transpose(1, 2)
        key, value = self.key_value(source).view(size, source.shape[1], 2, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        context, _ = attend(query, key, value, keys, self.attention_dropout if self.training else 0.0)
        attended: Tensor = self.dropout(self.output(context.transpose(1, 2).reshape(size, steps, dim)))
        return attended


class SequenceEncoder(nn.Module):
    """Pre-norm blocks over a sequence with sinusoidal positions, and a final norm; may attend to another sequence.

    Args:
        dim: width d; steps are scaled by sqrt(d) before the positions are added.
        num_layers: number of blocks.
        num_heads, dropout, attention_dropout: of each block; the feed-forward part is 4 d wide.
        embed_dropout: dropout rate of the input.
    """

    def __init__(
        self,
        dim: int,
        num_layers: int,
        num_heads: int,
        *,
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        embed_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            SequenceBlock(dim, num_heads, 4 * dim, dropout=dropout, attention_dropout=attention_dropout)
            for _ in range(num_layers)
        )
        self.embed_dropout = Dropout(embed_dropout)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, keys: Tensor, source: Tensor | None = None) -> Tensor:
        """Refined steps, ``[B, T, d]``; arguments as for ``SequenceBlock``."""
        x = self._with_positions(x)
        source = None if source is None else self._with_positions(source)
        for block in self.blocks:
            x = block(x, keys, source)
        found: Tensor = self.norm(x)
        return found

    def _with_positions(self, x: Tensor) -> Tensor:
        dim = x.shape[-1]
        embedded: Tensor = self.embed_dropout(dim**0.5 * x + positions(x.shape[1], dim, x.device))
        return embedded


def positions(steps: int, dim: int, device: torch.device | None = None) -> Tensor:
    """Sinusoids ``[T, d]``: sines in the first half of the columns, cosines in the second."""
    half = (dim + 1) // 2
    rate = torch.exp(torch.arange(half, dtype=torch.float32, device=device) * (-math.log(10_000) / max(half - 1, 1)))
    angle = torch.arange(steps, dtype=torch.float32, device=device)[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], dim=1)[:, :dim]


class PairwiseAttention(nn.Module):
    """Every modality attends to itself and to each other modality, each by a separate encoder (wiring ``pairs``).

    Args:
        names: M modalities.
        dim: width d of all tokens.
        num_heads: number of heads of each encoder.
        self_layers: number of blocks of the M encoders within one modality.
        cross_layers: number of blocks of the M (M - 1) encoders between two modalities.
        dropout: dropout rate of the blocks.
        attention_dropout: dropout rate of their attention.
        embed_dropout: dropout rate of the tokens.

    Source:
        Tsai et al., ACL 2019; Yuan et al., ACM MM 2021 (TFR-Net), Sec. 3.2. Without a causal mask, because the
        samples are complete.
    """

    def __init__(
        self,
        names: Sequence[str],
        dim: int,
        *,
        num_heads: int = 6,
        self_layers: int = 3,
        cross_layers: int = 3,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        embed_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.names = tuple(names)
        self.encoders = nn.ModuleDict(
            {
                f"{name}<{source}": SequenceEncoder(
                    dim,
                    self_layers if name == source else cross_layers,
                    num_heads,
                    dropout=dropout,
                    attention_dropout=attention_dropout,
                    embed_dropout=embed_dropout,
                )
                for name in self.names
                for source in self.names
            }
        )

    def forward(self, tokens: Mapping[str, Tensor], keys: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Per modality ``[B, T_m, M d]``: first the attention to itself, then to the others in the order of ``names``.

        Args:
            tokens: per modality ``[B, T_m, d]``.
            keys: per modality the mask of steps to attend to, bool ``[B, T_m]``.
        """
        return {
            name: torch.cat(
                [
                    self.encoders[f"{name}<{source}"](
                        tokens[name], keys[source], None if source == name else tokens[source]
                    )
                    for source in (name, *(other for other in self.names if other != name))
                ],
                dim=-1,
            )
            for name in self.names
        }
