"""What every aligner does: encode, fuse, give its loss terms by name."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data.tensors.batch import ModalityBatch
from ..data.tensors.inputs import EntityInputs
from ..data.tensors.sparse import ship
from ..encoders.bundle import EncoderBundle
from ..encoders.structure import StructureEncoder
from ..fusion import AddedTag, FusionOutput, TokenGenerator, mean_pool
from ..losses import masked_smooth_l1
from ..modalities import STRUCTURE


class AlignmentModel(nn.Module, ABC):
    """Encoders per modality, a fill for what is missing, a fusion head, and a loss.

    Only the structure encoder sees the graph; all else works on the rows asked for.

    Args:
        encoders: of every modality but structure.
        fusion: head that turns a ``ModalityBatch`` of tokens into a ``FusionOutput``.
        fill: stand-in for missing modalities, ``ModalityBatch -> ModalityBatch``.
        structure: encoder of all entities from the graph, ``None`` without that modality.
        tag: adds to the tokens which modalities an entity has; ``None`` = nothing does.
    """

    def __init__(
        self,
        encoders: EncoderBundle,
        fusion: nn.Module,
        fill: nn.Module,
        structure: StructureEncoder | None,
        tag: AddedTag | None = None,
    ) -> None:
        super().__init__()
        self.encoders = encoders
        self.fusion = fusion
        self.fill = fill
        self.structure = structure
        self.tag = tag

    @property
    def widths(self) -> dict[str, int]:
        """Width of each modality's part of the joint embedding, in its order."""
        dims = dict(self.encoders.dims)
        if self.structure is not None:
            dims[STRUCTURE] = self.structure.dim
        return {name: dims[name] for name in self.fusion.names}  # type: ignore[union-attr]

    def encode_structure(
        self,
        inputs: EntityInputs,
        rows: Tensor,
        *,
        fanout: Sequence[int] = (),
        generator: torch.Generator | None = None,
    ) -> Tensor | None:
        """Structure tokens of some entities, ``[B, d]``; ``None`` if the model does not use structure.

        Only what they depend on is computed; on CUDA, where that is cheaper than to find it, the whole graph is.

        Args:
            inputs: of the task.
            rows: entity rows, int64 ``[B]``.
            fanout: neighbours drawn per target, one number per layer, the last layer first; empty = all of them.
            generator: of the draws.
        """
        if self.structure is None:
            return None
        device = self.structure.embedding.device
        sampler = inputs.sampler
        if sampler.device.type == "cpu":
            around = sampler.around(rows.cpu(), self.structure.depth, fanout=fanout, generator=generator)
            return self.structure.encode(around.to(device), sparse_grad=bool(fanout))
        return self.structure.encode(sampler.whole(self.structure.depth)).index_select(0, ship(rows, device))

    def fuse(self, inputs: EntityInputs, rows: Tensor, structure: Tensor | None) -> FusionOutput:
        """Fused embeddings of some entities.

        Args:
            inputs: of the task.
            rows: entity rows, int64 ``[B]``.
            structure: their structure tokens, ``[B, d]``, as ``encode_structure`` gives them.
        """
        device = next(self.parameters()).device
        batch = self.encoders(inputs.batch(rows, device))
        if structure is not None:
            assert inputs.linked is not None
            batch.values[STRUCTURE] = structure[:, None, :]
            batch.observed[STRUCTURE] = ship(inputs.linked.index_select(0, rows.cpu())[:, None], device)
            batch.valid[STRUCTURE] = torch.ones_like(batch.observed[STRUCTURE])
        batch = batch.select(tuple(self.widths))
        had, told = batch.present, {}
        tokens = batch
        if isinstance(self.fill, TokenGenerator):
            told = self.fill.predict(batch)
            tokens = self.fill.put(batch, told)
        else:
            tokens = self.fill(batch)
        if self.tag is not None:
            tokens = ModalityBatch(self.tag(tokens.values, had), tokens.valid, tokens.observed)
        output: FusionOutput = self.fusion(tokens)
        asked = {name: mean_pool(batch, name) for name in told}
        return replace(output, had=had, told=told, asked=asked)

    def fill_terms(self, output: FusionOutput, weight: float) -> dict[str, Tensor]:
        """How far a generator's tokens are from the true ones, over the entities that have the modality.

        SmoothL1 of unit vectors, summed over features: with small differences half their squared distance, that is
        one minus the cosine. No other fill has terms.
        """
        terms = {}
        for name, told in output.told.items():
            here = output.present if output.had is None else output.had
            column = here[:, output.names.index(name)]
            asked = F.normalize(output.asked[name], dim=-1)
            distance = masked_smooth_l1(F.normalize(told, dim=-1), asked, column)
            terms[f"fill.{name}"] = weight * told.shape[-1] * distance
        return terms

    def embed(
        self,
        inputs: EntityInputs,
        *,
        rows: Tensor | None = None,
        block: int = 4096,
        out: np.ndarray | None = None,
        tick: Callable[[int], None] | None = None,
    ) -> Tensor:
        """Joint embeddings of entities, unit rows, on the CPU.

        Layer by layer, each in blocks, so that beside the result only the inputs of one layer are held for all
        entities; exact whatever neighbours were drawn in training.

        Args:
            inputs: of the task.
            rows: which, int64 ``[B]``; all by default.
            block: how many are computed at a time.
            out: array ``[B, D]`` to write to, e.g. memory-mapped or float16; by default a new float32 one.
            tick: called with the number of entities done after each block.

        Returns:
            ``[B, D]``; shares its memory with ``out``.
        """
        training = self.training
        self.eval()
        try:
            with torch.no_grad():  # not inference mode: the edge index caches what is computed here, training reads it
                rows = torch.arange(inputs.num_entities) if rows is None else rows
                shape = (len(rows), sum(self.widths.values()))
                if out is not None and out.shape != shape:
                    raise ValueError(f"expected an array of shape {shape} to write to, got {out.shape}")
                found = torch.empty(shape) if out is None else torch.from_numpy(out)
                below = self._layers_below(inputs, block)
                for start in range(0, len(rows), block):
                    part = rows[start : start + block]
                    found[start : start + len(part)] = self.fuse(
                        inputs, part, self._last_layer(inputs, part, below)
                    ).joint
                    if tick is not None:
                        tick(start + len(part))
        finally:
            self.train(training)
        return found

    def _layers_below(self, inputs: EntityInputs, block: int) -> Tensor | None:
        """What goes into the last layer of the structure encoder, for all entities."""
        if self.structure is None:
            return None
        x: Tensor = self.structure.embedding
        for number in range(self.structure.depth - 1):
            parts = torch.arange(inputs.num_entities, device=inputs.sampler.device).split(block)
            layer = None
            for part in parts:
                found = self._hop_into(inputs, number, x, part)
                layer = found.new_empty(inputs.num_entities, found.shape[1]) if layer is None else layer
                layer[part] = found
            x = x if layer is None else layer
        return x

    def _last_layer(self, inputs: EntityInputs, rows: Tensor, below: Tensor | None) -> Tensor | None:
        if self.structure is None or below is None:
            return None
        if self.structure.depth == 0:
            return below.index_select(0, rows.to(below.device))
        return self._hop_into(inputs, self.structure.depth - 1, below, rows.to(inputs.sampler.device))

    def _hop_into(self, inputs: EntityInputs, number: int, x: Tensor, rows: Tensor) -> Tensor:
        """One round into some rows, in time that does not grow with the number of all, ``x`` [N, d]."""
        assert self.structure is not None
        hop, origins = inputs.sampler.into(rows)
        return self.structure.hop(number, x.index_select(0, origins.to(x.device)), hop.to(x.device))

    def training_rows(self, inputs: EntityInputs, links: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Entities that a step on B links embeds: left ends, then right ends, then any others, int64 ``[2B + X]``.

        Args:
            inputs: of the task.
            links: int64 ``[B, 2]``.
            generator: of what is drawn.
        """
        return links.t().flatten()

    @abstractmethod
    def loss_terms(self, output: FusionOutput, num_links: int | None = None) -> dict[str, Tensor]:
        """Terms whose sum is the loss.

        Args:
            output: of the entities that ``training_rows`` gives.
            num_links: B; ``None`` = half of the entities.
        """
