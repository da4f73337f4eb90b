"""Search of a run by entity: the most likely counterparts, with confidence and the share of each modality."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..compute.host import isolated_class
from ..data.entities import EntityTable
from ..data.task import LinkSplit
from ..errors import Advice, Setting, UsageError
from ..records import Record, Shown
from ..report.frames import arrow_table, data_frame
from ..search import Neighbors
from ..search.given import check_count
from ..typing import BoolArray, FloatArray, IntArray
from .calibrate import Confidences
from .embeddings import SIDES
from .scale import scaled


@dataclass(frozen=True, eq=False)
class Hit(Record):
    """One answer of a search.

    Args:
        row: row in the answering graph.
        label: its URI or string.
        display: text to show.
        score: 0 to 100: the cosine in percent. Answers are sorted by ``raw``, so that scores need not fall along the
            list.
        confidence: probability that it is the counterpart, ``None`` without a calibration. An answer that is closer to
            another entity has a low confidence, so confidences need not fall along the list.
        parts: part of each modality in the score; the parts sum to the score, see ``scaled``.
        raw: what the run ranks by: CSLS if it uses it, else the cosine; larger is better.
        shares: share of each modality in the cosine; the shares sum to the cosine.
    """

    row: int
    label: str
    display: str
    score: float
    confidence: float | None
    parts: Mapping[str, float]
    raw: float
    shares: Mapping[str, float]


class HitList(list[Hit]):
    """The answers of a search, best first, and the same as a table with one column for each modality."""

    def _columns(self) -> tuple[dict[str, list[Any]], list[str]]:
        """The columns of the table, and which of them are numbers."""
        names = list(dict.fromkeys(name for hit in self for name in hit.parts))
        shown = {name: [getattr(hit, name) for hit in self] for name in ("label", "display", "score", "confidence")}
        parts = {name: [hit.parts.get(name) for hit in self] for name in names}
        return {"rank": list(range(1, len(self) + 1)), **shown, **parts}, ["score", "confidence", *names]

    def to_arrow(self) -> Any:
        """A table of Arrow: rank, label, display, score, confidence, and the part of each modality in the score.

        Raises:
            MissingPackageError: pyarrow is not installed.
        """
        return arrow_table(*self._columns())

    def to_frame(self) -> Any:
        """The same as a DataFrame of pandas.

        Raises:
            MissingPackageError: pandas or pyarrow is not installed.
        """
        return data_frame(*self._columns())


@isolated_class
@dataclass(frozen=True, eq=False, repr=False)
class Hits(Shown):
    """Answers to queries by entity.

    Args:
        confidences: of the run, with its searcher and links.
        entities: tables of the left and the right graph.
    """

    confidences: Confidences
    entities: tuple[EntityTable, EntityTable]

    def _facts(self) -> dict[str, int]:
        return {f"{side}_entities": len(table.labels) for side, table in zip(SIDES, self.entities, strict=True)}

    @property
    def links(self) -> LinkSplit:
        """The split of the run."""
        return self.confidences.links

    @property
    def widths(self) -> dict[str, int]:
        """Width of each modality's part of the embeddings, in order."""
        return self.confidences.searcher.embeddings.widths

    def is_known(self, row: int, side: str = "left") -> bool:
        """Whether anything is known of an entity: its embedding is not all zeros."""
        return bool(self.confidences.searcher.embeddings.sides(side)[0][row].any())

    def find(self, entity: str | int, *, side: str = "left") -> list[int]:
        """Rows that an entity's row, URI or name may mean; those with a known link first."""
        self.confidences.searcher.embeddings.sides(side)
        if not isinstance(entity, str):
            return [int(entity)]
        column = SIDES.index(side)
        other = SIDES[1 - column]
        if not self.entities[column].rows_of(entity) and self.entities[1 - column].rows_of(entity):
            raise UsageError(
                f"no entity of the {side} graph has the label or name {entity!r}, one of the {other} graph has",
                advice=Advice("pass {}", Setting("side", other, option="--side")),
            )
        rows = self.entities[column].find(entity)
        if len(rows) == 1:
            return rows
        linked = np.isin(rows, self.links.all()[:, column])
        return [row for _, row in sorted(zip((~linked).tolist(), rows, strict=True))]

    def search(self, entity: str | int, *, k: int = 5, side: str = "left") -> HitList:
        """The k most likely counterparts of an entity, best first; see ``AlignmentResult.search``."""
        row = self.row_of(entity, side)
        return HitList(self._hits(row, self._nearest(np.array([row]), k, side), side))

    def row_of(self, entity: str | int, side: str) -> int:
        """The row of an entity that is matched; of several with one name, the first with a known link, else the first.

        Raises:
            UsageError: no such entity, or one that is not matched.
        """
        size = len(self.confidences.searcher.embeddings.sides(side)[0])
        row = self.find(entity, side=side)[0]
        if not 0 <= row < size:
            raise UsageError(f"row must be in 0..{size - 1}, got {row}")
        embeddings, column = self.confidences.searcher.embeddings, SIDES.index(side)
        if row not in embeddings.rows(side) and row not in embeddings.exact[:, column]:
            table = self.entities[column]
            if table.context[row]:
                raise UsageError(
                    f"{table.labels[row]!r} is a blank node or a term of RDF or OWL, which are not matched"
                )
            raise UsageError(
                f"{table.labels[row]!r} is a number or date, which is matched with an equal one only; the "
                f"{SIDES[1 - column]} graph has none, or one of the graphs has several"
            )
        return row

    def neighbors(self, k: int = 1, *, side: str = "left") -> tuple[Neighbors, FloatArray | None]:
        """The k best counterparts of every entity of a side, with scores, and confidences ``[n, k]``.

        If the other graph has fewer than k entities, there is one column for each of these.
        """
        rows = np.arange(len(self.confidences.searcher.embeddings.sides(side)[0]))
        found = self._nearest(rows, k, side)
        return found, self.confidences.of_lists(rows, found, side)

    def sample(self, links: IntArray, number: int = 12, *, seed: int = 0) -> list[dict[str, Any]]:
        """The best answers to a few of the links, for ``report.matches_table``."""
        rows = np.random.default_rng(seed).permutation(len(links))[:number]
        queries = links[np.sort(rows)]
        if len(queries) == 0:
            return []
        found = self.confidences.searcher.nearest(queries[:, 0], 1, "left")
        chosen = []
        for place, (left, gold) in enumerate(queries.tolist()):
            hit = next(self._hits(left, Neighbors(found.ids[[place]], found.scores[[place]]), "left"), None)
            if hit is None:  # an approximate index found no candidate
                continue
            chosen.append(
                {
                    "rows": (left, hit.row),
                    "left": self.entities[0].display[left],
                    "right": hit.display,
                    "gold": self.entities[1].display[gold],
                    "correct": hit.row == gold,
                    "score": hit.score,
                    "confidence": hit.confidence,
                    "parts": hit.parts,
                }
            )
        return chosen

    def _nearest(self, rows: IntArray, k: int, side: str) -> Neighbors:
        """The k best counterparts of some entities, or all of them if there are fewer."""
        answering = self.confidences.searcher.embeddings.sides(side)[1]
        return self.confidences.searcher.nearest(rows, min(check_count(k, "k"), len(answering)), side)

    def _hits(self, row: int, found: Neighbors, side: str) -> Iterator[Hit]:
        """The answers to one query, ``[1, K]``."""
        table = self.entities[1 - SIDES.index(side)]
        ids, scores = found.ids[found.present], found.scores[found.present]
        queries = np.full(len(ids), row)
        pairs = np.stack([queries, ids] if side == "left" else [ids, queries], axis=1)
        embeddings = self.confidences.searcher.embeddings
        confidence = self.confidences.of_lists(np.array([row]), Neighbors(ids[None], scores[None]), side)
        return hits_of(
            ids,
            [table.labels[answer] for answer in ids.tolist()],
            [table.display[answer] for answer in ids.tolist()],
            scores,
            embeddings.shares(pairs),
            embeddings.is_exact(pairs),
            None if confidence is None else confidence[0],
        )


def hits_of(
    rows: IntArray,
    labels: Sequence[str],
    displays: Sequence[str],
    scores: FloatArray,
    shares: Mapping[str, FloatArray],
    exact: BoolArray,
    confidence: FloatArray | None,
) -> Iterator[Hit]:
    """The answers to one query, in the order of the arguments, K values each.

    Args:
        rows: rows in the answering graph.
        labels, displays: their labels and texts to show.
        scores: what the run ranks by.
        shares: share of each modality in the cosine.
        exact: whether an answer is an equal literal node.
        confidence: probabilities; ``None`` without a calibration.
    """
    points, parts = scaled(shares, exact)
    for place, row in enumerate(rows.tolist()):
        yield Hit(
            row,
            labels[place],
            displays[place],
            float(points[place]),
            None if confidence is None else float(confidence[place]),
            {name: float(part[place]) for name, part in parts.items()},
            float(scores[place]),
            {name: float(share[place]) for name, share in shares.items()},
        )
