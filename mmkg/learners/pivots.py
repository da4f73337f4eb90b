"""Seed links without any given link: pairs of entities that look or are called alike."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..compute.seeding import numpy_generator
from ..data.features.build import build_inputs
from ..data.features.config import FeatureConfig
from ..data.split import split_links
from ..data.task import AlignmentTask, LinkSplit
from ..data.tensors.tables import Table
from ..errors import InputError, UsageError
from ..matching import MATCHERS
from ..modalities import IMAGE, NAME, TEXT

PIVOTS = (NAME, TEXT, IMAGE)
WIDTH = 1024  # of a random projection of sparse rows, which moves a cosine by about 0.03
BLOCK_ROWS = 4096


def pivot_links(
    task: AlignmentTask,
    modalities: Sequence[str],
    features: FeatureConfig | None = None,
    *,
    share: float = 0.5,
    valid_ratio: float = 0.1,
    csls_k: int = 3,
    seed: int = 0,
    device: str | torch.device = "auto",
) -> LinkSplit:
    """Links to learn from that are read off names, images, or both; the links of the task are not looked at.

    Mutual nearest neighbours by CSLS over the modality's own vectors, those of both modalities side by side with
    equal weight; of these, the ones with the highest scores.

    Args:
        task: the pair.
        modalities: ``name``, ``text``, ``image`` or several.
        features: how entities become vectors; its own modalities are not read.
        share: of the mutual pairs that become links, in (0, 1].
        valid_ratio: share of the links held out for selection; they are guesses as much as the others.
        csls_k: neighbourhood of CSLS.
        seed: of the projection and of what is held out.
        device: where to search.

    Returns:
        Training and validation links; no test links.

    Raises:
        UsageError: another modality, one that the pair does not have, or a share out of range.
        InputError: no pair was found.

    Source:
        Liu et al., AAAI 2021 (EVA), Sec. 3.4: the visual pivot; there the pairs are taken greedily.
    """
    if not modalities or not set(modalities) <= set(PIVOTS):
        raise UsageError(f"links can be read off {', '.join(PIVOTS)}, not off {', '.join(modalities) or 'nothing'}")
    if not 0 < share <= 1:
        raise UsageError(f"pivot_share must be in (0, 1], got {share}")
    inputs = build_inputs(task, replace(features or FeatureConfig(), modalities=tuple(modalities)), seed=seed)
    rows = torch.cat([_vectors(inputs.tables[name], name, inputs.num_entities, seed) for name in modalities], dim=1)
    sides = rows.split([inputs.num_left, inputs.num_right])
    there = [side.any(dim=1).nonzero()[:, 0] for side in sides]
    if min(len(each) for each in there) == 0:
        raise InputError(f"no entity of one graph has {' or '.join(modalities)}; give seed links")
    found = MATCHERS["mutual"](sides[0][there[0]], sides[1][there[1]], csls_k=csls_k, device=device)
    kept = np.sort(np.argsort(-found.score, kind="stable")[: max(1, round(share * len(found.score)))])
    if len(found.score) == 0:
        raise InputError(f"no two entities are each other's nearest by {' and '.join(modalities)}; give seed links")
    pairs = [there[side].numpy()[each[kept]] for side, each in enumerate((found.left, found.right))]
    links = split_links(np.stack(pairs, axis=1), train_ratio=1.0, valid_ratio=valid_ratio, seed=seed)
    return LinkSplit(links.train, links.valid, np.empty((0, 2), np.int64))


def _vectors(table: Table, name: str, size: int, seed: int) -> Tensor:
    """Unit rows of all entities, sparse ones projected at random, ``[N, d]``; zeros where there is nothing."""
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
