"""TATE: a tag encodes which modalities are missing; a teacher trained on complete data guides the encoder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ..compute.draws import Dropout
from ..data.tensors.batch import ModalityBatch
from ..fusion import ConcatenatedTag, LearnedToken, PairwiseCommonSpace, SequenceBlock, SigmoidAttentionPool, tag_bits
from ..fusion.tag import TagHead
from ..losses import feature_kl, tag_loss
from ..settings import configuration
from .model import Error, Head, Joint, SentimentModel, SentimentOutput


@configuration
@dataclass(frozen=True)
class TATEConfig:
    """Hyper-parameters of TATE; published values in brackets.

    Args:
        dim: width d of all tokens (300); a multiple of the number of modalities minus 1.
        num_heads: attention heads of each block (4).
        dropout: dropout rate in blocks (0.2).
        attention_dropout: dropout rate of attention weights (0.2); above 0 the maps of T x T steps are kept in memory,
            see ``TFRNetConfig``.
        input_dropout: dropout rate of raw features (0).
        kl_weight: weight of the divergence from the teacher (0.1); 0 = no teacher.
        reconstruction_weight: weight of the divergence between the input of the encoder and the output of the decoder
            (0.1).
        tag_weight: weight of the loss that predicts the tag from the joint vector (0.1).
        temperature: τ of the divergence from the teacher, > 0 (1).
        symmetric: add the divergences in the other direction (true).
        from_teacher: start from a copy of the teacher's weights (the released code restores them into the student).
        joint: ``pool`` over the steps of all modalities (published), or pooled modalities joined by ``concat``,
            ``global`` or ``meta``, see ``Joint``.
        head: ``regression`` or ``classes`` (published).
        error: error of a regression, ``absolute`` or ``squared``.

    Raises:
        UsageError: a value out of range.
    """

    dim: Annotated[int, Field(ge=1)] = 60
    num_heads: Annotated[int, Field(ge=1)] = 4
    dropout: Annotated[float, Field(ge=0, le=1)] = 0.2
    attention_dropout: Annotated[float, Field(ge=0, le=1)] = 0.0
    input_dropout: Annotated[float, Field(ge=0, le=1)] = 0.0
    kl_weight: Annotated[float, Field(ge=0)] = 0.1
    reconstruction_weight: Annotated[float, Field(ge=0)] = 0.1
    tag_weight: Annotated[float, Field(ge=0)] = 0.1
    temperature: Annotated[float, Field(gt=0)] = 1.0
    symmetric: bool = False
    from_teacher: bool = True
    joint: Literal["pool", "concat", "global", "meta"] = "pool"
    head: Head = "regression"
    error: Error = "absolute"


class TATE(SentimentModel):
    """Unimodal blocks, pairwise common space, a tag at every step, encoder and decoder over all steps jointly.

    Unseen steps are replaced by a learned token, which is an attention query but no key.

    Source: Zeng et al., SIGIR 2022. Unlike the released code, every loss is a mean, and dropout is off outside of
        training.
    """

    def __init__(self, dims: Mapping[str, int], steps: Mapping[str, int], config: TATEConfig) -> None:
        super().__init__(dims, steps, config.head, config.error)
        self.config = config
        self.uses_teacher, self.starts_from_teacher = config.kl_weight > 0, config.from_teacher
        number, dim = len(self.names), config.dim
        self.input_dropout = Dropout(config.input_dropout)
        self.project = nn.ModuleDict({name: nn.Linear(width, dim, bias=False) for name, width in dims.items()})
        self.fill = LearnedToken(dict.fromkeys(self.names, dim))
        self.blocks = nn.ModuleDict({name: self._block(dim) for name in self.names})
        self.common = PairwiseCommonSpace(self.names, dim)
        self.tag = ConcatenatedTag(number, dim, multiple=config.num_heads)
        wide = dim + self.tag.width
        self.encoder, self.decoder = self._block(wide), self._block(wide)
        pooled = self.names if config.joint != "pool" else ("all",)
        self.pools = nn.ModuleDict({name: SigmoidAttentionPool(wide) for name in pooled})
        self.joint = None if config.joint == "pool" else Joint(self.names, wide, config.joint)
        joint_dim = wide * len(pooled)
        self.tag_head = TagHead(joint_dim, number)
        self.output = nn.Sequential(nn.Linear(joint_dim, dim), nn.Linear(dim, self.num_scores))

    def _block(self, dim: int) -> SequenceBlock:
        config = self.config
        return SequenceBlock(
            dim,
            config.num_heads,
            4 * dim,
            dropout=config.dropout,
            attention_dropout=config.attention_dropout,
            norm="post",
        )

    def forward(self, batch: ModalityBatch, *, for_loss: bool = False) -> SentimentOutput:
        """Predictions; ``hidden`` has ``joined``, ``encoded`` and, with ``for_loss``, ``decoded`` ``[B, T, d']``, and
        ``joint`` ``[B, D]``."""
        inputs = self.read(batch)
        tokens = {name: self.project[name](self.input_dropout(inputs.values[name])) for name in self.names}
        tokens = dict(self.fill(ModalityBatch(tokens, inputs.queries, inputs.seen)).values)
        tokens = self.common({name: self.blocks[name](tokens[name], inputs.seen[name]) for name in self.names})
        seen = torch.cat([inputs.seen[name] for name in self.names], dim=1)
        queries = torch.cat([inputs.queries[name] for name in self.names], dim=1)
        joined = self.tag(torch.cat([tokens[name] for name in self.names], dim=1), inputs.present)
        encoded = self.encoder(joined, seen)
        weights, pooled = None, {}
        if self.joint is None:
            joint = self.pools["all"](encoded, queries)
        else:
            parts = encoded.split([tokens[name].shape[1] for name in self.names], dim=1)
            for name, part in zip(self.names, parts, strict=True):
                pooled[name] = self.pools[name](part, inputs.queries[name])
            joint, weights = self.joint(pooled, inputs.present)
        hidden = {"joined": joined, "encoded": encoded, "joint": joint}
        if for_loss:
            hidden["decoded"] = self.decoder(encoded, seen)
        return SentimentOutput(self.squeeze(self.output(joint)), pooled, weights, hidden)

    def loss_terms(self, batch: ModalityBatch, labels: Tensor, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """Terms of the task, the reconstruction, the tag and, with a teacher, the divergence from its encoder."""
        config, output, inputs = self.config, self(batch, for_loss=True), self.read(batch)
        valid = torch.cat([batch.valid[name] for name in self.names], dim=1)
        terms = {"task": self.task_loss(output.scores, labels)}
        decoded = feature_kl(output.hidden["joined"], output.hidden["decoded"], valid, symmetric=config.symmetric)
        terms["reconstruction"] = config.reconstruction_weight * decoded
        bits = tag_bits(inputs.present)
        terms["tag"] = config.tag_weight * tag_loss(self.tag_head(output.hidden["joint"]), bits)
        if teacher is not None:
            target = teacher(batch).hidden["encoded"]
            divergence = feature_kl(
                target,
                output.hidden["encoded"],
                valid,
                temperature=config.temperature,
                symmetric=config.symmetric,
            )
            terms["kl"] = config.kl_weight * divergence
        return terms
