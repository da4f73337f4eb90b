"""TATE: a tag says which modalities are missing, a teacher on complete data says what they would have given."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ..data.tensors.batch import ModalityBatch
from ..fusion import ConcatenatedTag, LearnedToken, PairwiseCommonSpace, SequenceBlock, SigmoidAttentionPool, tag_bits
from ..fusion.tag import TagHead
from ..losses import feature_kl, tag_loss
from .model import Error, Head, Joint, SentimentModel, SentimentOutput


@dataclass(frozen=True)
class TATEConfig:
    """Hyper-parameters of TATE; the published ones in brackets.

    Args:
        dim: d of all tokens (300); M - 1 divides it.
        num_heads: of each block (4).
        dropout: in blocks (0.2).
        attention_dropout: on attention (0.2); above 0 the maps of T x T steps are kept, as in ``TFRNetConfig``.
        input_dropout: on raw features (0).
        kl_weight: of the divergence from the teacher (0.1).
        reconstruction_weight: of the decoder's from what went in (0.1).
        tag_weight: of the tag told from the pooled vector (0.1).
        temperature: τ of the teacher's divergence (1).
        symmetric: add the divergence the other way round, as published (true).
        from_teacher: start from the teacher's weights, a copy (the released code restores them into the student).
        joint: ``pool`` over all steps (published), or pooled modalities by ``concat``, ``global`` or ``meta``.
        head: ``regression`` or ``classes`` (published).
        error: of a regression, ``absolute`` or ``squared``.
    """

    dim: int = 60
    num_heads: int = 4
    dropout: float = 0.2
    attention_dropout: float = 0.0
    input_dropout: float = 0.0
    kl_weight: float = 0.1
    reconstruction_weight: float = 0.1
    tag_weight: float = 0.1
    temperature: float = 1.0
    symmetric: bool = False
    from_teacher: bool = True
    joint: Literal["pool", "concat", "global", "meta"] = "pool"
    head: Head = "regression"
    error: Error = "absolute"


class TATE(SentimentModel):
    """Unimodal blocks, pairwise common space, tag at every step, encoder and decoder over all steps together.

    What is not seen is a learned token that asks and is not heard.

    Source: Zeng et al., SIGIR 2022; every loss is a mean here, and dropout rests outside training.
    """

    def __init__(self, dims: Mapping[str, int], steps: Mapping[str, int], config: TATEConfig) -> None:
        super().__init__(dims, steps, config.head, config.error)
        self.config = config
        number, dim = len(self.names), config.dim
        self.input_dropout = nn.Dropout(config.input_dropout)
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
        """Scores; ``hidden`` has ``joined`` [B, T, d'], ``encoded``, with ``for_loss`` ``decoded``, and ``pooled``."""
        inputs = self.read(batch)
        tokens = {name: self.project[name](self.input_dropout(inputs.values[name])) for name in self.names}
        tokens = dict(self.fill(ModalityBatch(tokens, inputs.asks, inputs.seen)).values)
        tokens = self.common({name: self.blocks[name](tokens[name], inputs.seen[name]) for name in self.names})
        seen = torch.cat([inputs.seen[name] for name in self.names], dim=1)
        asks = torch.cat([inputs.asks[name] for name in self.names], dim=1)
        joined = self.tag(torch.cat([tokens[name] for name in self.names], dim=1), inputs.present)
        encoded = self.encoder(joined, seen)
        weights, pooled = None, {}
        if self.joint is None:
            joint = self.pools["all"](encoded, asks)
        else:
            parts = encoded.split([tokens[name].shape[1] for name in self.names], dim=1)
            for name, part in zip(self.names, parts, strict=True):
                pooled[name] = self.pools[name](part, inputs.asks[name])
            joint, weights = self.joint(pooled, inputs.present)
        hidden = {"joined": joined, "encoded": encoded, "joint": joint}
        if for_loss:
            hidden["decoded"] = self.decoder(encoded, seen)
        return SentimentOutput(self.squeeze(self.output(joint)), pooled, weights, hidden)

    def loss_terms(self, batch: ModalityBatch, labels: Tensor, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """The task, decoder against input, tag, and with a teacher its encoder's output on the complete samples."""
        config, output, inputs = self.config, self(batch, for_loss=True), self.read(batch)
        valid = torch.cat([batch.valid[name] for name in self.names], dim=1)
        terms = {"task": self.task_loss(output.scores, labels)}
        options = {"temperature": config.temperature, "symmetric": config.symmetric}
        decoded = feature_kl(output.hidden["joined"], output.hidden["decoded"], valid, symmetric=config.symmetric)
        terms["reconstruction"] = config.reconstruction_weight * decoded
        bits = tag_bits(inputs.present)
        terms["tag"] = config.tag_weight * tag_loss(self.tag_head(output.hidden["joint"]), bits)
        if teacher is not None:
            target = teacher(batch).hidden["encoded"]
            terms["kl"] = config.kl_weight * feature_kl(target, output.hidden["encoded"], valid, **options)  # type: ignore[arg-type]
        return terms
