"""Weights of the modalities: the same for all items, or computed per item."""

import torch
from torch import Tensor, nn


def masked_softmax(logits: Tensor, present: Tensor) -> Tensor:
    """Softmax over the present entries of the last axis; absent entries get exactly 0, as does a row without any."""
    masked = logits.masked_fill(~present, float("-inf"))
    safe = torch.where(present.any(dim=-1, keepdim=True), masked, 0.0)
    return torch.where(present, safe.softmax(dim=-1), 0.0)


class GlobalWeights(nn.Module):
    """One learned logit per modality, shared by all items; softmax over the modalities that an item has.

    Source: EVA (Liu et al., AAAI 2021, Eq. 6) and MCLEA (Lin et al., COLING 2022, Eq. 6); logits start at 1.
    """

    def __init__(self, num_modalities: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.ones(num_modalities))

    def forward(self, present: Tensor) -> Tensor:
        """``present`` bool [B, M] -> weights [B, M]."""
        return masked_softmax(self.logits.expand(present.shape), present)


def meta_modality_weights(attention: Tensor, present: Tensor) -> Tensor:
    """Weights from the attention that a modality receives: more attention gives a larger weight.

    ``a_m = sum over heads and queries of attention[query, m] / sqrt(|M| N_h)``, softmax over modalities, where |M| is
    the number of modalities that the item has.

    Args:
        attention: softmax over keys, ``[B, N_h, M, M]`` (query, key); rows of absent queries are ignored.
        present: bool ``[B, M]``.

    Returns:
        ``[B, M]``; rows sum to 1 over the present modalities.

    Source:
        Chen et al., ACM MM 2023, Eq. 7. As printed, the sum runs over keys and is constant; the official
        code and this function sum over queries.
    """
    heads = attention.shape[1]
    received = (attention * present[:, None, :, None]).sum(dim=(1, 2))
    number = present.sum(dim=1, keepdim=True).clamp(min=1)
    return masked_softmax(received / (number * heads).sqrt(), present)
