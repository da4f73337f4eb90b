"""What every aligner does: encode, fuse, give its loss terms by name."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data.features import EntityInputs
from ..encoders.bundle import EncoderBundle
from ..fusion.output import FusionOutput
from ..typing import STRUCTURE


class AlignmentModel(nn.Module, ABC):
    """Encoders per modality, a fill for what is missing, a fusion head, and a loss.

    Only the structure encoder sees the graph; all else works on the rows asked for.

    Args:
        encoders: of every modality but structure.
        fusion: head that turns a ``ModalityBatch`` of tokens into a ``FusionOutput``.
        fill: stand-in for missing modalities, ``ModalityBatch -> ModalityBatch``.
        structure: encoder of all entities from the graph, ``None`` without that modality.
    """

    def __init__(
        self, encoders: EncoderBundle, fusion: nn.Module, fill: nn.Module, structure: nn.Module | None
    ) -> None:
        super().__init__()
        self.encoders = encoders
        self.fusion = fusion
        self.fill = fill
        self.structure = structure

    @property
    def widths(self) -> dict[str, int]:
        """Width of each modality's part of the joint embedding, in its order."""
        dims = dict(self.encoders.dims)
        if self.structure is not None:
            dims[STRUCTURE] = int(self.structure.dim)  # type: ignore[arg-type]
        return {name: dims[name] for name in self.fusion.names}  # type: ignore[union-attr]

    def encode_structure(self, inputs: EntityInputs) -> Tensor | None:
        """Structure tokens of all entities, ``[N, d]``."""
        if self.structure is None:
            return None
        encoded: Tensor = self.structure(inputs.edge_index, inputs.edge_weight)
        return encoded

    def fuse(self, inputs: EntityInputs, rows: Tensor, structure: Tensor | None) -> FusionOutput:
        """Fused embeddings of some entities.

        Args:
            inputs: of the task.
            rows: entity rows, int64 ``[B]``.
            structure: what ``encode_structure`` gave.
        """
        device = next(self.parameters()).device
        batch = self.encoders(inputs.batch(rows, device))
        if structure is not None:
            assert inputs.linked is not None
            batch.values[STRUCTURE] = structure.index_select(0, rows.to(device))[:, None, :]
            batch.observed[STRUCTURE] = inputs.linked.index_select(0, rows.cpu())[:, None].to(device)
            batch.valid[STRUCTURE] = torch.ones_like(batch.observed[STRUCTURE])
        output: FusionOutput = self.fusion(self.fill(batch))
        return output

    def embed(
        self,
        inputs: EntityInputs,
        *,
        rows: Tensor | None = None,
        block: int = 4096,
        tick: Callable[[int], None] | None = None,
    ) -> Tensor:
        """Joint embeddings of entities, unit rows, float32 on the CPU.

        Args:
            inputs: of the task.
            rows: which, int64 ``[B]``; all by default.
            block: how many are fused at a time.
            tick: called with the number of entities done after each block.
        """
        training = self.training
        self.eval()
        try:
            with torch.no_grad():  # not inference mode: the edge index caches what is computed here, training reads it
                structure = self.encode_structure(inputs)
                rows = torch.arange(inputs.num_entities) if rows is None else rows
                out = torch.empty(len(rows), sum(self.widths.values()))
                for start in range(0, len(rows), block):
                    part = rows[start : start + block]
                    out[start : start + len(part)] = self.fuse(inputs, part, structure).joint
                    if tick is not None:
                        tick(start + len(part))
        finally:
            self.train(training)
        return out

    @abstractmethod
    def loss_terms(self, output: FusionOutput) -> dict[str, Tensor]:
        """Terms whose sum is the loss.

        Args:
            output: of 2B entities: the left ends of B links, then their right ends.
        """


def split_links(output: FusionOutput, group_size: int) -> list[FusionOutput]:
    """The output of B links cut into groups of at most ``group_size`` links."""
    size = len(output.joint) // 2
    if size <= group_size:
        return [output]
    rows = torch.arange(2 * size, device=output.joint.device).view(2, size)
    groups = []
    for part in rows.split(group_size, dim=1):
        pick = part.flatten()
        groups.append(
            FusionOutput(
                output.joint.index_select(0, pick),
                {name: tokens.index_select(0, pick) for name, tokens in output.tokens.items()},
                {name: pooled.index_select(0, pick) for name, pooled in output.pooled.items()},
                output.weights.index_select(0, pick),
                output.present.index_select(0, pick),
                output.names,
            )
        )
    return groups


def units(embeddings: list[Tensor]) -> list[Tensor]:
    """Each ``[2B, d]`` with rows of length 1; zero rows stay zero."""
    return [F.normalize(embedding, dim=-1) for embedding in embeddings]
