"""Pairs of entities compared by their neighbours: how well those of one are found among those of the other."""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..compute.products import add_product
from ..data.tensors.sparse import centred, random_projection
from ..typing import IntArray
from .rules import MOST_WEIGHT, RARITY, Facts

MOST_NEIGHBORS = 24  # of an entity that are compared, the rarest ones
SKETCH = 256  # columns of the vectors that are compared
RELATION_SKETCH = 64
BLOCK_PAIRS, BLOCK_ROWS = 256, 4096
COMPARED = ("neighbors, left", "neighbors, right", "facts, left", "facts, right", "rules, left", "rules, right")


class Surroundings(NamedTuple):
    """The rarest facts of each entity of a graph, at most A of them, ``[n, A]`` each.

    Args:
        other: the neighbour.
        relation: of the fact, see ``Facts``.
        entities: number of entities of which the same relation to the same neighbour holds.
        weight: of the fact, larger the fewer facts its neighbour has and the fewer entities share it; 0 = no fact.
    """

    other: Tensor
    relation: Tensor
    entities: Tensor
    weight: Tensor

    @staticmethod
    def of(facts: Facts, most: int = MOST_NEIGHBORS) -> "Surroundings":
        """The facts with the largest weights of each entity."""
        number = np.bincount(facts.entity, minlength=facts.num_entities)
        weight = number[facts.other] ** -0.5 * facts.entities**-0.25
        order = np.lexsort((-weight, facts.entity))
        place = np.arange(len(order)) - (np.cumsum(number) - number)[facts.entity[order]]
        kept, place = order[place < most], place[place < most]
        shape = facts.num_entities, min(most, max(int(number.max(initial=0)), 1))

        def table(values: IntArray, dtype: torch.dtype) -> Tensor:
            found = torch.zeros(shape, dtype=dtype)
            found[torch.from_numpy(facts.entity[kept]), torch.from_numpy(place)] = torch.from_numpy(values[kept]).to(
                dtype
            )
            return found

        return Surroundings(
            table(facts.other, torch.int64),
            table(facts.relation, torch.int64),
            table(facts.entities, torch.float32).clamp(min=1),
            table(weight, torch.float32),
        )

    def take(self, rows: Tensor, most: int) -> "Surroundings":
        """The first facts of some entities, ``[R, most]``, one at least."""
        return Surroundings(*(column[:, : max(most, 1)][rows] for column in self))


@torch.no_grad()
def compare_neighbors(
    facts: tuple[Facts, Facts],
    vectors: tuple[Tensor, Tensor],
    links: IntArray,
    left: IntArray,
    right: IntArray,
    *,
    seed: int = 0,
) -> Tensor:
    """How well the neighbours of two entities are found among each other, for pairs of entities.

    Two neighbours are alike by the cosine s of their embeddings, at least 0, or by 1 and 0 if one of them is in a known
    link. Their relations are alike by the cosine c of what these join: the mean embeddings of the entities at both
    ends; 0 if one leads to its neighbour and the other one comes from it. A fact i of the left entity then is found
    with max_j s_ij², with its relation max_j (s_ij c_ij)², where j is any fact of the right entity; a weighted mean of
    it over i is a score of the pair, and likewise the other way round. The scores of rules are noisy-or evidence as in
    ``Rules``, with s³ c² in place of the probabilities, the strongest of each fact.

    A pair is judged by its two entities and their neighbours alone. No entity is matched: the neighbours of one
    candidate do not compete with those of another.

    Args:
        facts: of either graph.
        vectors: embeddings of all entities of either graph, ``[n1, D]`` and ``[n2, D]``; left untouched.
        links: known links, int64 ``[L, 2]``.
        left, right: rows of the pairs, int64 ``[P]`` each.
        seed: random seed of the sketches that are compared.

    Returns:
        The scores ``COMPARED``, >= 0, float32 ``[P, 6]``, on the device of the vectors; 0 without neighbours.

    Source:
        Comparing neighbours of a pair: Xu et al., ACL 2019 (graph matching networks); the largest similarity of each
        neighbour: Tang et al., IJCAI 2020 (BERT-INT), Sec. 3.3. Here nothing of it is trained.
    """
    device, sizes = vectors[0].device, [len(side) for side in vectors]
    out = torch.zeros(len(left), len(COMPARED), device=device)
    if not min(side.num_relations for side in facts):
        return out
    sketches = _sketched(vectors, seed)
    relations = [_described(side, vectors, seed) for side, vectors in zip(facts, sketches, strict=True)]
    around = [Surroundings(*(column.to(device) for column in Surroundings.of(side))) for side in facts]
    known = [torch.full((size,), -1, device=device) for size in sizes]
    for side, ends in zip(known, links.T, strict=True):
        side[torch.from_numpy(np.ascontiguousarray(ends)).to(device)] = torch.arange(len(links), device=device)
    number = [(side.weight > 0).sum(dim=1) for side in around]
    pairs = [torch.from_numpy(side).to(device) for side in (left, right)]
    most = [each[some] for each, some in zip(number, pairs, strict=True)]
    order = (most[0] * (MOST_NEIGHBORS + 1) + most[1]).argsort()  # so that pairs of a block have as many facts
    for start in range(0, len(order), BLOCK_PAIRS):
        block = order[start : start + BLOCK_PAIRS]
        mine, theirs = (
            each.take(some[block], int(own[block].max())) for each, some, own in zip(around, pairs, most, strict=True)
        )
        alike = torch.bmm(sketches[0][mine.other], sketches[1][theirs.other].transpose(1, 2))
        ends = known[0][mine.other][:, :, None], known[1][theirs.other][:, None]
        alike = torch.where(torch.maximum(*ends) >= 0, (ends[0] == ends[1]).float(), alike.clamp_(min=0))
        alike *= (mine.weight > 0)[:, :, None] & (theirs.weight > 0)[:, None]
        joined = torch.bmm(relations[0][mine.relation], relations[1][theirs.relation].transpose(1, 2)).clamp_(min=0)
        outwards = [side.relation < each.num_relations for side, each in zip((mine, theirs), facts, strict=True)]
        joined *= outwards[0][:, :, None] == outwards[1][:, None]
        out[block] = torch.stack(_scores(mine, theirs, alike, joined), dim=1)
    return out


