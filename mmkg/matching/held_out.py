"""Held-out links: how their entities answer, with their counterpart among the candidates and without it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..records import Record
from ..search.neighbors import Neighbors
from ..typing import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from .candidates import Means

Nearest = Callable[[IntArray, int, str], Neighbors]  # rows of a side, k, side -> the k best rows of the other side
LISTED = 10  # candidates of a held-out entity, its counterpart included
LARGEST_MARGIN = 8.0  # CSLS is in [-4, 4]; also the margin of a pair without a competitor


def pair_margins(pairs: IntArray, scores: FloatArray, nearest: Nearest) -> FloatArray:
    """Margin of each pair: its score minus the best competing score of its left and of its right entity.

    The margin of mutual nearest neighbours is above 0. An entity without a counterpart has a nearest neighbour too,
    but this neighbour is usually nearer to another entity, so that the margin is below 0 even if the score is high.

    Args:
        pairs: left and right rows, int64 ``[P, 2]``.
        scores: scores of the pairs, ``[P]``, by the same measure as ``nearest``.
        nearest: returns the k best candidates of some entities of a side.

    Returns:
        Margins, float32 ``[P]``, in [-8, 8].
    """
    margins = np.full(len(pairs), LARGEST_MARGIN, np.float32)
    for column, side in enumerate(("left", "right")):
        rows, places = np.unique(pairs[:, column], return_inverse=True)
        if len(rows):
            tops = nearest(rows, 2, side)
            margins = np.minimum(margins, scores - rival_scores(tops, places, pairs[:, 1 - column]))
    clipped: FloatArray = np.clip(margins, -LARGEST_MARGIN, LARGEST_MARGIN).astype(np.float32)
    return clipped


def rival_scores(tops: Neighbors, places: IntArray, partners: IntArray) -> FloatArray:
    """Best score of an entity with a candidate other than its partner, ``[P]``; -inf without such a candidate.

    Args:
        tops: the two best candidates of each entity, ``[Q, 2]``.
        places: row of ``tops`` for each pair, ``[P]``.
        partners: the candidate to leave out, ``[P]``.
    """
    first = tops.ids[places, 0] == partners
    scores: FloatArray = np.where(first, tops.scores[places, 1], tops.scores[places, 0])
    return scores


@dataclass(frozen=True, eq=False, repr=False)
class HeldOut(Record):
    """Best candidates of entities whose counterpart is known; each held-out link gives two of them.

    One is the best of all candidates, one the best after the counterpart was removed. The latter is wrong, as the best
    candidate of an entity without a counterpart is.

    Args:
        margins: see ``pair_margins``, float32 ``[S]``.
        right: whether the best candidate is the counterpart, bool ``[S]``.
        present: whether the counterpart was among the candidates, bool ``[S]``.
        others: margins of the best candidates of some entities in question, by the embeddings of this sample, float32
            ``[U]``; empty = the embeddings are those of the run.

    Raises:
        InputError: lengths or types differ, an entry is right without a counterpart, or a margin is not finite.
    """

    margins: FloatArray
    right: BoolArray
    present: BoolArray
    others: FloatArray = field(default_factory=lambda: np.empty(0, np.float32))

    def __post_init__(self) -> None:
        fine = self.margins.shape == self.right.shape == self.present.shape == (len(self.margins),)
        if not fine or self.right.dtype != np.bool_ or self.present.dtype != np.bool_:
            raise InputError("expected margins [S] and as many booleans for right and present")
        finite = np.isfinite(self.margins).all() and np.isfinite(self.others).all()
        if (self.right & ~self.present).any() or not finite:
            raise InputError("expected finite margins, and no right answer without a counterpart")

    def weights(self, share: float) -> FloatArray:
        """Weights ``[S]``, sum 1, with which the sample represents entities of which ``share`` have a counterpart."""
        present = max(int(self.present.sum()), 1)
        absent = max(len(self.present) - present, 1)
        weights: FloatArray = np.where(self.present, share / present, (1 - share) / absent)
        return weights


def hold_out(links: IntArray, nearest: Nearest, *, csls_k: int = 0, means: "Means | None" = None) -> HeldOut:
    """Best candidates of the left entity of each link, with its counterpart among the candidates and without it.

    Removing the counterpart changes the CSLS mean of the left entity too; the new mean is taken over its ten best
    candidates.

    Args:
        links: held-out links, int64 ``[L, 2]``. A left entity in several of them is queried once; each of its
            counterparts is right, and all are removed.
        nearest: returns the k best candidates of some entities of a side.
        csls_k: neighbourhood size of CSLS, 0 = scores are cosines.
        means: CSLS means of all left and right entities, if ``csls_k`` > 0.

    Raises:
        InputError: no links.
    """
    if len(links) == 0:
        raise InputError("confidences are learnt from held-out links, got none")
    rows = links[np.sort(np.unique(links[:, 0], return_index=True)[1]), 0]
    most = int(np.bincount(links[:, 0]).max(initial=1))
    found = nearest(rows, LISTED + most - 1, "left")
    ids, scores = found.ids, found.scores
    is_gold = _are_links(rows, ids, links)
    others = np.where(is_gold | ~found.present, -np.inf, scores).astype(np.float32)
    if csls_k and means is not None:
        cosines = np.where(found.present, (scores + means[0][rows, None] + means[1][ids]) / 2, np.nan)
        change = _top_mean(cosines, csls_k) - _top_mean(np.where(is_gold, np.nan, cosines), csls_k)
        others = (others + change[:, None]).astype(np.float32)
    order = np.argsort(-others, axis=1, kind="stable")
    ids, others = np.take_along_axis(ids, order, axis=1), np.take_along_axis(others, order, axis=1)
    ids = np.where(np.isfinite(others), ids, -1)
    others_exist = ids[:, 0] >= 0  # else the counterpart was the only candidate
    margins = [
        best_margins(rows, found, nearest),
        best_margins(rows[others_exist], Neighbors(ids[others_exist], others[others_exist]), nearest),
    ]
    present = np.repeat([True, False], [len(rows), int(others_exist.sum())])
    right = np.zeros(len(present), bool)
    right[: len(rows)] = is_gold[:, 0]
    return HeldOut(np.concatenate(margins), right, present)


def _are_links(rows: IntArray, ids: IntArray, links: IntArray) -> BoolArray:
    """Whether (row, id) is a link, bool ``[Q, K]``."""
    size = int(max(ids.max(initial=0), links[:, 1].max(initial=0))) + 1
    found: BoolArray = np.isin(rows[:, None] * size + ids, links[:, 0] * size + links[:, 1]) & (ids >= 0)
    return found


def best_margins(rows: IntArray, answers: Neighbors, nearest: Nearest) -> FloatArray:
    """Margins of the best candidates of left entities, float32 ``[Q]``; see ``pair_margins``.

    An entity without a candidate, which an approximate index can give, has the margin -8.

    Args:
        rows: the entities, ``[Q]``.
        answers: their best candidates, at least two, ``[Q, K]``.
        nearest: returns the k best candidates of some entities of a side.
    """
    if len(rows) == 0:
        return np.empty(0, np.float32)
    found = np.full(len(rows), -LARGEST_MARGIN, np.float32)
    there = answers.present[:, 0]
    if there.any():
        best, places = np.unique(answers.ids[there, 0], return_inverse=True)
        rivals = rival_scores(nearest(best, 2, "right"), places, rows[there])
        margins = answers.scores[there, 0] - np.maximum(answers.scores[there, 1], rivals)
        found[there] = np.clip(margins, -LARGEST_MARGIN, LARGEST_MARGIN)
    return found


def _top_mean(values: FloatArray, k: int) -> FloatArray:
    """Mean of the k largest values of each row, without NaN; 0 for a row of NaN."""
    largest = -np.sort(-values, axis=1)[:, :k]  # NaN comes last
    known = ~np.isnan(largest)
    means: FloatArray = np.where(known, largest, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return means
