"""EVA: visual pivoting for entity alignment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..encoders.bundle import EncoderBundle
from ..fusion import FusionOutput, GlobalFusion, joint_scale, weighted_concat
from ..losses import nca
from ..modalities import IMAGE, STRUCTURE
from ..settings import Count, Positive, Weight, configuration
from .model import AlignmentModel
from .parts import MakeEncoder, MakeFill, check_parts, encoders_of, fill_of, joint_terms
from .registry import ModelEntry
from .schedule import TRAINING

if TYPE_CHECKING:
    from ..encoders.gcn import GCNEncoder


@configuration
@dataclass(frozen=True)
class EVAConfig:
    """Hyper-parameters of EVA; defaults are the paper's.

    Args:
        structure_dims: widths of entity embedding, hidden and last layer of the GCN.
        hidden_dim: width of relation, attribute and name embeddings (100).
        image_dim: width of the image embedding (200).
        structure_alpha: α of the structure loss (5).
        alpha: α of every other loss (15).
        beta: β (10).
        fill: stand-in for a missing modality, see ``mmkg.fusion.FILLS``: ``none``, ``token`` or ``generator``.
        encoder: encoder of the modalities other than structure, see ``mmkg.encoders.ENCODERS``.
        joint_loss: a further loss on the joint embedding, see ``mmkg.losses.LOSSES``; empty = only the paper's terms.
    """

    structure_dims: tuple[Count, Count, Count] = (400, 400, 200)
    hidden_dim: Count = 100
    image_dim: Count = 200
    structure_alpha: Positive = 5.0
    alpha: Positive = 15.0
    beta: Weight = 10.0
    fill: str = "none"
    encoder: str = "linear"
    joint_loss: str = ""

    def __post_init__(self) -> None:
        check_parts(self)


class EVA(AlignmentModel):
    """Global modality weights, learned by a joint loss whose gradient does not reach the embeddings.

    Source: Liu et al., AAAI 2021; the stop-gradient is the official code's.
    """

    def __init__(
        self,
        encoders: EncoderBundle,
        fusion: GlobalFusion,
        fill: torch.nn.Module,
        structure: "GCNEncoder | None",
        config: EVAConfig,
    ) -> None:
        super().__init__(encoders, fusion, fill, structure)
        self.config = config

    @classmethod
    def build(
        cls,
        config: EVAConfig,
        dims: Mapping[str, int],
        *,
        num_relations: int = 0,
        encoder: str | MakeEncoder | None = None,
        fill: str | MakeFill | None = None,
    ) -> "EVA":
        """Model for modalities of the given widths (``EntityInputs.dims``); parts that are given replace the named."""
        widths = {name: config.image_dim if name == IMAGE else config.hidden_dim for name in dims}
        structure = None
        if STRUCTURE in dims:
            from ..encoders.gcn import GCNEncoder

            structure = GCNEncoder(dims[STRUCTURE], config.structure_dims)
            widths[STRUCTURE] = structure.dim
        encoders = encoders_of(encoder or config.encoder, dims, widths)
        return cls(encoders, GlobalFusion(list(dims)), fill_of(fill or config.fill, widths), structure, config)

    def loss_terms(self, output: FusionOutput, num_links: int | None = None) -> dict[str, Tensor]:
        """NCA loss of each modality and of the joint, unweighted."""
        size = len(output.present) // 2
        terms = {}
        for m, name in enumerate(output.names):
            alpha = self.config.structure_alpha if name == STRUCTURE else self.config.alpha
            left, right = output.pooled[name].split(size)
            terms[f"nca.{name}"] = nca(left, right, alpha=alpha, beta=self.config.beta, present=output.present[:, m])
        frozen = {name: pooled.detach() for name, pooled in output.pooled.items()}
        joint = weighted_concat(frozen, joint_scale(output.weights, output.present), output.names)
        terms["nca.joint"] = nca(*joint.split(size), alpha=self.config.alpha, beta=self.config.beta)
        return terms | self.fill_terms(output, 1.0) | joint_terms(self.config.joint_loss, output, num_links)


ENTRY = ModelEntry(EVAConfig, EVA.build, training=TRAINING)