def _scores(mine: Surroundings, theirs: Surroundings, alike: Tensor, joined: Tensor) -> list[Tensor]:
    """The scores of B pairs, ``[B]`` each, from the likeness of their neighbours and of relations, ``[B, A, A']``."""
    found = []
    for each in (alike, alike * joined):
        for side, dim in ((mine, 2), (theirs, 1)):
            total = side.weight.sum(dim=1).clamp(min=1e-9)
            found.append((side.weight * each.amax(dim=dim).square()).sum(dim=1) / total)
    likely = alike**3 * joined.square()
    weights = (likely / side**RARITY for side in (mine.entities[:, :, None], theirs.entities[:, None]))
    evidence = sum(-torch.log1p(-weight.clamp(max=MOST_WEIGHT)) for weight in weights)
    assert isinstance(evidence, Tensor)
    return [*found, evidence.amax(dim=2).sum(dim=1), evidence.amax(dim=1).sum(dim=1)]


def _sketched(vectors: tuple[Tensor, Tensor], seed: int) -> tuple[Tensor, Tensor]:
    """Unit rows of at most ``SKETCH`` columns, less the mean of their graph; zeros stay."""
    number, width = [len(side) for side in vectors], vectors[0].shape[1]
    if width <= SKETCH:
        rows = torch.cat([side.float() for side in vectors])
    else:
        projection = random_projection(width, SKETCH, seed, "compared vectors", vectors[0].device)
        rows = torch.empty(sum(number), SKETCH, device=vectors[0].device)
        for out, side in zip(rows.split(number), vectors, strict=True):
            for start in range(0, len(side), BLOCK_ROWS):
                block = slice(start, start + BLOCK_ROWS)
                add_product(out[block], side[block].float(), projection, beta=0)
    left, right = centred(rows, number[0]).split(number)
    return left, right


def _described(facts: Facts, vectors: Tensor, seed: int) -> Tensor:
    """The mean vectors of both ends of each relation and its inverse, projected, as unit rows ``[2 R, d]``."""
    rows = vectors
    if rows.shape[1] > RELATION_SKETCH:
        rows = rows @ random_projection(rows.shape[1], RELATION_SKETCH, seed, "compared relations", rows.device)
    relation = torch.from_numpy(facts.relation).to(vectors.device)
    ends = []
    for side in (facts.other, facts.entity):
        sums = torch.zeros(2 * facts.num_relations, rows.shape[1], device=vectors.device)
        sums.index_add_(0, relation, rows[torch.from_numpy(side).to(vectors.device)])
        ends.append(F.normalize(sums, dim=1))
    return F.normalize(torch.cat(ends, dim=1), dim=1)
