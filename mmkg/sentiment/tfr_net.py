"""TFR-Net: a transformer that reconstructs features at the steps that were dropped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor, nn

from ..data.tensors.batch import ModalityBatch
from ..fusion import GatedRecurrentPool, PairwiseAttention, Reconstructor
from ..losses import masked_smooth_l1
from .data import AUDIO, TEXT, VISION
from .model import Error, Head, Joint, SentimentModel, SentimentOutput


@dataclass(frozen=True)
class TFRNetConfig:
    """Hyper-parameters of TFR-Net; the published ones of MOSI in brackets.

    Args:
        dim: d of all tokens (30).
        num_heads: of the attention (6).
        self_layers: blocks of a modality by itself (3).
        cross_layers: blocks between two (3).
        kernels: width of the convolution by modality (text 1, audio 5, vision 3); others 1.
        dropout: in blocks and pools (0.2).
        attention_dropout: on attention (text 0.2, audio 0.1, vision 0, by what is heard); above 0 the maps of T x T
            steps are kept, which on sequences of hundreds of steps takes most of the memory.
        embed_dropout: on tokens (0.2).
        input_dropout: on raw features (0).
        pool_dim: h of each modality (36, 20, 48).
        pool_layers: of the recurrent net (3).
        head_dim: inner width of the head (128).
        head_dropout: in it (0).
        reconstruction_weight: λ of each modality (5, 2, 20 on features that are not standardised); 0 = none.
        reconstruction_layers: blocks (3).
        axis: what the reconstruction attends over (``feature``), see ``Reconstructor``.
        joint: ``concat`` (published), or weights as in the aligners, ``global`` or ``meta``.
        head: ``regression`` or ``classes``.
        error: of a regression, ``absolute`` (published) or ``squared``.
    """

    dim: int = 30
    num_heads: int = 6
    self_layers: int = 1
    cross_layers: int = 1
    kernels: dict[str, int] = field(default_factory=lambda: {TEXT: 1, AUDIO: 5, VISION: 3})
    dropout: float = 0.2
    attention_dropout: float = 0.0
    embed_dropout: float = 0.2
    input_dropout: float = 0.0
    pool_dim: int = 32
    pool_layers: int = 1
    head_dim: int = 128
    head_dropout: float = 0.0
    reconstruction_weight: float = 0.5
    reconstruction_layers: int = 1
    axis: Literal["feature", "time"] = "feature"
    joint: Literal["concat", "global", "meta"] = "concat"
    head: Head = "regression"
    error: Error = "absolute"


class TFRNet(SentimentModel):
    """Projection, attention within and between modalities, gated recurrent fusion; reconstruction while training.

    Where it leaves the released code: steps that were dropped are not heard, only asked for; no causal mask; the
    reconstruction attends within a sample; its target is detached; LayerNorm, not BatchNorm, before the head, so that a
    sample's answer is its own.

    Source: Yuan et al., ACM MM 2021.
    """

    def __init__(self, dims: Mapping[str, int], steps: Mapping[str, int], config: TFRNetConfig) -> None:
        super().__init__(dims, steps, config.head, config.error)
        self.config = config
        self.input_dropout = nn.Dropout(config.input_dropout)
        self.project = nn.ModuleDict(
            {
                name: nn.Conv1d(dim, config.dim, config.kernels.get(name, 1), padding="same", bias=False)
                for name, dim in dims.items()
            }
        )
        self.attention = PairwiseAttention(
            self.names,
            config.dim,
            num_heads=config.num_heads,
            self_layers=config.self_layers,
            cross_layers=config.cross_layers,
            dropout=config.dropout,
            attention_dropout=config.attention_dropout,
            embed_dropout=config.embed_dropout,
        )
        width = len(self.names) * config.dim
        self.pools = nn.ModuleDict(
            {
                name: GatedRecurrentPool(width, config.pool_dim, num_layers=config.pool_layers, dropout=config.dropout)
                for name in self.names
            }
        )
        self.reconstructors = nn.ModuleDict()
        if config.reconstruction_weight > 0:
            for name, dim in dims.items():
                self.reconstructors[name] = Reconstructor(
                    steps[name],
                    width,
                    dim,
                    axis=config.axis,
                    num_layers=config.reconstruction_layers,
                    dropout=config.dropout,
                    attention_dropout=config.attention_dropout,
                )
        self.joint = Joint(self.names, config.pool_dim, config.joint)
        joint_dim = len(self.names) * config.pool_dim
        self.output = nn.Sequential(
            nn.LayerNorm(joint_dim),
            nn.Linear(joint_dim, config.head_dim),
            nn.LeakyReLU(),
            nn.Dropout(config.head_dropout),
            nn.Linear(config.head_dim, self.num_scores),
        )

    def forward(self, batch: ModalityBatch, *, for_loss: bool = False) -> SentimentOutput:
        """Scores; with ``for_loss`` the reconstructions as ``hidden``, ``[B, T_m, d_m]`` by modality."""
        inputs = self.read(batch)
        tokens = {}
        for name in self.names:
            values = self.input_dropout(inputs.values[name]).transpose(1, 2)
            tokens[name] = self.project[name](values).transpose(1, 2).masked_fill(~inputs.asks[name][..., None], 0.0)
        fused = self.attention(tokens, inputs.seen)
        pooled = {name: self.pools[name](fused[name], inputs.asks[name]) for name in self.names}
        joint, weights = self.joint(pooled, inputs.present)
        told = {}
        if for_loss:
            told = {name: module(fused[name], inputs.asks[name]) for name, module in self.reconstructors.items()}
        return SentimentOutput(self.squeeze(self.output(joint)), pooled, weights, told)

    def loss_terms(self, batch: ModalityBatch, labels: Tensor, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """The task, and per modality λ times the reconstruction of the steps that were dropped."""
        output, inputs = self(batch, for_loss=True), self.read(batch)
        terms = {"task": self.task_loss(output.scores, labels)}
        for name, told in output.hidden.items():
            distance = masked_smooth_l1(told, inputs.whole[name], inputs.dropped[name])
            terms[f"reconstruction.{name}"] = self.config.reconstruction_weight * distance
        return terms
