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
from ..data.tensors.sparse import sparse_entries, walk_steps
from ..data.tensors.tables import Table
from ..errors import InputError
from ..modalities import ATTRIBUTE, IMAGE, RELATION, STRUCTURE
from ..settings import Count, Size, Weight, configuration
from ..typing import IntArray
from .label_parts import attribute_part, relation_part, row_blocks
from .neutral import COLUMNS
from .own_part import own_part
from .registry import ModelEntry
from .walk import walk_to_labels

MOST_VALUES = 1 << 29  # values of the joint embedding from which its parts are halved
HALVINGS = 2


@configuration
@dataclass(frozen=True)
class PropagationConfig:
    """How far labels spread, and the weight of each modality; the same defaults for all pairs.

    The weights were chosen on three pairs without published figures, see ``tools/studies/defaults.py``. A weight
    is the length of a modality's part before the joint vector is scaled to unit length, so its square is the share
    of the cosine that the modality can contribute. The part of attributes or values is shorter for an entity whose
    attributes or values are shared by many.

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
    relation_weight: Weight = 0.85
    attribute_weight: Weight = 0.35
    value_weight: Weight = 1.2
    image_weight: Weight = 1.2
    name_weight: Weight = 1.4
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
      appended, values of the length that ``Evidence`` states; where some entities have no image, own images are
      weighted as ``neutral`` describes.

    Differences from the paper: labels are unit vectors of few non-zero entries (one) rather than dense, so that
    probabilities stay probabilities and square roots make sense; orthogonal exactly where no label is shared.

    Source: Mao et al., EMNLP 2022 (LightEA), Sec. 4: three-view label propagation.
    """

    def __init__(self, config: PropagationConfig | None = None) -> None:
        self.config = config or PropagationConfig()

    def widths(self, inputs: Incidence, *, num_entities: int | None = None) -> dict[str, int]:
        """Width of each modality's part of the joint embedding, in its order.

        Of more than ``MOST_VALUES`` values all parts are halved, at most ``HALVINGS`` times.

        Args:
            inputs: of the task.
            num_entities: number on which the widths depend, if it is not that of ``inputs``, e.g. of a pair before it
                grew.
        """
        number = inputs.num_entities if num_entities is None else num_entities
        twice = 1 if inputs.neighbors is None else 2
        for halved in range(HALVINGS + 1):
            dims = {
                STRUCTURE: self.config.structure_dim >> halved,
                RELATION: self.config.relation_dim >> halved,
                ATTRIBUTE: 2 * (self.config.attribute_dim >> halved + 1),
            }
            for name, table in inputs.tables.items():
                dims[name] = twice * (self._own_dim(name, table) >> halved) + COLUMNS * _some_lack(name, table)
            widths = {name: max(dims[name], 1) for name in inputs.names}
            if number * sum(widths.values()) <= MOST_VALUES:
                break
        return widths

    def _own_dim(self, name: str, table: Table) -> int:
        return min(table.dim, self.config.image_dim) if name == IMAGE else self.config.name_dim

    @isolated
    def embed(self, inputs: Incidence, links: IntArray, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
        """Joint embeddings of all entities.

        Args:
            inputs: of the task; left untouched.
            links: seed links, int64 ``[L, 2]`` of (left row, right row), both counted from 0; L >= 1.
            seed: random seed of labels and projections; the same seed gives the same bits.
            dtype: of the result; each part is computed in float32.

        Returns:
            Unit rows ``[N, D]`` on the device of ``inputs``. A modality that an entity lacks is zero
            there; an entity that has none is zero throughout.

        Raises:
            InputError: no links.
        """
        return self.embed_rows(inputs, links, seed=seed, dtype=dtype)

    @isolated
    def embed_rows(
        self,
        inputs: Incidence,
        links: IntArray,
        rows: IntArray | None = None,
        *,
        widths: Mapping[str, int] | None = None,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Joint embeddings of some entities, as ``embed`` gives them for all; most of the time is spent per row.

        Args:
            inputs: of the task; left untouched.
            links: seed links, int64 ``[L, 2]``; L >= 1.
            rows: rows of ``inputs``, int64 ``[B]``; ``None`` = all.
            widths: width of each modality's part, if not that of ``widths``: rows of a pair that has grown get those of
                the pair before, in which perhaps all entities had an image.
            seed: random seed of labels and projections.
            dtype: of the result; each part is computed in float32.

        Returns:
            Unit rows ``[B, D]``.

        Raises:
            InputError: no links.
        """
        links = np.asarray(links)
        if len(links) == 0:
            raise InputError("labels spread from seed links, got none; give at least one")
        labels = self._labels(inputs, links, seed)
        device = labels.device
        some = None if rows is None else torch.from_numpy(rows).to(device)
        widths = self.widths(inputs) if widths is None else widths
        sizes = [widths[name] for name in inputs.names]
        count = inputs.num_entities if some is None else len(some)
        joint = torch.empty(count, sum(sizes), device=device, dtype=dtype)
        parts = dict(zip(inputs.names, joint.split(sizes, dim=1), strict=True))
        steps = None if inputs.neighbors is None else walk_steps(inputs.neighbors, self.config.hub_damping)
        for name, kept in parts.items():
            part = kept if dtype == torch.float32 else kept.new_empty(kept.shape, dtype=torch.float32)
            if name == STRUCTURE and steps is not None:
                walk_to_labels(steps, labels, hops=self.config.hops, seed=seed, out=part, rows=some)
            elif name == RELATION and inputs.heads is not None and inputs.tails is not None:
                relation_part(inputs.heads, inputs.tails, labels, seed=seed, out=part, rows=some)
            elif name == ATTRIBUTE and inputs.attributes is not None:
                attribute_part(inputs.attributes, labels, inputs.num_left, seed=seed, out=part, rows=some)
            else:
                self._own_part(name, inputs, steps, seed, part, some)
            self._weigh(name, part, kept)
        for block, _ in row_blocks(count, None, device):
            joint[block] = F.normalize(joint[block].float(), dim=1)
        return joint

    def _own_part(
        self, name: str, inputs: Incidence, steps: Tensor | None, seed: int, out: Tensor, rows: Tensor | None
    ) -> None:
        table, twice = inputs.tables[name], 1 if steps is None else 2
        widest = self._own_dim(name, table)
        fitting = [widest >> halved for halved in range(HALVINGS + 1)]
        dim = next(each for each in fitting if out.shape[1] - twice * each in (0, COLUMNS))
        own_part(
            table,
            steps,
            inputs.num_left,
            dim=dim,
            extended=out.shape[1] > twice * dim,
            neighbor_weight=self.config.neighbor_weight,
            purpose="" if name == IMAGE and dim == table.dim else f"{name} codes",
            seed=seed,
            out=out,
            rows=rows,
        )

    def _weigh(self, name: str, part: Tensor, out: Tensor) -> None:
        """Scale a part to its weight; written to ``out``, which may be the part itself."""
        for block, _ in row_blocks(len(part), None, part.device):
            rows = F.normalize(part[block], dim=1) if name == STRUCTURE else part[block]
            out[block] = rows * self.config.weight(name)

    def _labels(self, inputs: Incidence, links: IntArray, seed: int) -> Tensor:
        """One 1 per seed end, CSR ``[N, C]``: the label of its link."""
        count = min(self.config.num_labels, len(links))
        turns = -(-len(links) // count)
        generator = numpy_generator(seed, "labels")
        drawn = np.concatenate([generator.permutation(count) for _ in range(turns)])[: len(links)]
        matrices = (inputs.neighbors, inputs.heads, inputs.attributes)
        device = next((each.device for each in matrices if each is not None), torch.device("cpu"))
        keys = np.unique(np.concatenate([links[:, 0], links[:, 1] + inputs.num_left]) * count + np.tile(drawn, 2))
        rows, columns = (torch.from_numpy(each).to(device) for each in np.divmod(keys, count))
        ones = torch.ones(len(keys), device=device)
        return sparse_entries(rows, columns, ones, (inputs.num_entities, count))


def _some_lack(name: str, table: Table) -> bool:
    """Whether some but not all entities have an image."""
    return name == IMAGE and bool(table.observed.any()) and not bool(table.observed.all())


ENTRY = ModelEntry(PropagationConfig, Propagation, learner="propagated")
