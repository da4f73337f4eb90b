"""Scores on validation links, the only links on which anything is chosen."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..compute.seeding import numpy_generator
from ..config.search import SearchConfig
from ..data.entities import EntityTable
from ..data.literals import pool_of
from ..data.split import sample_links
from ..data.task import AlignmentTask
from ..data.tensors.inputs import EntityInputs
from ..evaluation import choose_weights, evaluate_sample
from ..evaluation.reweigh import GRID, LinkScores, best_weights
from ..models import AlignmentModel
from ..training.bootstrap import Judge
from ..typing import BoolArray, IntArray

MOST_WEIGHED = 10_000  # largest number of candidates of either side when weights of parts are chosen


def judge_of(task: AlignmentTask, config: SearchConfig, *, seed: int, device: torch.device) -> Judge:
    """Like ``validator``, for embeddings of all entities."""
    chosen, pairs = validation(task, config, seed=seed)
    known = known_among(task, chosen)
    lefts, rights = (torch.from_numpy(rows) for rows in chosen)

    def judge(left: Tensor, right: Tensor) -> float:
        rows = left.index_select(0, lefts.to(left.device)), right.index_select(0, rights.to(right.device))
        return _valid_mrr(*rows, pairs, known, device)

    return judge


def _valid_mrr(left: Tensor, right: Tensor, pairs: IntArray, known: IntArray, device: torch.device) -> float:
    metrics = evaluate_sample(left, right, pairs, pairs, candidates="all", csls_k=0, device=device, known=known)
    return (metrics["left_to_right"]["mrr"] + metrics["right_to_left"]["mrr"]) / 2


def validator(
    task: AlignmentTask, inputs: EntityInputs, config: SearchConfig | None = None, *, seed: int = 0
) -> Callable[[AlignmentModel], float]:
    """Score of a model on the validation links: mean MRR of both directions, by cosine.

    Candidates are all entities outside the training links, with or without a counterpart, so no test link is read.
    From more links than ``valid_queries``, or more candidates than ``valid_candidates``, a seeded sample is drawn once;
    only its entities are embedded.
    """
    chosen, pairs = validation(task, config or SearchConfig(), seed=seed)
    known = known_among(task, chosen)
    rows = torch.from_numpy(np.concatenate([chosen[0], chosen[1] + inputs.num_left]))

    def validate(model: AlignmentModel) -> float:
        left, right = model.embed(inputs, rows=rows).split([len(chosen[0]), len(chosen[1])])
        return _valid_mrr(left, right, pairs, known, next(model.parameters()).device)

    return validate


def validation(task: AlignmentTask, config: SearchConfig, *, seed: int) -> tuple[list[IntArray], IntArray]:
    """Rows of the candidates of either side, and the validation links as positions in these rows."""
    links = sample_links(task.links.valid, config.valid_queries, seed=seed, label="validation links")
    chosen = []
    for side, free in enumerate(free_entities(task)):
        most = config.valid_candidates
        if most and int(free.sum()) > most:
            free[links[:, side]] = False
            others = numpy_generator(seed, f"validation candidates {side}").permutation(np.flatnonzero(free))
            free[:] = False
            free[links[:, side]] = True
            free[others[: max(0, most - int(free.sum()))]] = True
        chosen.append(np.flatnonzero(free))
    return chosen, np.stack([np.searchsorted(chosen[side], links[:, side]) for side in (0, 1)], axis=1)


def known_among(task: AlignmentTask, chosen: list[IntArray]) -> IntArray:
    """The validation links between candidates, ranked or not, as positions in the rows ``chosen`` of either side.

    An entity with several counterparts is ranked with each of them, and the others are no competitors.
    """
    links = task.links.valid
    inside = np.isin(links[:, 0], chosen[0]) & np.isin(links[:, 1], chosen[1])
    return np.stack([np.searchsorted(chosen[side], links[inside, side]) for side in (0, 1)], axis=1)


def free_entities(task: AlignmentTask) -> list[BoolArray]:
    """Which entities of each side may be matched: in no training link, no context and no literal, see ``pool_of``.

    Entities of ``task.alone`` are left out, too.
    """
    free = []
    pool = pool_of(EntityTable.of(task.left), EntityTable.of(task.right), task.links.all())
    for graph, rows in zip((task.left, task.right), pool.matched, strict=True):
        there = np.ones(graph.num_entities, bool)
        if rows is not None:
            there[:] = False
            there[rows] = True
        free.append(there)
    for side, there in enumerate(free):
        there[task.links.train[:, side]] = False
        there[task.alone[task.alone[:, 0] == side, 1]] = False
    return free


def capped(task: AlignmentTask, config: SearchConfig) -> bool:
    """Whether validation links are ranked among a sample of the candidates."""
    return 0 < config.valid_candidates < max(int(free.sum()) for free in free_entities(task))


class ValidationScores:
    """Scores of the validation links, part by part, from which any weights of the parts are judged.

    A part is scored once, however many weights are tried, and stays when other parts are replaced.

    Args:
        task: with validation links.
        config: number of links and candidates.
        seed: random seed of the samples.
    """

    def __init__(self, task: AlignmentTask, config: SearchConfig, *, seed: int) -> None:
        chosen, pairs = validation(task, config, seed=seed)
        known, positions = known_among(task, chosen), torch.from_numpy(pairs)
        self.pools = [torch.from_numpy(rows) for rows in chosen]
        self.ends = [pool[positions[:, side]] for side, pool in enumerate(self.pools)]
        self.directions = LinkScores(positions, known), LinkScores(positions.flip(1), known[:, ::-1])
        few, _ = validation(task, replace(config, valid_candidates=MOST_WEIGHED), seed=seed)
        self.few = [
            np.searchsorted(rows, some) if len(some) < len(rows) else None
            for rows, some in zip(chosen, few, strict=True)
        ]

    def add(self, name: str, left: Tensor, right: Tensor) -> None:
        """Score a part, with a unit row or zeros per entity, ``[n1, d]`` and ``[n2, d]``; replaces one of that name."""
        sides = (left, right)
        for direction, (queries, candidates) in zip(self.directions, ((0, 1), (1, 0)), strict=True):
            rows = self.ends[queries].to(left.device)
            direction.add(name, sides[queries][rows], sides[candidates], pool=self.pools[candidates])

    def keep(self, *names: str) -> None:
        """Forget the scores of all other parts, which take much memory and will be replaced."""
        for direction in self.directions:
            direction.keep(*names)

    def ranks(self, weights: Mapping[str, float]) -> Tensor:
        """Reciprocal rank of each link, the mean of both directions, ``[L]``; by the weighted concatenation."""
        there, back = (each.reciprocal_ranks(weights) for each in self.directions)
        return (there + back) / 2

    def weights(self, start: Mapping[str, float]) -> dict[str, float]:
        """Weights that rank the links best, as ``weights_of`` chooses them, but none of them 0.

        A refinement without its base fits the validation links better for a round, and gains nothing from then on.
        """
        pools = (self.few[1], self.few[0])
        pairs = zip(self.directions, pools, strict=True)
        return best_weights([each if few is None else each.among(few) for each, few in pairs], start, grid=GRID[1:])


def weights_of(
    task: AlignmentTask,
    config: SearchConfig,
    left: Mapping[str, Tensor],
    right: Mapping[str, Tensor],
    *,
    start: Mapping[str, float],
    seed: int,
) -> dict[str, float]:
    """Weights of parts that rank the validation links best, with at most ``MOST_WEIGHED`` candidates of either side.

    Args:
        task: with validation links.
        config: number of links and candidates.
        left: parts by name, ``[n1, d]``, zeros for an entity without the part; rows are scaled to unit length.
        right: the same for the right graph.
        start: weights that are kept if no others are better.
        seed: random seed of the samples.
    """
    chosen, pairs = validation(task, replace(config, valid_candidates=MOST_WEIGHED), seed=seed)
    lefts, rights = (
        {name: F.normalize(part[torch.from_numpy(rows)].float(), dim=1) for name, part in side.items()}
        for side, rows in zip((left, right), chosen, strict=True)
    )
    return choose_weights(lefts, rights, pairs, start=start, known=known_among(task, chosen))
