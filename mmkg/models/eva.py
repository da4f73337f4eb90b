"""EVA: visual pivoting for entity alignment."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..encoders import EncoderBundle, GCNEncoder, LinearEncoder
from ..fusion import FILLS, FusionOutput, GlobalFusion, joint_scale, weighted_concat
from ..losses import nca
from ..modalities import IMAGE, STRUCTURE
from .mclea import TRAINING
from .model import AlignmentModel
from .registry import ModelEntry


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
        fill: what stands in for a missing modality, ``none``, ``token`` or ``generator``.
    """

    structure_dims: tuple[int, int, int] = (400, 400, 200)
    hidden_dim: int = 100
    image_dim: int = 200
    structure_alpha: float = 5.0
    alpha: float = 15.0
    beta: float = 10.0
    fill: str = "none"


class EVA(AlignmentModel):
    """Global modality weights learned on embeddings that the joint loss does not touch.

    Source: Liu et al., AAAI 2021; the stop-gradient is the official code's.
    """

    def __init__(
        self,
        encoders: EncoderBundle,
        fusion: GlobalFusion,
        fill: torch.nn.Module,
        structure: GCNEncoder | None,
        config: EVAConfig,
    ) -> None:
        super().__init__(encoders, fusion, fill, structure)
        self.config = config

    @classmethod
    def build(cls, config: EVAConfig, dims: Mapping[str, int], *, num_relations: int = 0) -> "EVA":
        """Model for modalities of the given widths (``EntityInputs.dims``)."""
        widths = {name: config.image_dim if name == IMAGE else config.hidden_dim for name in dims}
        structure = None
        if STRUCTURE in dims:
            structure = GCNEncoder(dims[STRUCTURE], config.structure_dims)
            widths[STRUCTURE] = structure.dim
        encoders = {name: LinearEncoder(dim, widths[name]) for name, dim in dims.items() if name != STRUCTURE}
        return cls(EncoderBundle(encoders), GlobalFusion(list(dims)), FILLS[config.fill](widths), structure, config)

    def loss_terms(self, output: FusionOutput, num_links: int | None = None) -> dict[str, Tensor]:
        """NCA loss of each modality and of the joint, unweighted."""
        size = len(output.joint) // 2
        terms = {}
        for m, name in enumerate(output.names):
            alpha = self.config.structure_alpha if name == STRUCTURE else self.config.alpha
            left, right = output.pooled[name].split(size)
            terms[f"nca.{name}"] = nca(left, right, alpha=alpha, beta=self.config.beta, present=output.present[:, m])
        frozen = {name: pooled.detach() for name, pooled in output.pooled.items()}
        joint = weighted_concat(frozen, joint_scale(output.weights, output.present), output.names)
        terms["nca.joint"] = nca(*joint.split(size), alpha=self.config.alpha, beta=self.config.beta)
        return terms | self.fill_terms(output, 1.0)


ENTRY = ModelEntry(EVAConfig, EVA.build, training=TRAINING)
