"""The matches of a run as columns, and the entities in none; filters and orders work on all of them at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..data.texts.labels import Labels
from ..errors import UsageError, brief, nearest
from ..matching.held_out import LARGEST_MARGIN, pair_margins
from ..result.answers import Answers
from ..result.embeddings import BLOCK_PAIRS, SIDES, Embeddings
from ..result.scale import scaled
from ..typing import BoolArray, FloatArray, IntArray

UNLIKE = 0.05  # share of the known and sure links in which a modality counts as disagreeing


@dataclass(frozen=True, eq=False)
class Matches:
    """Known links and all matches that contradict none of them, whatever their confidence.

    Columns have an entry for each of M pairs; pairs are sorted by the left row.

    Args:
        result: the run.
        left, right: rows of either graph, int64.
        raw: what the run ranks by, float32.
        confidence: float32; ``None`` without a calibration. Known links have 1.
        known: whether the run was given the link, bool.
        kept: whether the match is one that stays, see ``Answers.kept``, bool.
    """

    result: Answers
    left: IntArray
    right: IntArray
    raw: FloatArray
    confidence: FloatArray | None
    known: BoolArray
    kept: BoolArray

    @staticmethod
    def of(result: Answers) -> "Matches":
        """The matches of a run."""
        found = result.linked(threshold=0.0)
        known = np.isin(found.left, result.known[:, 0])
        kept = np.isin(found.left, result.kept[:, 0]) & ~known
        return Matches(result, found.left, found.right, found.score, found.confidence, known, kept)

    def __len__(self) -> int:
        return len(self.left)

    @property
    def pairs(self) -> IntArray:
        """(left row, right row), int64 ``[M, 2]``."""
        return np.stack([self.left, self.right], axis=1)

    @cached_property
    def belief(self) -> FloatArray:
        """The largest threshold at which each pair is a link, float32 ``[M]``; known links have infinity.

        It is the confidence; kept matches are links up to the default threshold, whatever their confidence.
        """
        belief = np.zeros(len(self), np.float32) if self.confidence is None else self.confidence.copy()
        least = self.result.threshold()
        belief[self.kept] = np.maximum(belief[self.kept], np.float32(least))
        belief[self.known] = np.inf
        return belief

    @cached_property
    def sure(self) -> BoolArray:
        """Which pairs are found and sure: their confidence is that of links exported as ``owl:sameAs``."""
        if self.confidence is None:
            return np.zeros(len(self), bool)
        return ~self.known & (self.confidence >= self.result.same_as_threshold(self.result.threshold()))

    def at_threshold(self, threshold: float) -> tuple[BoolArray, BoolArray]:
        """Which found matches are sure links at a threshold, and which are links to check, bool ``[M]`` each."""
        found = ~self.known & (self.belief >= np.float32(threshold))
        if self.confidence is None:
            return np.zeros(len(self), bool), found
        sure = ~self.known & (self.confidence >= np.float32(max(threshold, self.result.same_as_threshold(0.0))))
        return sure, found & ~sure

    @cached_property
    def partner(self) -> tuple[IntArray, IntArray]:
        """The match of each left and of each right entity, -1 for one without, int64 ``[n1]`` and ``[n2]``."""
        sizes = [len(table.labels) for table in self.result.entities]
        found = (np.full(sizes[0], -1, np.int64), np.full(sizes[1], -1, np.int64))
        found[0][self.left], found[1][self.right] = self.right, self.left
        return found

    def places_of(self, pairs: IntArray) -> IntArray:
        """Position of each pair of rows among the matches, -1 for one that is no match, int64 ``[P]``."""
        if not len(self):
            return np.full(len(pairs), -1, np.int64)
        places = np.searchsorted(self.left, pairs[:, 0]).clip(max=len(self) - 1)
        same = (self.left[places] == pairs[:, 0]) & (self.right[places] == pairs[:, 1])
        found: IntArray = np.where(same, places, -1)
        return found

    @cached_property
    def judged(self) -> IntArray:
        """1 for a pair that is a test link, -1 for one that contradicts a test link, 0 for others, int64 ``[M]``."""
        test = self.result.links.test
        if not len(test):
            return np.zeros(len(self), np.int64)
        width = len(self.result.entities[1].labels)
        right = np.isin(self.left * width + self.right, test[:, 0] * width + test[:, 1])
        about = np.isin(self.left, test[:, 0]) | np.isin(self.right, test[:, 1])
        return np.where(self.known, 0, np.where(right, 1, np.where(about, -1, 0)))

    # --- columns that need the embeddings; each is computed once, or for some places only

    @cached_property
    def margin(self) -> FloatArray:
        """Margin of each pair, see ``pair_margins``, float32 ``[M]``; infinity for one without a rival."""
        return self.margins_at(np.arange(len(self)))

    def margins_at(self, places: IntArray) -> FloatArray:
        """Margins of some pairs."""
        if "margin" in vars(self):
            return self.margin[places]
        found = pair_margins(self.pairs[places], self.raw[places], self.result.searcher.nearest)
        return np.where(found >= LARGEST_MARGIN, np.float32(np.inf), found)

    @cached_property
    def score(self) -> FloatArray:
        """Score of each pair, 0 to 100, ``[M]``."""
        return self.result.scores(self.pairs)

    @cached_property
    def likeness(self) -> FloatArray:
        """Cosine of each modality alone, float32 ``[M, modalities]``; NaN where one of the two entities lacks it."""
        return own_cosines(self.result.embeddings, self.pairs)

    def disagreeing(self, modality: str) -> BoolArray:
        """In which pairs a modality disagrees: alone it finds them less alike than nearly all sure links, bool ``[M]``.

        The bound is the cosine that all but 5 % of the known and sure links reach, or, of a run without any, of all
        pairs.

        Raises:
            UsageError: the run has no such modality.
        """
        names = list(self.result.widths)
        if modality not in names:
            raise UsageError(f"this run has no modality {brief(modality)}; {nearest(modality, names)}")
        likeness = self.likeness[:, names.index(modality)]
        there = ~np.isnan(likeness)
        compared = there & (self.known | self.sure)
        compared = compared if compared.any() else there
        if not compared.any():
            return there
        found: BoolArray = there & (likeness < np.quantile(likeness[compared], UNLIKE))
        return found


def own_cosines(embeddings: Embeddings, pairs: IntArray) -> FloatArray:
    """Cosine of each modality's part alone, float32 ``[P, modalities]``; NaN where one of the two entities lacks it.

    Args:
        embeddings: of both graphs.
        pairs: rows of either graph, int64 ``[P, 2]``.
    """
    starts = np.cumsum([0, *embeddings.widths.values()])[:-1]
    found = np.empty((len(pairs), len(starts)), np.float32)
    for start in range(0, len(pairs), BLOCK_PAIRS):
        block = pairs[start : start + BLOCK_PAIRS]
        left = embeddings.left[block[:, 0]].astype(np.float32)
        right = embeddings.right[block[:, 1]].astype(np.float32)
        product, *squares = (np.add.reduceat(each, starts, axis=1) for each in (left * right, left**2, right**2))
        lengths = np.sqrt(squares[0] * squares[1])
        found[start : start + len(block)] = np.where(lengths > 0, product / np.where(lengths > 0, lengths, 1), np.nan)
    return found


def parts_of(result: Answers, pairs: IntArray) -> tuple[list[float], list[dict[str, float]]]:
    """Score of each pair and its part by modality, rounded to hundredths; see ``scaled``."""
    if not len(pairs):
        return [], []
    points, parts = scaled(result.shares(pairs), result.embeddings.is_exact(pairs))
    columns = {name: np.round(part, 2).tolist() for name, part in parts.items()}
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return np.round(points, 2).tolist(), rows


def verdict_codes(
    matches: Matches, decisions: Mapping[tuple[str | None, str | None], str], names: Sequence[str]
) -> IntArray:
    """Number in ``names`` of the verdict on each match, -1 for an open one, int64 ``[M]``.

    A decision on the pair counts, and one that an entity of it has no counterpart.

    Args:
        matches: the matches.
        decisions: verdicts by left and right label; one of the two may be ``None``.
        names: the verdicts.
    """
    found = np.full(len(matches), -1, np.int64)
    if not decisions:
        return found
    tables = matches.result.entities
    rows = [Labels.of(tables[side].labels).rows([key[side] or "" for key in decisions]) for side in (0, 1)]
    given = [np.array([key[side] is not None for key in decisions]) & (rows[side] >= 0) for side in (0, 1)]
    codes = np.array([names.index(verdict) for verdict in decisions.values()], np.int64)
    for side, column in enumerate((matches.left, matches.right)):
        alone = given[side] & np.array([key[1 - side] is None for key in decisions])
        of_row = np.full(len(tables[side].labels), -1, np.int64)
        of_row[rows[side][alone]] = codes[alone]
        found = np.where(of_row[column] >= 0, of_row[column], found)
    both = given[0] & given[1]
    at = matches.places_of(np.stack([rows[0][both], rows[1][both]], axis=1))
    found[at[at >= 0]] = codes[both][at >= 0]
    return found


def without_link(matches: Matches, side: str, threshold: float) -> IntArray:
    """Entities of a side in no link at a threshold, without context, int64, ascending."""
    column = matches.left if side == SIDES[0] else matches.right
    linked = column[matches.belief >= threshold]
    rows = matches.result.embeddings.rows(side)
    found: IntArray = rows[~np.isin(rows, linked)]
    return found
