"""Seed links without any known link: pairs of entities with similar names or images."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..compute.host import isolated
from ..compute.seeding import numpy_generator
from ..data.entities import EntityTable
from ..data.features.build import build_inputs
from ..data.features.config import FeatureConfig
from ..data.features.registry import FEATURES
from ..data.links.decided import has_end
from ..data.literals import pool_of
from ..data.split import VALID_RATIO, split_links
from ..data.task import AlignmentTask, LinkSplit
from ..data.tensors.tables import Table
from ..errors import InputError, UsageError
from ..matching import MATCHERS, among, is_in
from ..settings import names_in
from ..typing import IntArray

WIDTH = 1024  # width of the random projection of sparse rows, which changes a cosine by about 0.03
BLOCK_ROWS = 4096


@isolated
def pivot_links(
    task: AlignmentTask,
    modalities: str | Sequence[str],
    features: FeatureConfig | None = None,
    *,
    share: float = 0.5,
    valid_ratio: float | None = None,
    csls_k: int = 3,
    seed: int = 0,
    device: str | torch.device = "auto",
) -> LinkSplit:
    """Seed links from names, texts, images, or several of these; the links of the task are not used.

    They are mutual nearest neighbours by CSLS of the modalities' vectors, which are concatenated with equal weight; the
    pairs with the highest scores become links. None is a pair of ``task.never`` or has an entity of ``task.alone``.
    Equal literal nodes, see ``pool_of``, are training links, too.

    Args:
        task: the pair.
        modalities: ``name``, ``text``, ``image`` or several.
        features: how entities become vectors; its field ``modalities`` is ignored.
        share: share of the mutual pairs that become links, in (0, 1].
        valid_ratio: share of the links held out for selection; these are guesses like the others. ``None`` = 0.1.
        csls_k: neighbourhood size of CSLS.
        seed: random seed of the projection and of the split.
        device: where to search.

    Returns:
        Training and validation links; no test links.

    Raises:
        UsageError: another modality, one that the pair does not have, or a share out of range.
        InputError: no pair was found.

    Source:
        Liu et al., AAAI 2021 (EVA), Sec. 3.4: the visual pivot; there the pairs are taken greedily.
    """
    modalities = names_in(modalities, "seeds_from")
    known = [name for name, modality in FEATURES.items() if modality.gives_seeds]
    if not modalities or not set(modalities) <= set(known):
        raise UsageError(f"seed links can come from {', '.join(known)}, not from {', '.join(modalities) or 'nothing'}")
    if not 0 < share <= 1:
        raise UsageError(f"pivot_share must be in (0, 1], got {share}")
    inputs = build_inputs(task, replace(features or FeatureConfig(), modalities=tuple(modalities)), seed=seed)
    rows = torch.cat([_vectors(inputs.tables[name], name, inputs.num_entities, seed) for name in modalities], dim=1)
    sides = rows.split([inputs.num_left, inputs.num_right])
    pool = pool_of(EntityTable.of(task.left), EntityTable.of(task.right), np.empty((0, 2), np.int64))
    there = [side.any(dim=1).nonzero()[:, 0] for side in sides]
    there = [
        rows if some is None else rows[torch.isin(rows, torch.from_numpy(some))]
        for rows, some in zip(there, pool.matched, strict=True)
    ]
    alone = [torch.from_numpy(task.alone[task.alone[:, 0] == side, 1]) for side in (0, 1)]
    there = [rows[~torch.isin(rows, some)] for rows, some in zip(there, alone, strict=True)]
    if min(len(each) for each in there) == 0:
        raise InputError(f"no entity of one graph has {' or '.join(modalities)}; give seed links")
    never = among(task.never, *(rows.numpy() for rows in there))
    found = MATCHERS["mutual"](sides[0][there[0]], sides[1][there[1]], csls_k=csls_k, device=device, never=never)
    kept = np.sort(np.argsort(-found.score, kind="stable")[: max(1, round(share * len(found.score)))])
    if len(found.score) == 0:
        raise InputError(f"no two entities are each other's nearest by {' and '.join(modalities)}; give seed links")
    pairs = [there[side].numpy()[each[kept]] for side, each in enumerate((found.left, found.right))]
    valid_ratio = VALID_RATIO if valid_ratio is None else valid_ratio
    links = split_links(np.stack(pairs, axis=1), train_ratio=1.0, valid_ratio=valid_ratio, seed=seed)
    exact = pool.exact[~is_in(pool.exact, task.never) & ~has_end(pool.exact, task.alone)]
    return LinkSplit(np.concatenate([links.train, exact]), links.valid, np.empty((0, 2), np.int64))


def joined(given: LinkSplit, seeds: LinkSplit) -> LinkSplit:
    """Given links and seed links to learn from, without test links.

    A seed link with an entity of a given link is left out. Where links are given, they alone validate; else some of the
    seed links do.

    Args:
        given: known links.
        seeds: from ``pivot_links``.
    """
    if len(given.train) + len(given.valid) == 0:
        return seeds
    known, found = given.all()[: len(given.train) + len(given.valid)], seeds.all()
    free = ~(np.isin(found[:, 0], known[:, 0]) | np.isin(found[:, 1], known[:, 1]))
    return LinkSplit(np.concatenate([given.train, found[free]]), given.valid, given.test[:0])


def with_accepted(seeds: LinkSplit, accepted: IntArray) -> LinkSplit:
    """Seed links and pairs that people accepted, which are training links; a seed link with their entities is left out.

    Args:
        seeds: from ``pivot_links``.
        accepted: int64 ``[A, 2]``.
    """
    train, valid = (
        part[~(np.isin(part[:, 0], accepted[:, 0]) | np.isin(part[:, 1], accepted[:, 1]))]
        for part in (seeds.train, seeds.valid)
    )
    return LinkSplit(np.concatenate([accepted, train]), valid, seeds.test)


def _vectors(table: Table, name: str, size: int, seed: int) -> Tensor:
    """Unit rows of all entities, ``[N, d]``, zeros for a missing vector; sparse rows are projected at random."""
    blocks = []
    projection = None
    for rows in torch.arange(size).split(BLOCK_ROWS):
        values = table.take(rows)
        if values.layout == torch.strided:
            blocks.append(F.normalize(values[:, 0], dim=1))
            continue
        if projection is None:
            drawn = numpy_generator(seed, f"pivot {name}").standard_normal((table.dim, WIDTH), dtype=np.float32)
            projection = torch.from_numpy(drawn)
        blocks.append(F.normalize(values @ projection, dim=1))
    return torch.cat(blocks)
