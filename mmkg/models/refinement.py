"""Evidence of soft matches: the probable counterparts of an entity are evidence for those of its neighbours."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..compute.products import add_product
from ..data.tensors.incidence import Incidence
from ..data.tensors.sparse import (
    centred,
    column_sums,
    few_rows,
    random_projection,
    sparse_entries,
    sparse_rows,
    transposed,
    walk_steps,
)
from ..modalities import ATTRIBUTE, RELATION, STRUCTURE
from ..settings import Count, CountOrNone, Positive, Share, Weight, configuration
from ..typing import FloatArray, IntArray
from .label_parts import row_blocks
from .registry import REFINED as REFINED
from .registry import RULE_PARTS

MOST_VALUES, HALVINGS = 3 << 28, 2
BLOCK_VALUES, GPU_VALUES = 1 << 20, 1 << 26  # values that are passed along the triples at a time
BLOCK_COLUMNS = 64  # of labels that take a step at a time


@configuration
@dataclass(frozen=True)
class RefinementConfig:
    """How embeddings are refined by their own soft matches; nothing is trained.

    Args:
        weigh: what weighs the parts. ``validation``: the weights below or, with validation links, those that rank these
            links best. ``matches``: each modality of the embeddings and each part has a weight by which the matches of
            the round are most probable, see ``mmkg.matching.list_weights``; no link is read, and the weights below have
            no effect, except that there are no rules with a weight of 0. ``auto``: ``matches``, unless the first round
            of ``validation`` ranks the validation links better by more than the standard error; ``validation`` without
            such links, and for embeddings of more than 2 ** 29 values. Fewer than ten entities per weight are always
            weighed by ``validation``. Where no link is known and seed links were found, the matches weigh in any case.
        rounds: number of rounds; 0 = no refinement. A round that ranks the validation links worse, by more than the
            standard error, is the last, and the round before it is kept. Fewer than ten links do not tell.
        compare: whether embeddings are given a part that compares the neighbours of candidate pairs, see
            ``compare_neighbors``; not if validation links are ranked worse. At least 20 validation links weigh it; with
            fewer, or with ``weigh="matches"``, the matches of refined embeddings. Nothing is compared with neither, or
            without the modality ``relation``. ``None`` = where there are rounds.
        candidates: number of nearest entities of either side that an entity may be matched with.
        temperature: temperature of the transport that turns cosines into scores of matches in 0 to 1, see
            ``mmkg.matching.sinkhorn``. They are no probabilities: after a few iterations those of an entity need not
            sum to 1.
        iterations: iterations of that transport.
        least: matches with a lower score are dropped.
        hops: number of steps over which the structure part collects the matches of other entities, all with equal
            weight.
        hub_damping: as for ``PropagationConfig``.
        structure_dim, relation_dim, attribute_dim, rules_dim, values_dim: width of each part; the columns of rule
            evidence from triples, see ``rule_part``, belong to the modality ``relation``, from attribute values to
            ``value``. Compared neighbours have as many columns as rules from triples, of ``relation``, too.
        structure_weight, relation_weight, attribute_weight, rules_weight, values_weight: weight of each part, relative
            to the embeddings; with validation links, they stay if no others are better. With a weight of 0 there is no
            rule evidence, or none from values.

    Raises:
        UsageError: a value out of range.
    """

    weigh: Literal["auto", "matches", "validation"] = "auto"
    rounds: CountOrNone = 0
    compare: bool | None = None
    candidates: Count = 20
    temperature: Positive = 0.02
    iterations: Count = 15
    least: Share = 0.01
    hops: Count = 2
    hub_damping: Weight = 0.25
    structure_dim: Count = 1024
    relation_dim: Count = 512
    attribute_dim: Count = 512
    rules_dim: Count = 512
    values_dim: Count = 512
    structure_weight: Weight = 0.8
    relation_weight: Weight = 0.3
    attribute_weight: Weight = 0.5
    rules_weight: Weight = 0.5
    values_weight: Weight = 0.5

    @property
    def compares(self) -> bool:
        """Whether the neighbours of candidate pairs are compared."""
        return self.rounds > 0 if self.compare is None else self.compare

    def dim(self, modality: str) -> int:
        """Width of a modality's part by its name."""
        return int(vars(self)[f"{modality}_dim"])

    def narrowed(self, num_entities: int) -> "RefinementConfig":
        """With parts of half the width while they hold more than ``MOST_VALUES`` values, at most twice."""
        found = self
        for _ in range(HALVINGS):
            if num_entities * found.width <= MOST_VALUES:
                break
            dims: dict[str, Any] = {f"{name}_dim": found.dim(name) for name in (*REFINED, *RULE_PARTS)}
            found = replace(found, **{key: max(1, dim // 2) for key, dim in dims.items()})
        return found

    @property
    def width(self) -> int:
        """Width of all parts together."""
        return sum(self.dim(name) for name in (*REFINED, *RULE_PARTS))

    def weight(self, modality: str) -> float:
        """Weight of a modality's part by its name."""
        return float(vars(self)[f"{modality}_weight"])


def spread_matches(
    inputs: Incidence,
    left: IntArray,
    right: IntArray,
    scores: FloatArray,
    config: RefinementConfig | None = None,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> dict[str, Tensor]:
    """Evidence for each entity from the probable matches of other entities, modality by modality.

    Every right entity has a random code, scaled by its largest match score. The code of a left entity is the sum of the
    codes of its possible matches, weighted by their scores. Two entities get similar parts if

    - ``structure``: their neighbours match each other, and the neighbours of these, up to ``hops`` steps away;
    - ``relation``: they are joined to entities that match each other, the same way round, by relations whose heads
      and whose tails match each other: the code of each neighbour, multiplied elementwise by a code of the relation;
    - ``attribute``: they have attributes in common with entities that match each other.

    An entity's own code is in its structure part only if a walk of ``hops`` steps returns to it. Random codes are not
    exactly orthogonal: the cosine of two of them has standard deviation ``dim ** -0.5``.

    Args:
        inputs: of the task.
        left, right: the matches, int64 ``[P]`` each, rows of either graph counted from 0; no pair twice.
        scores: of the matches, in [0, 1], ``[P]``; seed links have 1.
        config: widths and damping.
        seed: random seed of the codes.
        dtype: of the result; it is computed in float32.

    Returns:
        Unit rows ``[N, dim]``, or zeros without evidence, per modality of ``inputs`` that is refined.

    Source:
        Label propagation of Mao et al., EMNLP 2022 (LightEA), with all entities as labels instead of the seeds; matches
        are weighted as by their probability in PARIS (Suchanek et al., VLDB 2012).
    """
    config = config or RefinementConfig()
    present = [matrix for matrix in (inputs.neighbors, inputs.heads, inputs.attributes) if matrix is not None]
    if not present:
        return {}
    device = present[0].device
    rows, cols = torch.from_numpy(left).to(device), torch.from_numpy(right).to(device)
    likely = torch.from_numpy(scores).to(device, torch.float32)
    labels = torch.empty(inputs.num_entities, config.structure_dim, device=device)
    left_labels, codes = labels.split([inputs.num_left, inputs.num_right])
    codes.copy_(random_projection(len(codes), codes.shape[1], seed, "entity codes", device))
    torch.mm(sparse_entries(rows, cols, likely, (len(left_labels), len(codes))), codes, out=left_labels)
    codes *= likely.new_zeros(len(codes)).scatter_reduce_(0, cols, likely, "amax")[:, None]
    return spread_labels(inputs, labels, config, seed=seed, dtype=dtype)


def spread_labels(
    inputs: Incidence, labels: Tensor, config: RefinementConfig, *, seed: int, dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """What the labels of other entities say of each entity, modality by modality, see ``spread_matches``.

    Args:
        inputs: of the task.
        labels: a vector per entity, ``[N, d]``, on the device of ``inputs``; written to.
        config: widths and damping.
        seed: random seed of the codes.
        dtype: of the result.
    """
    parts: dict[str, Tensor] = {}
    if inputs.triples is not None:
        parts[RELATION] = _by_triples(inputs, inputs.triples, labels, config, seed, dtype)
    if inputs.attributes is not None:
        parts[ATTRIBUTE] = _by_attributes(inputs, inputs.attributes, labels, config.attribute_dim, seed).to(dtype)
    if inputs.neighbors is not None:
        steps = walk_steps(inputs.neighbors, config.hub_damping)
        for start in range(0, labels.shape[1], BLOCK_COLUMNS):  # in place: the labels are not needed again
            columns = labels[:, start : start + BLOCK_COLUMNS]
            columns.copy_(steps @ columns.contiguous())
        parts[STRUCTURE] = _by_neighbors(steps, labels, config.hops, seed, dtype)
    return {name: parts[name] for name in REFINED if name in parts}


def _by_neighbors(steps: Tensor, reached: Tensor, hops: int, seed: int, dtype: torch.dtype) -> Tensor:
    """The structure part, from what one step reaches, ``[N, d]``."""
    out = torch.empty_like(reached, dtype=dtype)
    turns = [  # each hop in directions of its own, so that unlike hops do not compare
        random_projection(reached.shape[1], out.shape[1], seed, f"matches {hop} hops on", reached.device)
        for hop in range(1, hops)
    ]
    first = reached
    for hop, turned in enumerate(turns):
        onwards = torch.empty_like(reached) if hop < len(turns) - 1 else None
        for block, some in row_blocks(len(out), None, out.device):
            found = few_rows(steps, some) @ reached
            before = out[block].float() if hop else F.normalize(first[block], dim=1)
            total = before + F.normalize(_product(found, turned), dim=1)
            out[block] = F.normalize(total, dim=1) if onwards is None else total
            if onwards is not None:
                onwards[block] = found
        reached = reached if onwards is None else onwards
    if not turns:
        for block, _ in row_blocks(len(out), None, out.device):
            out[block] = F.normalize(first[block], dim=1)
    return out


def _by_triples(
    inputs: Incidence, triples: Tensor, labels: Tensor, config: RefinementConfig, seed: int, dtype: torch.dtype
) -> Tensor:
    """The relation part: sums over the triples of an entity, some triples at a time."""
    dim, count = config.relation_dim, len(labels)

    def turned(rows: Tensor, purpose: str) -> Tensor:
        return _product(rows, random_projection(rows.shape[1], dim, seed, purpose, rows.device))

    sides = (inputs.heads, inputs.tails)
    ends = torch.cat([F.normalize(transposed(side) @ labels, dim=1) for side in sides if side is not None], dim=1)
    # from tail to head, and from head to tail, in directions of their own
    relations = F.normalize(torch.cat([turned(ends, "in to out"), turned(ends, "out to in")]), dim=1) * dim**0.5
    head, relation, tail = triples
    to, order = torch.cat([head, tail]).sort(stable=True)
    source = torch.cat([tail, head])[order]
    by = torch.cat([relation, relation + len(ends)])[order]
    del order
    neighbors = turned(labels, "neighbors")
    neighbors *= torch.bincount(source, minlength=count).clamp(min=1).float().pow(-config.hub_damping)[:, None]
    counts = torch.bincount(to, minlength=count)
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    out = torch.zeros_like(neighbors, dtype=dtype)
    starts = torch.arange(0, len(to), max(1, (GPU_VALUES if out.is_cuda else BLOCK_VALUES) // dim), device=to.device)
    stops = torch.cat([starts[1:], starts.new_full((min(1, len(starts)),), len(to))])
    rows = zip(*(each.tolist() for each in (starts, stops, to[starts], to[stops - 1])), strict=True)
    cut, begun = -1, neighbors.new_zeros(dim)  # the row that the block before ended in, and its sum so far
    for start, stop, first, last in rows:
        passed = neighbors.index_select(0, source[start:stop])
        passed *= relations.index_select(0, by[start:stop])
        some = offsets[first : last + 2].clamp(start, stop) - start
        shape = last - first + 1, stop - start
        places = torch.arange(shape[1], device=some.device)
        sums = sparse_rows(some, places, passed.new_ones(shape[1]), shape) @ passed
        if first == cut:
            sums[0] += begun
        out[first : last + 1] = F.normalize(sums, dim=1)
        cut, begun = last, sums[-1].clone()
    return out


def _by_attributes(inputs: Incidence, bag: Tensor, labels: Tensor, dim: int, seed: int) -> Tensor:
    rarity = (len(labels) / column_sums(bag).clamp(min=1)).log()
    projection = random_projection(labels.shape[1], dim, seed, "attribute members", labels.device)
    members = transposed(bag)
    described = labels.new_empty(bag.shape[1], dim)
    for block, some in row_blocks(len(described), None, labels.device):
        described[block] = F.normalize(_product(few_rows(members, some) @ labels, projection), dim=1)
    return centred(bag @ described.mul_(rarity[:, None]), inputs.num_left)


def _product(rows: Tensor, projection: Tensor) -> Tensor:
    return add_product(rows.new_empty(len(rows), projection.shape[1]), rows, projection, beta=0)
