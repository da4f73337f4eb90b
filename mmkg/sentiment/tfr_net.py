"""TFR-Net: transformers within and between modalities that also reconstruct the features of dropped steps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from ..compute.draws import Dropout
from ..data.tensors.batch import ModalityBatch
from ..fusion import GatedRecurrentPool, PairwiseAttention, Reconstructor
from ..losses import masked_smooth_l1
from ..settings import configuration
from .data import AUDIO, TEXT, VISION
from .model import Error, Head, Joint, SentimentModel, SentimentOutput


@configuration
@dataclass(frozen=True)
class TFRNetConfig:
    """Hyper-parameters of TFR-Net; published values for MOSI in brackets.

    Args:
        dim: width d of all tokens (30).
        num_heads: attention heads (6).
        self_layers: blocks within each modality (3).
        cross_layers: blocks between each pair of modalities (3).
        kernels: width of the convolution by modality (text 1, audio 5, vision 3); 1 for others.
        dropout: dropout rate in blocks and pools (0.2).
        attention_dropout: dropout rate of attention weights (text 0.2, audio 0.1, vision 0, by the modality of the
            keys). Above 0 the maps of T x T steps are kept in memory, which takes most of the memory for sequences of
            hundreds of steps.
        embed_dropout: dropout rate of tokens (0.2).
        input_dropout: dropout rate of raw features (0).
        pool_dim: width h of each pooled modality (36, 20, 48).
        pool_layers: layers of the recurrent net (3).
        head_dim: inner width of the head (128).
        head_dropout: dropout rate in the head (0).
        reconstruction_weight: λ of each modality (5, 2, 20 for features that are not standardised); 0 = no
            reconstruction.
        reconstruction_layers: blocks of the reconstruction (3).
        axis: axis that the reconstruction attends over (``feature``), see ``Reconstructor``.
        joint: ``concat`` (published), ``global`` or ``meta``, see ``Joint``.
        head: ``regression`` or ``classes``.
        error: error of a regression, ``absolute`` (published) or ``squared``.

    Raises:
        UsageError: a value out of range.
    """

    dim: Annotated[int, Field(ge=1)] = 30
    num_heads: Annotated[int, Field(ge=1)] = 6
    self_layers: Annotated[int, Field(ge=0)] = 1
    cross_layers: Annotated[int, Field(ge=0)] = 1
    kernels: dict[str, Annotated[int, Field(ge=1)]] = field(default_factory=lambda: {TEXT: 1, AUDIO: 5, VISION: 3})
    dropout: Annotated[float, Field(ge=0, le=1)] = 0.2
    attention_dropout: Annotated[float, Field(ge=0, le=1)] = 0.0
    embed_dropout: Annotated[float, Field(ge=0, le=1)] = 0.2
    input_dropout: Annotated[float, Field(ge=0, le=1)] = 0.0
    pool_dim: Annotated[int, Field(ge=1)] = 32
    pool_layers: Annotated[int, Field(ge=1)] = 1
    head_dim: Annotated[int, Field(ge=1)] = 128
    head_dropout: Annotated[float, Field(ge=0, le=1)] = 0.0
    reconstruction_weight: Annotated[float, Field(ge=0)] = 0.5
    reconstruction_layers: Annotated[int, Field(ge=0)] = 1
    axis: Literal["feature", "time"] = "feature"
    joint: Literal["concat", "global", "meta"] = "concat"
    head: Head = "regression"
    error: Error = "absolute"


class TFRNet(SentimentModel):
    """Projection, attention within and between modalities, gated recurrent pooling; reconstruction in training only.

    Differences from the released code: dropped steps are attention queries but no keys; there is no causal mask; the
    reconstruction attends within a sample, and its target is detached; LayerNorm replaces BatchNorm before the head, so
    that a prediction does not depend on the other samples of the batch.

    Source: Yuan et al., ACM MM 2021.
    """

    def __init__(self, dims: Mapping[str, int], steps: Mapping[str, int], config: TFRNetConfig) -> None:
        super().__init__(dims, steps, config.head, config.error)
        self.config = config
        self.input_dropout = Dropout(config.input_dropout)
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
            Dropout(config.head_dropout),
            nn.Linear(config.head_dim, self.num_scores),
        )

    def forward(self, batch: ModalityBatch, *, for_loss: bool = False) -> SentimentOutput:
        """Predictions; with ``for_loss``, ``hidden`` has the reconstructions ``[B, T_m, d_m]`` by modality."""
        inputs = self.read(batch)
        tokens = {}
        for name in self.names:
            values = self.input_dropout(inputs.values[name]).transpose(1, 2)
            tokens[name] = self.project[name](values).transpose(1, 2).masked_fill(~inputs.queries[name][..., None], 0.0)
        fused = self.attention(tokens, inputs.seen)
        pooled = {name: self.pools[name](fused[name], inputs.queries[name]) for name in self.names}
        joint, weights = self.joint(pooled, inputs.present)
        rebuilt = {}
        if for_loss:
            rebuilt = {name: module(fused[name], inputs.queries[name]) for name, module in self.reconstructors.items()}
        return SentimentOutput(self.squeeze(self.output(joint)), pooled, weights, rebuilt)

    def loss_terms(self, batch: ModalityBatch, labels: Tensor, teacher: nn.Module | None = None) -> dict[str, Tensor]:
        """Terms of the task and, per modality, λ times the reconstruction error of the dropped steps."""
        output, inputs = self(batch, for_loss=True), self.read(batch)
        terms = {"task": self.task_loss(output.scores, labels)}
        for name, rebuilt in output.hidden.items():
            distance = masked_smooth_l1(rebuilt, inputs.complete[name], inputs.dropped[name])
            terms[f"reconstruction.{name}"] = self.config.reconstruction_weight * distance
        return terms
