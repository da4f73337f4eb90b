"""The links that a run is for: known links and believed matches, and how many of each there are."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..data.task import LinkSplit
from ..evaluation import Protocol
from ..matching import Matching
from ..records import Shown
from ..typing import FloatArray, IntArray
from .searcher import EXACT, EmbeddingSearch


@dataclass(frozen=True, repr=False)
class Summary(Shown):
    """What a run has found.

    Args:
        known: links that the run was given and has learnt from.
        sure: other links whose confidence reaches ``same_as``; 0 without confidences.
        to_check: other links of lower confidence; without confidences all of them.
        left_without, right_without: entities in no link, without context.
        calibrated: whether links have confidences.
        threshold: least confidence of a link.
        same_as: least confidence of a sure link, which is exported as ``owl:sameAs``.
    """

    known: int
    sure: int
    to_check: int
    left_without: int
    right_without: int
    calibrated: bool
    threshold: float
    same_as: float

    @property
    def links(self) -> int:
        """Number of all links."""
        return self.known + self.sure + self.to_check

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"links": self.links, **asdict(self)}

    def text(self) -> str:
        """The counts in one line."""
        known = f"{self.known:,} known links, " if self.known else ""
        found = f"{self.sure:,} sure links, {self.to_check:,} to check"
        if not self.calibrated:
            found = f"{self.to_check:,} matches without a confidence, to check"
        return f"{known}{found}, {self.left_without:,} left and {self.right_without:,} right without a counterpart"


def given_links(links: LinkSplit, protocol: Protocol) -> IntArray:
    """Training and validation links that were given, without those that were derived from names or images.

    Args:
        links: of the run; derived links are the last training links, or all.
        protocol: of the run.
    """
    derived = number_derived(links, protocol)
    train = links.train[: max(0, len(links.train) - derived)]
    return np.concatenate([train, links.valid[:0] if are_guesses(links, protocol) else links.valid])


def are_guesses(links: LinkSplit, protocol: Protocol) -> bool:
    """Whether the validation links of a run were derived from names or images, as all of its links then are."""
    return 0 < len(links.train) + len(links.valid) <= number_derived(links, protocol)


def number_derived(links: LinkSplit, protocol: Protocol) -> int:
    """Number of training and validation links that were derived from names or images."""
    if protocol.num_seeds is not None:
        return protocol.num_seeds
    return (len(links.train) + len(links.valid)) * bool(protocol.seeds_from)


def one_to_one(links: IntArray) -> IntArray:
    """Links of which no two share an entity, in their order; of those that do, the first."""
    for side in (0, 1):
        links = links[np.sort(np.unique(links[:, side], return_index=True)[1])]
    return links


def with_known(matching: Matching, known: IntArray, scores: FloatArray) -> Matching:
    """Known links, and the matches that contradict none of them.

    Args:
        matching: the matches.
        known: known links, int64 ``[L, 2]``, one to one.
        scores: their scores, by the measure of the matching, ``[L]``; their confidence is 1, if matches have any.
    """
    other = matching.keep(~(np.isin(matching.left, known[:, 0]) | np.isin(matching.right, known[:, 1])))
    left = np.concatenate([known[:, 0], other.left])
    order = np.argsort(left, kind="stable")
    confidence = None
    if other.confidence is not None:
        confidence = np.concatenate([np.ones(len(known), np.float32), other.confidence])[order]
    right = np.concatenate([known[:, 1], other.right])[order]
    score: FloatArray = np.concatenate([scores, other.score], dtype=np.float32)[order]
    return Matching(left[order], right, score, confidence)


def free_rows(rows: FloatArray, names: IntArray, taken: IntArray) -> IntArray:
    """Positions of the entities that can be matched: not taken, and something is known of them.

    Args:
        rows: embeddings, ``[n, D]``.
        names: their rows in the graph, ``[n]``.
        taken: rows of the graph that have a match.
    """
    free = np.flatnonzero(~np.isin(names, taken))
    return free[np.any(rows[free] != 0, axis=1)]


def pair_scores(pairs: IntArray, searcher: EmbeddingSearch) -> FloatArray:
    """Score of each pair by the measure of a run, CSLS or cosine, float32 ``[P]``."""
    cosine: FloatArray = np.stack(list(searcher.embeddings.shares(pairs).values())).sum(axis=0, dtype=np.float32)
    if not searcher.csls_k:
        return cosine
    left, right = searcher.means()
    csls = 2 * cosine - left[pairs[:, 0]] - right[pairs[:, 1]]
    scores: FloatArray = np.where(searcher.embeddings.is_exact(pairs), EXACT, csls).astype(np.float32)
    return scores


def summarised(
    linked: Matching,
    known: IntArray,
    matched: tuple[IntArray, IntArray],
    *,
    calibrated: bool,
    threshold: float,
    same_as: float,
) -> Summary:
    """Counts of links.

    Args:
        linked: known links and believed matches.
        known: known links, int64 ``[L, 2]``.
        matched: rows of the left and of the right graph that are matched, without context.
        calibrated: whether matches have confidences.
        threshold: least confidence of a link.
        same_as: least confidence of a sure link.
    """
    given = np.isin(linked.left, known[:, 0])
    sure = ~given & (linked.confidence >= same_as) if linked.confidence is not None else np.zeros(len(linked), bool)
    num_known, num_sure = int(given.sum()), int(sure.sum())
    return Summary(
        known=num_known,
        sure=num_sure,
        to_check=len(linked) - num_known - num_sure,
        left_without=int((~np.isin(matched[0], linked.left)).sum()),
        right_without=int((~np.isin(matched[1], linked.right)).sum()),
        calibrated=calibrated,
        threshold=threshold,
        same_as=same_as,
    )
