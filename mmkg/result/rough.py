"""Whether the parts of the embeddings find the matches of a run by themselves."""

from typing import TYPE_CHECKING

import numpy as np

from ..compute.seeding import numpy_generator
from ..typing import FloatArray, IntArray
from .embeddings import Embeddings

if TYPE_CHECKING:
    from torch import Tensor

GRAPH = ("structure", "relation")  # one part of the modalities; all others are the other part
CANDIDATES = 5000  # right entities among which a part looks for a match


def agreement(embeddings: Embeddings, pairs: IntArray, *, seed: int) -> float | None:
    """Share of matches that structure and relations alone find, and of those that the other modalities alone find.

    A part finds a match if no candidate has a higher cosine to the left entity. Candidates are the right entities of
    all pairs and a sample of the others, at most 5,000.

    Args:
        embeddings: of both graphs.
        pairs: matches, int64 ``[P, 2]``, P >= 1.
        seed: random seed of the sample.

    Returns:
        The mean of both shares, in [0, 1]; ``None`` if the embeddings have one of the two parts only.
    """
    starts = dict(zip(embeddings.widths, np.cumsum([0, *embeddings.widths.values()]).tolist(), strict=False))
    columns: tuple[list[IntArray], list[IntArray]] = ([], [])
    for name, width in embeddings.widths.items():
        columns[name in GRAPH].append(np.arange(starts[name], starts[name] + width))
    if not all(columns):
        return None
    candidates = embeddings.rows("right")
    if len(candidates) > CANDIDATES:
        drawn = numpy_generator(seed, "candidates of parts").choice(candidates, CANDIDATES, replace=False)
        candidates = np.union1d(drawn, pairs[:, 1])
    else:
        candidates = np.union1d(candidates, pairs[:, 1])
    answers = np.searchsorted(candidates, pairs[:, 1])
    found = [
        _found(_part(embeddings.left, pairs[:, 0], part), _part(embeddings.right, candidates, part), answers)
        for part in map(np.concatenate, columns)
    ]
    return float(np.mean(found))


def _part(rows: FloatArray, chosen: IntArray, columns: IntArray) -> "Tensor":
    """Some columns of some rows, of unit length, zeros for an entity without them."""
    import torch

    block = torch.from_numpy(rows[chosen][:, columns].astype(np.float32, copy=False))
    return torch.nn.functional.normalize(block, dim=1)


def _found(left: "Tensor", right: "Tensor", answers: IntArray) -> float:
    """Share of left rows, ``[P, d]``, whose best right row is the answer; a row of zeros finds nothing."""
    best = (left @ right.T).argmax(dim=1).numpy()
    return float(np.mean((best == answers) & left.any(dim=1).numpy()))
