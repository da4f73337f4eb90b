"""MEAformer: multi-modal entity alignment transformer for meta-modality hybrid."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..encoders.bundle import EncoderBundle
from ..fusion import AddedTag, CrossModalBlock, FusionOutput, MetaModalityFusion, joint_scale
from ..losses import UncertaintyWeights, shared_icl
from ..modalities import STRUCTURE
from ..settings import Count, CountOrNone, Positive, Share, Weight, configuration
from .model import AlignmentModel
from .parts import MakeEncoder, MakeFill, check_parts, encoders_of, fill_of, joint_terms
from .registry import ModelEntry

if TYPE_CHECKING:
    from ..encoders.gat import GATEncoder


@configuration
@dataclass(frozen=True)
class MEAformerConfig:
    """Hyper-parameters of MEAformer; defaults are those of the paper and its code.

    Args:
        hidden_dim: width of every modality (300).
        num_layers: attention layers over the graph (2).
        num_heads: heads of each (2).
        attention_heads: N_h, heads of the attention between modalities (1).
        feedforward_dim: inner width after that attention (400; 0 in the official MMKB runs).
        dropout: in that block (0.1).
        temperature: τ of ICL (0.1).
        group_size: number of links in a group; links are contrasted within their group (3,500).
        fill: stand-in for a missing modality, see ``mmkg.fusion.FILLS``: ``none``, ``token`` or ``generator``.
        fill_weight: weight of the generator's loss.
        tag: add to the tokens an embedding of the set of modalities that the entity has.
        encoder: encoder of the modalities other than structure, see ``mmkg.encoders.ENCODERS``.
        joint_loss: a further loss on the joint embedding, see ``mmkg.losses.LOSSES``; empty = only the paper's terms.
    """

    hidden_dim: Count = 300
    num_layers: CountOrNone = 2
    num_heads: Count = 2
    attention_heads: Count = 1
    feedforward_dim: CountOrNone = 400
    dropout: Share = 0.1
    temperature: Positive = 0.1
    group_size: Count = 3500
    fill: str = "none"
    fill_weight: Weight = 1.0
    tag: bool = False
    encoder: str = "linear"
    joint_loss: str = ""

    def __post_init__(self) -> None:
        check_parts(self)


class MEAformer(AlignmentModel):
    """Weights the modalities of every entity by the attention that they receive.

    Three losses: ICL of the joint embedding, of each modality before attention (early), and of each
    after it (late); early and late terms of a modality share one uncertainty weight, as in the code.

    Source: Chen et al., ACM MM 2023.
    """

    def __init__(
        self,
        encoders: EncoderBundle,
        fusion: MetaModalityFusion,
        fill: torch.nn.Module,
        structure: "GATEncoder | None",
        config: MEAformerConfig,
        tag: AddedTag | None = None,
    ) -> None:
        super().__init__(encoders, fusion, fill, structure, tag)
        self.config = config
        self.icl_weights = UncertaintyWeights(fusion.names)

    @classmethod
    def build(
        cls,
        config: MEAformerConfig,
        dims: Mapping[str, int],
        *,
        num_relations: int = 0,
        encoder: str | MakeEncoder | None = None,
        fill: str | MakeFill | None = None,
    ) -> "MEAformer":
        """Model for modalities of the given widths (``EntityInputs.dims``); parts that are given replace the named."""
        width = config.hidden_dim
        structure = None
        if STRUCTURE in dims:
            from ..encoders.gat import GATEncoder

            structure = GATEncoder(dims[STRUCTURE], width, config.num_layers, config.num_heads)
        widths = dict.fromkeys(dims, width)
        encoders = encoders_of(encoder or config.encoder, dims, widths)
        block = CrossModalBlock(width, config.attention_heads, config.feedforward_dim, config.dropout)
        stand_in = fill_of(fill or config.fill, widths)
        tag = AddedTag(widths) if config.tag else None
        return cls(encoders, MetaModalityFusion(list(dims), block), stand_in, structure, config, tag)

    def loss_terms(self, output: FusionOutput, num_links: int | None = None) -> dict[str, Tensor]:
        """ICL of the joint, and per modality the weighted early and late ICL."""
        names, temperature, group_size = output.names, self.config.temperature, self.config.group_size
        late = shared_icl(
            [output.tokens[name].squeeze(1) for name in names],
            temperature=temperature,
            present=output.present,
            group_size=group_size,
        )
        early = shared_icl(
            [output.pooled[name] for name in names],
            temperature=temperature,
            scale=joint_scale(output.weights, output.present),
            present=output.present,
            group_size=group_size,
        )
        terms = {"icl.joint": early[-1]}
        for name, term in self.icl_weights(dict(zip(names, early, strict=False))).items():
            terms[f"early.{name}"] = term
        for name, term in self.icl_weights(dict(zip(names, late, strict=True))).items():
            terms[f"late.{name}"] = term
        terms |= self.fill_terms(output, self.config.fill_weight)
        return terms | joint_terms(self.config.joint_loss, output, num_links)


ENTRY = ModelEntry(
    MEAformerConfig,
    MEAformer.build,
    training={
        "epochs": 250,
        "batch_size": 3500,
        "weight_decay": 1e-4,
        "schedule": "cosine",
        "warmup": 0.15,
        "clip_norm": 1.0,
    },
)
