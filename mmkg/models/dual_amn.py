"""Dual-AMN with every modality: relational reflections, and all entities as negatives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..compute.draws import dropout
from ..data.tensors.inputs import EntityInputs
from ..data.tensors.sparse import ship
from ..encoders.bundle import EncoderBundle
from ..encoders.relational import RelationalEncoder
from ..errors import UsageError
from ..fusion import FusionOutput, GlobalFusion
from ..losses import hard_negatives
from ..modalities import STRUCTURE
from ..settings import Count, CountOrNone, Positive, Share, configuration
from .model import AlignmentModel
from .parts import MakeEncoder, MakeFill, check_parts, encoders_of, fill_of, joint_terms
from .registry import ModelEntry


@configuration
@dataclass(frozen=True)
class DualAMNConfig:
    """Hyper-parameters; those of structure are the paper's, which has no other modality.

    Args:
        structure_dim: width of the free embeddings of entities and relations (100).
        hidden_dim: width of every other modality.
        depth: rounds of messages (2).
        num_proxies: number of proxies in either view (64).
        dropout: dropout of the joint embedding in training (0.3).
        sharpness: λ of the loss (30).
        negatives: number of entities that a step contrasts its links with, drawn again every step; 0 = all.
        fill: stand-in for a missing modality, see ``mmkg.fusion.FILLS``: ``none``, ``token`` or ``generator``.
        encoder: encoder of the modalities other than structure, see ``mmkg.encoders.ENCODERS``.
        joint_loss: a further loss on the joint embedding, see ``mmkg.losses.LOSSES``; empty = only the paper's terms.
    """

    structure_dim: Count = 100
    hidden_dim: Count = 200
    depth: CountOrNone = 2
    num_proxies: Count = 64
    dropout: Share = 0.3
    sharpness: Positive = 30.0
    negatives: CountOrNone = 50_000
    fill: str = "none"
    encoder: str = "linear"
    joint_loss: str = ""

    def __post_init__(self) -> None:
        check_parts(self)


class DualAMN(AlignmentModel):
    """The structure encoder of Dual-AMN, linear encoders of the other modalities, one learned weight per modality.

    Every training step computes the whole graph, so it suits pairs of up to some hundred thousand entities.

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
    def build(
        cls,
        config: DualAMNConfig,
        dims: Mapping[str, int],
        *,
        num_relations: int = 0,
        encoder: str | MakeEncoder | None = None,
        fill: str | MakeFill | None = None,
    ) -> "DualAMN":
        """Model for modalities of the given widths (``EntityInputs.dims``); parts that are given replace the named.

        Args:
            config: hyper-parameters.
            dims: width of the values of each modality.
            num_relations: number of relations of both graphs.
            encoder, fill: see ``encoders_of`` and ``fill_of``.
        """
        structure = None
        if STRUCTURE in dims:
            structure = RelationalEncoder(
                dims[STRUCTURE], 2 * num_relations, config.structure_dim, config.depth, config.num_proxies
            )
        widths = {name: structure.dim if structure and name == STRUCTURE else config.hidden_dim for name in dims}
        encoders = encoders_of(encoder or config.encoder, dims, widths)
        return cls(encoders, GlobalFusion(list(dims)), fill_of(fill or config.fill, widths), structure, config)

    def encode_structure(
        self,
        inputs: EntityInputs,
        rows: Tensor,
        *,
        fanout: Sequence[int] = (),
        generator: torch.Generator | None = None,
    ) -> Tensor | None:
        """Structure tokens of some entities, ``[B, d]``, from a pass over the whole graph.

        Raises:
            UsageError: ``fanout`` is not empty.
        """
        if fanout:
            raise UsageError(
                "dual-amn computes the whole graph in every step, so training.fanout cannot be set; use mclea"
            )
        whole = self._layers_below(inputs, 0)
        return None if whole is None else whole.index_select(0, ship(rows, whole.device))

    def training_rows(self, inputs: EntityInputs, links: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The ends of the links, then the negatives: all other entities, or a sample of ``negatives`` of them."""
        ends = links.t().flatten()
        others = torch.ones(inputs.num_entities, dtype=torch.bool)
        others[ends.cpu()] = False
        rows = others.nonzero()[:, 0]
        if 0 < self.config.negatives < len(rows):
            rows = rows[torch.randperm(len(rows), generator=generator)[: self.config.negatives]]
        return torch.cat([ends, rows.to(ends.device)])

    def loss_terms(self, output: FusionOutput, num_links: int | None = None) -> dict[str, Tensor]:
        """The contrastive loss of the joint embeddings."""
        count = len(output.joint) // 2 if num_links is None else num_links
        joint = dropout(output.joint, self.config.dropout, self.training)
        ends = torch.arange(2 * count, device=joint.device)
        hard = hard_negatives(joint, ends[:count], ends[count:], sharpness=self.config.sharpness)
        terms = {"hard.joint": hard} | self.fill_terms(output, 1.0)
        return terms | joint_terms(self.config.joint_loss, output, count)

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
