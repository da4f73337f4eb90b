"""Base class of all trained aligners: encode, fuse, and return loss terms by name."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..compute.host import isolated
from ..compute.ranks import share_of
from ..data.tensors.batch import ModalityBatch
from ..data.tensors.inputs import EntityInputs
from ..data.tensors.sparse import ship
from ..encoders.bundle import EncoderBundle
from ..encoders.structure import StructureEncoder
from ..fusion import AddedTag, FusionHead, FusionOutput, TokenGenerator, mean_pool
from ..losses import masked_smooth_l1
from ..modalities import STRUCTURE
from ..progress import tracked


class AlignmentModel(nn.Module, ABC):
    """Encoders per modality, a fill for missing modalities, a fusion head, and a loss.

    Only the structure encoder reads the graph; all other parts compute the requested rows only.

    Args:
        encoders: encoders of all modalities except structure.
        fusion: head that turns a ``ModalityBatch`` of tokens into a ``FusionOutput``.
        fill: replacement for missing modalities, ``ModalityBatch -> ModalityBatch``.
        structure: encoder of the graph, ``None`` without that modality.
        tag: adds a vector to the tokens that encodes which modalities an entity has; ``None`` = no tag.
    """

    def __init__(
        self,
        encoders: EncoderBundle,
        fusion: FusionHead,
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
        return {name: dims[name] for name in self.fusion.names}

    def encode_structure(
        self,
        inputs: EntityInputs,
        rows: Tensor,
        *,
        fanout: Sequence[int] = (),
        generator: torch.Generator | None = None,
    ) -> Tensor | None:
        """Structure tokens of some entities, ``[B, d]``; ``None`` if the model does not use structure.

        On the CPU only the neighbourhood of the entities is computed; on CUDA the whole graph, which is faster than
        the search for the neighbourhood.

        Args:
            inputs: data of the task.
            rows: entity rows, int64 ``[B]``.
            fanout: number of neighbours drawn per target, one number per layer, the last layer first; empty = all.
            generator: random generator of the draws.
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
            inputs: data of the task.
            rows: entity rows, int64 ``[B]``.
            structure: their structure tokens, ``[B, d]``, from ``encode_structure``.
        """
        device = next(self.parameters()).device
        batch = self.encoders(inputs.batch(rows, device))
        if structure is not None:
            linked = inputs.observed(STRUCTURE).index_select(0, rows.cpu())
            batch = batch.extended(STRUCTURE, structure[:, None, :], ship(linked[:, None], device))
        batch = batch.select(tuple(self.widths))
        present_before = batch.present
        predicted: dict[str, Tensor] = {}
        if isinstance(self.fill, TokenGenerator):
            predicted = self.fill.predict(batch)
            tokens = self.fill.put(batch, predicted)
        else:
            tokens = self.fill(batch)
        if self.tag is not None:
            tokens = ModalityBatch(self.tag(tokens.values, present_before), tokens.valid, tokens.observed)
        output: FusionOutput = self.fusion(tokens)
        targets = {name: mean_pool(batch, name) for name in predicted}
        return replace(output, present_before=present_before, predicted=predicted, targets=targets)

    def fill_terms(self, output: FusionOutput, weight: float) -> dict[str, Tensor]:
        """Distances between predicted and true tokens, over the entities that have the modality.

        SmoothL1 of unit vectors, summed over features: for small differences this is half the squared distance, which
        equals one minus the cosine. Fills other than a generator have no terms.

        Args:
            output: output of ``fuse``.
            weight: factor of each term.
        """
        terms = {}
        for name, predicted in output.predicted.items():
            present = output.present if output.present_before is None else output.present_before
            column = present[:, output.names.index(name)]
            target = F.normalize(output.targets[name], dim=-1)
            distance = masked_smooth_l1(F.normalize(predicted, dim=-1), target, column)
            terms[f"fill.{name}"] = weight * predicted.shape[-1] * distance
        return terms

    @isolated
    def embed(
        self,
        inputs: EntityInputs,
        *,
        rows: Tensor | None = None,
        block: int = 4096,
        out: NDArray[np.floating[Any]] | None = None,
        tick: Callable[[int], None] | None = None,
    ) -> Tensor:
        """Joint embeddings of entities, unit rows, on the CPU.

        Layers are computed one after the other, in blocks, so that besides the result only the inputs of one layer
        are held for all entities. All neighbours are used, also if training drew some of them. Processes that train
        together compute a share each, and all have the result.

        Args:
            inputs: data of the task.
            rows: entity rows, int64 ``[B]``; default: all.
            block: number of entities computed at a time.
            out: array ``[B, D]`` to write to, e.g. memory-mapped or float16; default: a new float32 array.
            tick: called after each block with the number of finished entities.

        Returns:
            ``[B, D]``; shares its memory with ``out``.

        Raises:
            ValueError: ``out`` has another shape.
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
                share = share_of(len(rows))
                for start in tracked(range(share.start, share.stop, block), "embedding"):
                    part = rows[start : min(start + block, share.stop)]
                    found[start : start + len(part)] = self.fuse(
                        inputs, part, self._last_layer(inputs, part, below)
                    ).joint
                    if tick is not None:
                        tick(start + len(part))
                share.fill_(found)
        finally:
            self.train(training)
        return found

    def _layers_below(self, inputs: EntityInputs, block: int) -> Tensor | None:
        """Inputs of the last layer of the structure encoder, for all entities."""
        if self.structure is None:
            return None
        x: Tensor = self.structure.embedding
        for number in range(self.structure.depth - 1):
            share = share_of(inputs.num_entities)
            layer = None
            for start in range(share.start, max(share.stop, share.start + 1), block):  # also for an empty share
                stop = min(start + block, share.stop)
                part = torch.arange(start, stop, device=inputs.sampler.device)
                found = self._hop_into(inputs, number, x, part)
                layer = found.new_empty(inputs.num_entities, found.shape[1]) if layer is None else layer
                layer[start:stop] = found
            if layer is not None:
                share.fill_(layer)
            x = x if layer is None else layer
        return x

    def _last_layer(self, inputs: EntityInputs, rows: Tensor, below: Tensor | None) -> Tensor | None:
        if self.structure is None or below is None:
            return None
        if self.structure.depth == 0:
            return below.index_select(0, rows.to(below.device))
        return self._hop_into(inputs, self.structure.depth - 1, below, rows.to(inputs.sampler.device))

    def _hop_into(self, inputs: EntityInputs, number: int, x: Tensor, rows: Tensor) -> Tensor:
        """One round into some rows, from ``x`` [N, d]; its time does not depend on N."""
        assert self.structure is not None
        hop, origins = inputs.sampler.into(rows)
        return self.structure.hop(number, x.index_select(0, origins.to(x.device)), hop.to(x.device))

    def training_rows(self, inputs: EntityInputs, links: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Entities that a training step on B links embeds: left ends, right ends, then X others, int64 ``[2B + X]``.

        Args:
            inputs: data of the task.
            links: entity rows, int64 ``[B, 2]``.
            generator: random generator of the others.
        """
        return links.t().flatten()

    @abstractmethod
    def loss_terms(self, output: FusionOutput, num_links: int | None = None) -> dict[str, Tensor]:
        """Terms whose sum is the loss.

        Args:
            output: output of ``fuse`` for the entities of ``training_rows``.
            num_links: B; ``None`` = half of the entities.
        """
