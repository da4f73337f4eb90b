"""Toy parts as somebody outside of mmkg would write them: one definition each, registered by one line in a test."""

from dataclasses import dataclass

import torch
from torch import nn

from mmkg.encoders import EncoderBundle, LinearEncoder
from mmkg.fusion import GlobalFusion, NoFill
from mmkg.losses import icl
from mmkg.models import AlignmentModel


@dataclass(frozen=True)
class ToyModelConfig:
    """Settings of the toy model."""

    width: int = 8


class ToyModel(AlignmentModel):
    """Linear encoders of everything but structure, one contrastive loss."""

    @classmethod
    def build(cls, config, dims, *, num_relations=0):
        names = [name for name in dims if name != "structure"]
        encoders = EncoderBundle({name: LinearEncoder(dims[name], config.width) for name in names})
        return cls(encoders, GlobalFusion(names), NoFill({}), None)

    def loss_terms(self, output, num_links=None):
        return {"icl": icl(*output.joint.split(len(output.joint) // 2))}


class ToyPropagation:
    """Embeds every entity by which seed links its neighbours are part of; nothing is trained."""

    def __init__(self, config):
        self.width = config.width

    def widths(self, inputs):
        return {"structure": self.width}

    def embed(self, inputs, links, *, seed=0):
        seeds = torch.zeros(inputs.num_entities, self.width)
        for number, (left, right) in enumerate(links.tolist()):
            seeds[left, number % self.width] += 1
            seeds[inputs.num_left + right, number % self.width] += 1
        return nn.functional.normalize(inputs.neighbors @ seeds + seeds, dim=1)


def toy_loss(left, right):
    """Mean squared distance of the two ends of a link."""
    return (left - right).square().sum(dim=1).mean()


class ToyEncoder(nn.Module):
    """A linear map of the sum of all values: of each entity, one number spread over the token."""

    def __init__(self, in_dim, dim):
        super().__init__()
        self.dim = dim
        self.direction = nn.Parameter(torch.linspace(0.1, 1, dim))

    def forward(self, values):
        if values.layout == torch.sparse_csr:
            ones = torch.ones(values.shape[1], 1)
            return (values @ ones)[:, None] * self.direction
        return values.sum(dim=-1, keepdim=True) * self.direction


class ToyFill(nn.Module):
    """Counts every modality as present; a missing one is a constant token."""

    def __init__(self, dims):
        super().__init__()
        self.dims = dict(dims)

    def forward(self, batch):
        tokens = {name: torch.where(batch.observed[name][..., None], batch.values[name], 0.25) for name in batch.names}
        return type(batch)(tokens, batch.valid, {name: torch.ones_like(each) for name, each in batch.observed.items()})
