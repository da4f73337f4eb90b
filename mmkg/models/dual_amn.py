"""Dual-AMN with every modality: relations as mirrors, and all entities as negatives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.tensors.inputs import EntityInputs
from ..data.tensors.sparse import ship
from ..encoders import EncoderBundle, LinearEncoder, RelationalEncoder
from ..errors import UsageError
from ..fusion import FILLS, FusionOutput, GlobalFusion
from ..losses import hard_negatives
from ..modalities import STRUCTURE
from .model import AlignmentModel
from .registry import ModelEntry


@dataclass(frozen=True)
class DualAMNConfig:
    """Hyper-parameters; those of structure are the paper's, it has no other modality.

    Args:
        structure_dim: width of the free embeddings of entities and relations (100).
        hidden_dim: width of every other modality.
        depth: rounds of messages (2).
        num_proxies: in either view (64).
        dropout: of the joint embedding in training (0.3).
        sharpness: λ of the loss (30).
        negatives: entities that a step contrasts its links with, drawn anew where there are more; 0 = all.
        fill: what stands in for a missing modality, ``none``, ``token`` or ``generator``.
    """

    structure_dim: int = 100
    hidden_dim: int = 200
    depth: int = 2
    num_proxies: int = 64
    dropout: float = 0.3
    sharpness: float = 30.0
    negatives: int = 50_000
    fill: str = "none"


class DualAMN(AlignmentModel):
    """Structure of Dual-AMN, linear encoders of all else, joined with one learned weight per modality.

    Every step runs over the whole graph, so that it suits pairs of up to some hundred thousand entities.

    Source: Mao et al., WWW 2021; the other modalities and their fusion as in MCLEA.
    """

    def __init__(
        self,
        encoders: EncoderBundle,
        fusion: GlobalFusion,
        fill: torch.nn.Module,
        structure: RelationalEncoder | None,
        config: DualAMNConfig,
    ) -> None:
        super().__init__(encoders, fusion, fill, None)
        self.structure: RelationalEncoder | None = structure  # type: ignore[assignment]  # has no rounds of its own
        self.config = config

    @classmethod
    def build(cls, config: DualAMNConfig, dims: Mapping[str, int], *, num_relations: int = 0) -> "DualAMN":
        """Model for modalities of the given widths (``EntityInputs.dims``) and so many relations."""
        structure = None
        if STRUCTURE in dims:
            structure = RelationalEncoder(
                dims[STRUCTURE], 2 * num_relations, config.structure_dim, config.depth, config.num_proxies
            )
        encoders = {name: LinearEncoder(dim, config.hidden_dim) for name, dim in dims.items() if name != STRUCTURE}
        widths = {name: structure.dim if structure and name == STRUCTURE else config.hidden_dim for name in dims}
        return cls(EncoderBundle(encoders), GlobalFusion(list(dims)), FILLS[config.fill](widths), structure, config)

    def encode_structure(
        self,
        inputs: EntityInputs,
        rows: Tensor,
        *,
        fanout: Sequence[int] = (),
        generator: torch.Generator | None = None,
    ) -> Tensor | None:
        """Structure tokens of some entities, ``[B, d]``, out of a pass over the whole graph.

        Raises:
            UsageError: a fan-out is asked for.
        """
        if fanout:
            raise UsageError("dual-amn runs over the whole graph, so that training.fanout cannot be set; use mclea")
        whole = self._layers_below(inputs, 0)
        return None if whole is None else whole.index_select(0, ship(rows, whole.device))

    def training_rows(self, inputs: EntityInputs, links: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The ends of the links, then all other entities, or as many as ``negatives`` says."""
        ends = links.t().flatten()
        others = torch.ones(inputs.num_entities, dtype=torch.bool)
        others[ends.cpu()] = False
        rows = others.nonzero()[:, 0]
        if 0 < self.config.negatives < len(rows):
            rows = rows[torch.randperm(len(rows), generator=generator)[: self.config.negatives]]
        return torch.cat([ends, rows.to(ends.device)])

    def loss_terms(self, output: FusionOutput, num_links: int | None = None) -> dict[str, Tensor]:
        """The contrast of the joint embeddings."""
        count = len(output.joint) // 2 if num_links is None else num_links
        joint = F.dropout(output.joint, self.config.dropout, self.training)
        ends = torch.arange(2 * count, device=joint.device)
        hard = hard_negatives(joint, ends[:count], ends[count:], sharpness=self.config.sharpness)
        return {"hard.joint": hard} | self.fill_terms(output, 1.0)

    def _layers_below(self, inputs: EntityInputs, block: int) -> Tensor | None:
        whole: Tensor | None = None if self.structure is None else self.structure(inputs.relation_graph)
        return whole

    def _last_layer(self, inputs: EntityInputs, rows: Tensor, below: Tensor | None) -> Tensor | None:
        return None if below is None else below.index_select(0, rows.to(below.device))


ENTRY = ModelEntry(
    DualAMNConfig,
    DualAMN.build,
    training={
        "epochs": 20,
        "batch_size": 1024,
        "learning_rate": 2e-2,
        "weight_decay": 0.0,
        "schedule": "cosine",
        "warmup": 0.02,
        "clip_norm": 0.0,
        "eval_every": 5,
    },
)
