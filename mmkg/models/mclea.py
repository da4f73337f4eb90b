"""MCLEA: multi-modal contrastive representation learning for entity alignment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..encoders.bundle import EncoderBundle
from ..fusion import AddedTag, FusionOutput, GlobalFusion, joint_scale
from ..losses import UncertaintyWeights, shared_icl_ial
from ..modalities import STRUCTURE
from ..settings import Count, CountOrNone, Positive, Weight, configuration
from .model import AlignmentModel
from .parts import MakeEncoder, MakeFill, check_parts, encoders_of, fill_of, joint_terms
from .registry import ModelEntry
from .schedule import TRAINING

if TYPE_CHECKING:
    from ..encoders.gat import GATEncoder


@configuration
@dataclass(frozen=True)
class MCLEAConfig:
    """Hyper-parameters of MCLEA; defaults are the paper's unless said otherwise.

    Args:
        structure_dim: width of the structure embedding (300).
        hidden_dim: width of every other modality (100).
        num_layers: attention layers over the graph (2).
        num_heads: heads of each (2).
        temperature: τ1 of ICL (0.1).
        ial_temperature: τ2 of IAL (4).
        group_size: number of links in a group; links are contrasted within their group (512).
        fill: stand-in for a missing modality, see ``mmkg.fusion.FILLS``: ``none``, ``token`` or ``generator``.
        fill_weight: weight of the generator's loss.
        tag: add to the tokens an embedding of the set of modalities that the entity has.
        encoder: encoder of the modalities other than structure, see ``mmkg.encoders.ENCODERS``.
        joint_loss: a further loss on the joint embedding, see ``mmkg.losses.LOSSES``; empty = only the paper's terms.
        paper_compat: scale IAL as the official code does: divided by 2B of the group once more, and twice multiplied
            by its ``zoom`` of 0.1 (loss.py, ``ial_loss`` with ``reduction="mean"``, and run.py). This makes the term
            negligible.
    """

    structure_dim: Count = 300
    hidden_dim: Count = 100
    num_layers: CountOrNone = 2
    num_heads: Count = 2
    temperature: Positive = 0.1
    ial_temperature: Positive = 4.0
    group_size: Count = 512
    fill: str = "none"
    fill_weight: Weight = 1.0
    tag: bool = False
    encoder: str = "linear"
    joint_loss: str = ""
    paper_compat: bool = False

    def __post_init__(self) -> None:
        check_parts(self)


class MCLEA(AlignmentModel):
    """Global modality weights; ICL on the joint and on each modality, IAL from the joint to each.

    Source: Lin et al., COLING 2022.
    """

    def __init__(
        self,
        encoders: EncoderBundle,
        fusion: GlobalFusion,
        fill: torch.nn.Module,
        structure: "GATEncoder | None",
        config: MCLEAConfig,
        tag: AddedTag | None = None,
    ) -> None:
        super().__init__(encoders, fusion, fill, structure, tag)
        self.config = config
        self.icl_weights = UncertaintyWeights(fusion.names)
        self.ial_weights = UncertaintyWeights(fusion.names)

    @classmethod
    def build(
        cls,
        config: MCLEAConfig,
        dims: Mapping[str, int],
        *,
        num_relations: int = 0,
        encoder: str | MakeEncoder | None = None,
        fill: str | MakeFill | None = None,
    ) -> "MCLEA":
        """Model for modalities of the given widths (``EntityInputs.dims``); parts that are given replace the named."""
        structure = None
        if STRUCTURE in dims:
            from ..encoders.gat import GATEncoder

            structure = GATEncoder(dims[STRUCTURE], config.structure_dim, config.num_layers, config.num_heads)
        widths = {name: config.structure_dim if name == STRUCTURE else config.hidden_dim for name in dims}
        encoders = encoders_of(encoder or config.encoder, dims, widths)
        stand_in = fill_of(fill or config.fill, widths)
        tag = AddedTag(widths) if config.tag else None
        return cls(encoders, GlobalFusion(list(dims)), stand_in, structure, config, tag)

    def loss_terms(self, output: FusionOutput, num_links: int | None = None) -> dict[str, Tensor]:
        """Joint ICL, and per modality the weighted ICL and IAL; means over groups of links."""
        config, names = self.config, output.names
        icl, ial = shared_icl_ial(
            [output.pooled[name] for name in names],
            scale=joint_scale(output.weights, output.present),
            temperature=config.temperature,
            ial_temperature=config.ial_temperature,
            present=output.present,
            group_size=config.group_size,
        )
        if config.paper_compat:
            left = len(output.present) // 2 - config.group_size * torch.arange(ial.shape[1], device=ial.device)
            ial = 0.1 * ial / (2 * left.clamp(max=config.group_size))
        icl, ial = icl.mean(dim=1), ial.mean(dim=1)
        terms = {"icl.joint": icl[-1]}
        for name, term in self.icl_weights(dict(zip(names, icl, strict=False))).items():
            terms[f"icl.{name}"] = term
        zoom = 0.1 if config.paper_compat else 1.0
        for name, term in self.ial_weights(dict(zip(names, ial, strict=True))).items():
            terms[f"ial.{name}"] = zoom * term
        terms |= self.fill_terms(output, self.config.fill_weight)
        return terms | joint_terms(self.config.joint_loss, output, num_links)


ENTRY = ModelEntry(MCLEAConfig, MCLEA.build, training=TRAINING)
