"""Evidence of soft matches: the probable counterparts of an entity are evidence for those of its neighbours."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.tensors.incidence import Incidence
from ..data.tensors.sparse import centred, column_sums, random_projection, sparse_entries, transposed, walk_steps
from ..modalities import ATTRIBUTE, RELATION, STRUCTURE
from ..settings import Count, CountOrNone, Positive, Share, Weight, configuration
from ..typing import FloatArray, IntArray
from .registry import REFINED as REFINED

BLOCK_VALUES = 1 << 25  # values that are passed along the triples at a time


@configuration
@dataclass(frozen=True)
class RefinementConfig:
    """How embeddings are refined by their own soft matches; nothing is trained.

    Args:
        rounds: number of rounds; 0 = no refinement. It stops at the first round that does not improve the validation
            MRR, and keeps the round before.
        candidates: number of nearest entities of either side that an entity may be matched with.
        temperature: temperature of the transport that turns cosines into probabilities, see
            ``mmkg.matching.sinkhorn``.
        iterations: iterations of that transport.
        least: matches with a lower probability are dropped.
        hops: number of steps over which the structure part collects the matches of other entities, all with equal
            weight.
        hub_damping: as for ``PropagationConfig``.
        structure_dim, relation_dim, attribute_dim: width of each part.
        structure_weight, relation_weight, attribute_weight: weight of each part, relative to the embeddings; with
            validation links, the search for weights starts here.

    Raises:
        UsageError: a value out of range.
    """

    rounds: CountOrNone = 0
    candidates: Count = 20
    temperature: Positive = 0.02
    iterations: Count = 15
    least: Share = 0.01
    hops: Count = 2
    hub_damping: Weight = 0.25
    structure_dim: Count = 1024
    relation_dim: Count = 512
    attribute_dim: Count = 512
    structure_weight: Weight = 0.8
    relation_weight: Weight = 0.3
    attribute_weight: Weight = 0.5

    def dim(self, modality: str) -> int:
        """Width of a modality's part by its name."""
        return int(vars(self)[f"{modality}_dim"])

    def weight(self, modality: str) -> float:
        """Weight of a modality's part by its name."""
        return float(vars(self)[f"{modality}_weight"])


def spread_matches(
    inputs: Incidence,
    left: IntArray,
    right: IntArray,
    probability: FloatArray,
    config: RefinementConfig | None = None,
    *,
    seed: int = 0,
) -> dict[str, Tensor]:
    """Evidence for each entity from the probable matches of other entities, modality by modality.

    Every right entity has a random code, scaled by its largest match probability. The code of a left entity is the mean
    of the codes of its possible matches, weighted by probability. Two entities get similar parts if

    - ``structure``: their neighbours match each other, and the neighbours of these, up to ``hops`` steps away;
    - ``relation``: they are joined to entities that match each other, the same way round, by relations whose heads
      and whose tails match each other: the code of each neighbour, multiplied elementwise by a code of the relation;
    - ``attribute``: they have attributes in common with entities that match each other.

    An entity's own code is in its structure part only if a walk of ``hops`` steps returns to it. Random codes are not
    exactly orthogonal: the cosine of two of them has standard deviation ``dim ** -0.5``.

    Args:
        inputs: of the task.
        left, right: the matches, int64 ``[P]`` each, rows of either graph counted from 0; no pair twice.
        probability: probability of each match, in [0, 1], ``[P]``; seed links have 1.
        config: widths and damping.
        seed: random seed of the codes.

    Returns:
        Unit rows ``[N, dim]``, or zeros without evidence, per modality of ``inputs`` that is refined.

    Source:
        Label propagation of Mao et al., EMNLP 2022 (LightEA), with all entities as labels instead of the seeds; matches
        are weighted by their probability as in PARIS (Suchanek et al., VLDB 2012).
    """
    config = config or RefinementConfig()
    present = [matrix for matrix in (inputs.neighbors, inputs.heads, inputs.attributes) if matrix is not None]
    if not present:
        return {}
    device = present[0].device
    rows, cols = torch.from_numpy(left).to(device), torch.from_numpy(right).to(device)
    likely = torch.from_numpy(probability).to(device, torch.float32)
    count = inputs.num_entities - inputs.num_left
    codes = random_projection(count, config.structure_dim, seed, "entity codes", device)
    certain = likely.new_zeros(count).scatter_reduce_(0, cols, likely, "amax")
    matches = sparse_entries(rows, cols, likely, (inputs.num_left, count))
    labels = torch.cat([matches @ codes, codes * certain[:, None]])
    parts: dict[str, Tensor] = {}
    if inputs.neighbors is not None:
        parts[STRUCTURE] = _by_neighbors(walk_steps(inputs.neighbors, config.hub_damping), labels, config.hops, seed)
    if inputs.triples is not None:
        parts[RELATION] = _by_triples(inputs, inputs.triples, labels, config, seed)
    if inputs.attributes is not None:
        parts[ATTRIBUTE] = _by_attributes(inputs, inputs.attributes, labels, config.attribute_dim, seed)
    return parts


def _by_neighbors(steps: Tensor, labels: Tensor, hops: int, seed: int) -> Tensor:
    reached = steps @ labels
    out = F.normalize(reached, dim=1)
    for hop in range(1, hops):  # in directions of its own, so that unlike hops do not compare
        reached = steps @ reached
        turned = random_projection(reached.shape[1], out.shape[1], seed, f"matches {hop} hops on", labels.device)
        out += F.normalize(reached @ turned, dim=1)
    return F.normalize(out, dim=1, out=out)


def _by_triples(inputs: Incidence, triples: Tensor, labels: Tensor, config: RefinementConfig, seed: int) -> Tensor:
    dim, count = config.relation_dim, len(labels)

    def turned(rows: Tensor, purpose: str) -> Tensor:
        return rows @ random_projection(rows.shape[1], dim, seed, purpose, rows.device)

    sides = (inputs.heads, inputs.tails)
    ends = torch.cat([F.normalize(transposed(side) @ labels, dim=1) for side in sides if side is not None], dim=1)
    # from tail to head, and from head to tail, in directions of their own
    relations = F.normalize(torch.cat([turned(ends, "in to out"), turned(ends, "out to in")]), dim=1) * dim**0.5
    neighbors = turned(labels, "neighbors")
    head, relation, tail = triples
    to, source = torch.cat([head, tail]), torch.cat([tail, head])
    by = torch.cat([relation, relation + len(ends)])
    shares = torch.bincount(source, minlength=count)[source].float().pow(-config.hub_damping)
    arriving = sparse_entries(to, torch.arange(len(to), device=to.device), shares, (count, len(to)))
    out = torch.empty_like(neighbors)
    step = max(1, BLOCK_VALUES // max(len(to), 1))
    for start in range(0, dim, step):
        few = slice(start, start + step)
        out[:, few] = arriving @ (neighbors[:, few][source] * relations[:, few][by])
    return F.normalize(out, dim=1, out=out)


def _by_attributes(inputs: Incidence, bag: Tensor, labels: Tensor, dim: int, seed: int) -> Tensor:
    rarity = (len(labels) / column_sums(bag).clamp(min=1)).log()[:, None]
    projection = random_projection(labels.shape[1], dim, seed, "attribute members", labels.device)
    described = F.normalize(transposed(bag) @ (labels @ projection), dim=1)
    return centred(bag @ (described * rarity), inputs.num_left)
