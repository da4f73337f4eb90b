"""Tags encode which modalities an item has; the model gets them as input and predicts them again."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def tag_bits(present: Tensor) -> Tensor:
    """One of 2^M patterns per item: a bit for a complete item, then a bit per missing modality.

    Args:
        present: bool ``[B, M]``.

    Returns:
        ``[B, M + 1]`` of 0 and 1, e.g. 1000 if nothing is missing, 0100 without the first of three modalities.

    Source:
        Zeng et al., SIGIR 2022 (TATE), Fig. 2. The released code compares a tensor with -1 by identity, so that
        every sample has the same tag.
    """
    return torch.cat([present.all(dim=1, keepdim=True), ~present], dim=1).float()


class ConcatenatedTag(nn.Module):
    """Appends the tag to every step, ``[B, T, d] -> [B, T, d + width]``.

    Args:
        num_modalities: M.
        dim: d.
        multiple: ``d + width`` is a multiple of this number of heads; columns beyond M + 1 are zero.
    """

    def __init__(self, num_modalities: int, dim: int, *, multiple: int = 1) -> None:
        super().__init__()
        self.num_modalities = num_modalities
        self.width = -(-(dim + num_modalities + 1) // multiple) * multiple - dim

    def forward(self, tokens: Tensor, present: Tensor) -> Tensor:
        """``tokens`` [B, T, d], ``present`` bool [B, M] -> ``[B, T, d + width]``."""
        bits = nn.functional.pad(tag_bits(present), (0, self.width - self.num_modalities - 1))
        return torch.cat([tokens, bits[:, None, :].expand(-1, tokens.shape[1], -1).to(tokens.dtype)], dim=-1)


class AddedTag(nn.Module):
    """Adds a learned vector per pattern and modality to every step of the modality; the vectors start at zero.

    Args:
        dims: width d_m of each of M modalities, in the order of the columns of ``present``; each has 2^M vectors.
    """

    def __init__(self, dims: Mapping[str, int]) -> None:
        super().__init__()
        self.names = tuple(dims)
        self.vectors = nn.ModuleDict({name: nn.Embedding(2 ** len(dims), dim) for name, dim in dims.items()})
        for parameter in self.vectors.parameters():
            nn.init.zeros_(parameter)

    def forward(self, tokens: Mapping[str, Tensor], present: Tensor) -> dict[str, Tensor]:
        """``tokens`` [B, T, d_m] by modality, ``present`` bool [B, M] -> tokens of the same shapes."""
        powers = 2 ** torch.arange(len(self.names), device=present.device)
        code = (present * powers).sum(dim=1)
        return {name: values + self.vectors[name](code)[:, None, :] for name, values in tokens.items()}


class TagHead(nn.Module):
    """Predicts the tag from a pooled vector, so that the vector encodes which modalities are missing.

    Args:
        dim: width of the vector.
        num_modalities: M.
    """

    def __init__(self, dim: int, num_modalities: int) -> None:
        super().__init__()
        self.layer = nn.Linear(dim, num_modalities + 1)

    def forward(self, pooled: Tensor) -> Tensor:
        """``pooled`` [B, dim] -> logits of ``tag_bits``, ``[B, M + 1]``."""
        logits: Tensor = self.layer(pooled)
        return logits
