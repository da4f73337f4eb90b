"""Label propagation: alignment without training, from the neighbourhoods of the seed links."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..compute.host import isolated
from ..compute.seeding import numpy_generator
from ..data.tensors.incidence import Incidence
from ..data.tensors.sparse import (
    centred,
    column_sums,
    copied_rows,
    few_rows,
    random_projection,
    revalued,
    sparse_rows,
    transposed,
    walk_steps,
)
from ..data.tensors.tables import Table
from ..errors import InputError
from ..modalities import ATTRIBUTE, IMAGE, RELATION, STRUCTURE
from ..settings import Count, Size, Weight, configuration
from ..typing import IntArray
from .neutral import COLUMNS, neutral
from .registry import ModelEntry

BLOCK_ROWS = 4096


@configuration
@dataclass(frozen=True)
class PropagationConfig:
    """How far labels spread, and the weight of each modality; the same defaults for all pairs.

    The weights were chosen on links held out of the seed links of DBP15K zh-en and of two embedded pairs. A weight
    is the length of a modality's part before the joint vector is scaled to unit length, so its square is the share
    of the cosine that the modality can contribute.

    Args:
        hops: steps of the random walk from the seeds (2 in LightEA).
        hub_damping: the probability of a step to a neighbour is proportional to the number of shared triples, divided
            by this power of the neighbour's degree, because a hub is weak evidence for its neighbours (0 in LightEA).
        num_labels: number of distinct labels; with more seed links, some share a label (1,024 in LightEA, dense).
        structure_dim, relation_dim, attribute_dim: width of each part.
        name_dim, image_dim: width of an entity's own name (or text, or values) or image vector, and of the mean of its
            neighbours' vectors; image vectors that are not wider are used unchanged.
        structure_weight, relation_weight, attribute_weight, value_weight, image_weight, name_weight, text_weight:
            >= 0.
        neighbor_weight: weight of the neighbours' mean name, text, image or values, relative to an entity's own.
        other_weight: weight of any other modality, >= 0.

    Raises:
        UsageError: a value out of range.
    """

    hops: Count = 4
    hub_damping: Weight = 0.25
    num_labels: Count = 2048
    structure_dim: Size = 1024
    relation_dim: Size = 768
    attribute_dim: Size = 1024
    name_dim: Size = 1024
    image_dim: Size = 1024
    structure_weight: Weight = 1.0
    relation_weight: Weight = 0.65
    attribute_weight: Weight = 0.6
    value_weight: Weight = 0.8
    image_weight: Weight = 1.0
    name_weight: Weight = 0.8
    text_weight: Weight = 0.8
    neighbor_weight: Weight = 0.5
    other_weight: Weight = 0.8

    def weight(self, modality: str) -> float:
        """Weight of a modality by its name."""
        return float(getattr(self, f"{modality}_weight", self.other_weight))


class Propagation:
    """Aligns by labels that spread from the seed links. Nothing is trained; there are no gradients.

    Both ends of a seed link carry the same label. An entity's part of each modality describes which labels reach it:

    - ``structure`` (entity to entity): after h steps of a random walk that starts at the entity, the
      probability of ending on each label. Square roots of these (a cosine of square roots compares two
      distributions without letting the largest values drown the rest), each label divided by the fourth root
      of its mean, projected at random to ``structure_dim``; the hops, each of unit length, add up.
    - ``relation`` (entity to relation to entity): a relation is described by the labels of its heads and of its
      tails, an entity by the relations it is head of and tail of, weighted as in TF-IDF.
    - ``attribute``: likewise; an attribute is described by the labels of the entities that have it, centred per graph.
      A random code of the attribute is appended, for attributes whose name both graphs share.
    - ``name``, ``text``, ``image``, ``value``: the entity's own vector, with the mean of its neighbours' vectors
      appended; where some entities have no image, own images are weighted as ``neutral`` describes.

    Differences from the paper: labels are unit vectors of few non-zero entries (one) rather than dense, so that
    probabilities stay probabilities and square roots make sense; orthogonal exactly where no label is shared.

    Source: Mao et al., EMNLP 2022 (LightEA), Sec. 4: three-view label propagation.
    """

    def __init__(self, config: PropagationConfig | None = None) -> None:
        self.config = config or PropagationConfig()

    def widths(self, inputs: Incidence) -> dict[str, int]:
        """Width of each modality's part of the joint embedding, in its order."""
        dims = {
            STRUCTURE: self.config.structure_dim,
            RELATION: self.config.relation_dim,
            ATTRIBUTE: 2 * (self.config.attribute_dim // 2),
        }
        twice = 1 if inputs.neighbors is None else 2
        for name, table in inputs.tables.items():
            dims[name] = twice * self._own_dim(name, table) + COLUMNS * _some_lack(name, table)
        return {name: dims[name] for name in inputs.names}

    def _own_dim(self, name: str, table: Table) -> int:
        return min(table.dim, self.config.image_dim) if name == IMAGE else self.config.name_dim

    @isolated
    def embed(self, inputs: Incidence, links: IntArray, *, seed: int = 0) -> Tensor:
        """Joint embeddings of all entities.

        Args:
            inputs: of the task; left untouched.
            links: seed links, int64 ``[L, 2]`` of (left row, right row), both counted from 0; L >= 1.
            seed: random seed of labels and projections; the same seed gives the same bits.

        Returns:
            Unit rows ``[N, D]``, float32, on the device of ``inputs``. A modality that an entity lacks is zero
            there; an entity that has none is zero throughout.

        Raises:
            InputError: no links.
        """
        return self.embed_rows(inputs, links, seed=seed)

    @isolated
    def embed_rows(
        self,
        inputs: Incidence,
        links: IntArray,
        rows: IntArray | None = None,
        *,
        widths: Mapping[str, int] | None = None,
        seed: int = 0,
    ) -> Tensor:
        """Joint embeddings of some entities, as ``embed`` gives them for all; most of the time is spent per row.

        Args:
            inputs: of the task; left untouched.
            links: seed links, int64 ``[L, 2]``; L >= 1.
            rows: rows of ``inputs``, int64 ``[B]``; ``None`` = all.
            widths: width of each modality's part, if not that of ``widths``: rows of a pair that has grown get those of
                the pair before, in which perhaps all entities had an image.
            seed: random seed of labels and projections.

        Returns:
            Unit rows ``[B, D]``.

        Raises:
            InputError: no links.
        """
        links = np.asarray(links)
        if len(links) == 0:
            raise InputError("labels spread from seed links, got none; give at least one")
        labels = self._labels(inputs, links, seed)
        some = None if rows is None else torch.from_numpy(rows).to(labels.device)
        widths = self.widths(inputs) if widths is None else widths
        parts: dict[str, Tensor] = {}
        steps = None if inputs.neighbors is None else walk_steps(inputs.neighbors, self.config.hub_damping)
        if steps is not None:
            parts[STRUCTURE] = self._walk(steps, labels, seed, some)
        if inputs.heads is not None and inputs.tails is not None:
            parts[RELATION] = self._relations(inputs.heads, inputs.tails, labels, seed)
        if inputs.attributes is not None:
            parts[ATTRIBUTE] = self._attributes(inputs, inputs.attributes, labels, seed)
        for name in inputs.tables:
            extended = widths[name] > (1 if steps is None else 2) * self._own_dim(name, inputs.tables[name])
            parts[name] = self._own_and_around(inputs, name, steps, labels.device, seed, extended=extended)
        if some is not None:
            parts = {name: part if name == STRUCTURE else part[some] for name, part in parts.items()}
        joint = labels.new_empty(len(labels if some is None else some), sum(part.shape[1] for part in parts.values()))
        del labels  # as large as the embeddings
        sizes = [parts[name].shape[1] for name in inputs.names]
        for name, columns in zip(inputs.names, joint.split(sizes, dim=1), strict=True):
            torch.mul(parts.pop(name), self.config.weight(name), out=columns)
        return F.normalize(joint, dim=1, out=joint)

    def _labels(self, inputs: Incidence, links: IntArray, seed: int) -> Tensor:
        """One 1 per seed end, ``[N, C]``: the label of its link."""
        count = min(self.config.num_labels, len(links))
        turns = -(-len(links) // count)
        generator = numpy_generator(seed, "labels")
        drawn = torch.from_numpy(np.concatenate([generator.permutation(count) for _ in range(turns)])[: len(links)])
        matrices = (inputs.neighbors, inputs.heads, inputs.attributes)
        device = next((each.device for each in matrices if each is not None), torch.device("cpu"))
        labels = torch.zeros(inputs.num_entities, count, device=device)
        for side, shift in ((0, 0), (1, inputs.num_left)):
            labels[torch.from_numpy(links[:, side] + shift).to(device), drawn.to(device)] = 1
        return labels

    def _walk(self, steps: Tensor, labels: Tensor, seed: int, rows: Tensor | None = None) -> Tensor:
        """The structure part of some rows, ``[B, structure_dim]``. If most entities have the same steps as others, as
        those around a hub, one walk is enough for all of these.
        """
        dim = self.config.structure_dim
        copies, counts, onwards = copied_rows(steps), None, steps
        if copies is not None:
            first, place = copies
            counts = torch.bincount(place).to(labels.dtype)
            steps = few_rows(steps, first)
            onwards = sparse_rows(steps.crow_indices(), place[steps.col_indices()], steps.values(), 2 * (len(first),))
        picks = None if copies is None else copies[1]
        if rows is not None:
            first, picks = (rows if picks is None else picks[rows]).unique(return_inverse=True)
        out = labels.new_zeros(steps.shape[0] if rows is None else len(first), dim)
        reached = labels
        for hop in range(self.config.hops):
            reached = (onwards if hop else steps) @ reached
            scale = reached.new_ones(reached.shape[1])
            if hop:  # near the seeds every label is rare
                mean = reached.mean(dim=0) if counts is None else counts @ reached / len(labels)
                scale = (mean + 1e-6).pow(-0.25)
            projection = random_projection(reached.shape[1], dim, seed, f"hop {hop}", labels.device) * scale[:, None]
            lengths = (reached @ scale.square()).sqrt().clamp(min=1e-9)
            for start in range(0, len(out), BLOCK_ROWS):
                block = slice(start, start + BLOCK_ROWS)
                part, length = (each[block] if rows is None else each[first[block]] for each in (reached, lengths))
                out[block].addmm_(part.sqrt().div_(length[:, None]), projection)
        out = F.normalize(out, dim=1)
        return out if picks is None else out[picks]

    def _relations(self, heads: Tensor, tails: Tensor, labels: Tensor, seed: int) -> Tensor:
        """The relation part, ``[N, relation_dim]``: relations out and in, each with the labels of both its ends.

        Either end of either direction has a random projection of its own.
        """
        dim = self.config.relation_dim
        frequency = column_sums(heads)
        rarity = (frequency.sum() / frequency.clamp(min=1)).log()[:, None]
        ends = [_described(side, labels) * rarity for side in (heads, tails)]
        out = ends[0].new_zeros(heads.shape[0], dim)
        for place, side in enumerate((heads, tails)):
            towards = out.new_zeros(side.shape[1], dim)
            for number, end in enumerate(ends):
                towards += end @ random_projection(end.shape[1], dim, seed, f"relation {place} {number}", end.device)
            out += revalued(side, side.values().sqrt()) @ towards
        return F.normalize(out, dim=1)

    def _attributes(self, inputs: Incidence, bag: Tensor, labels: Tensor, seed: int) -> Tensor:
        """The attribute part, ``[N, attribute_dim]``: half from labels, half from the attributes' own codes."""
        dim = self.config.attribute_dim // 2
        rarity = (len(labels) / column_sums(bag).clamp(min=1)).log()[:, None]
        projection = random_projection(labels.shape[1], dim, seed, "attribute labels", labels.device)
        described = F.normalize(bag @ (_described(bag, labels) @ projection * rarity), dim=1)
        described = centred(described, inputs.num_left)
        codes = random_projection(bag.shape[1], dim, seed, "attribute codes", labels.device)
        return torch.cat([described, F.normalize(bag @ (codes * rarity), dim=1)], dim=1) / 2**0.5

    def _own_and_around(
        self, inputs: Incidence, name: str, steps: Tensor | None, device: torch.device, seed: int, *, extended: bool
    ) -> Tensor:
        """The part of a modality whose vectors both graphs share: own, and the mean of the neighbours'."""
        table, blocks = inputs.tables[name], []
        dim = self._own_dim(name, table)
        as_it_is = name == IMAGE and dim == table.dim
        project = None if as_it_is else random_projection(table.dim, dim, seed, f"{name} codes", "cpu")
        for rows in torch.arange(inputs.num_entities).split(BLOCK_ROWS):
            values = table.take(rows)
            values = values[:, 0] if values.layout == torch.strided else values
            blocks.append(values if project is None else values @ project)
        own = F.normalize(torch.cat(blocks).to(device), dim=1)
        parts = [own]
        if extended:
            parts = [torch.cat(neutral(own[: inputs.num_left], own[inputs.num_left :]))]
        if steps is not None:
            parts.append(self.config.neighbor_weight * F.normalize(steps @ own, dim=1))
        return torch.cat(parts, dim=1)


def _some_lack(name: str, table: Table) -> bool:
    """Whether some but not all entities have an image."""
    return name == IMAGE and bool(table.observed.any()) and not bool(table.observed.all())


def _described(incidence: Tensor, labels: Tensor) -> Tensor:
    """What the labels of its members say of each column of an incidence ``[N, R]``: unit rows ``[R, C]``.

    Square roots of the labels' shares among the members, who count as often as they come.
    """
    return F.normalize((transposed(incidence) @ labels).sqrt_(), dim=1)  # the root of the total cancels


ENTRY = ModelEntry(PropagationConfig, Propagation, learner="propagated")
