"""Search of a run that stands in a store; the answers are those of the run folder."""

from collections.abc import Iterator
from typing import Annotated

import numpy as np
from pydantic import ConfigDict, Field, FiniteFloat, NonNegativeInt, PositiveInt
from typing_extensions import TypedDict

from ..errors import Advice, InputError, Setting, UsageError, brief, nearest
from ..matching import Calibration
from ..matching.held_out import LARGEST_MARGIN, rival_scores
from ..records import Shown
from ..result.embeddings import SIDES, Embeddings
from ..result.hits import Hit, HitList, hits_of
from ..result.searcher import EXACT
from ..schema import checked
from ..search.vectors import check_count
from ..typing import FloatArray
from .store import KEYS, VERSION, Entities, Store, key_of

MOST = 10_000  # answers to one query


class _Curve(TypedDict):
    slope: Annotated[FiniteFloat, Field(ge=0)]
    intercept: FiniteFloat


class _Facts(TypedDict):
    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    sizes: tuple[NonNegativeInt, NonNegativeInt]
    widths: Annotated[dict[str, PositiveInt], Field(min_length=1)]
    csls_k: NonNegativeInt
    confidence: _Curve | None


class PublishedRun(Shown):
    """A run in a store. Nothing of the run folder is read.

    Args:
        store: an open store, see ``open_store``.

    Raises:
        InputError: the store has no run of this name, a half-written one, or one of another version.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        facts = store.facts()
        if facts is None:
            raise InputError(f"{store.address}: no run of the name {store.name!r} is there; publish one")
        if facts.get("version") != VERSION:
            raise InputError(f"{store.address}: another version of mmkg wrote this run; publish it again")
        if not facts.get("complete"):
            raise InputError(f"{store.address}: this run is half-written; publish it again, which completes it")
        self._known: _Facts = checked(facts, _Facts, None)
        curve = self._known["confidence"]
        self._calibration = None if curve is None else Calibration(curve["slope"], curve["intercept"])

    def _facts(self) -> dict[str, int]:
        left, right = self._known["sizes"]
        return {"left_entities": left, "right_entities": right, "modalities": len(self._known["widths"])}

    def rows_of(self, text: str, side: str = "left") -> list[int]:
        """Rows that a label or name may mean, those with a known link first; empty if there is no such entity."""
        if side not in SIDES:
            raise UsageError(f"unknown side {brief(side)}; {nearest(side, SIDES)}")
        for column, value in zip(KEYS, (text, text, text.casefold()), strict=True):
            if rows := self.store.rows_with(side, column, key_of(value)):
                return rows
        return []

    def find(self, text: str, side: str = "left") -> list[int]:
        """As ``rows_of``.

        Raises:
            UsageError: no such entity.
        """
        if rows := self.rows_of(text, side):
            return rows
        other = SIDES[1 - SIDES.index(side)]
        if self.rows_of(text, other):
            raise UsageError(
                f"no entity of the {side} graph has the label or name {text!r}, one of the {other} graph has",
                advice=Advice("pass {}", Setting("side", other, option="--side")),
            )
        raise UsageError(f"no entity has the label or name {text!r}; give its URI or its name")

    def entities(self, rows: list[int], side: str) -> Entities:
        """Some entities by their rows."""
        return self.store.take(side, np.array(rows, np.int64))

    def search(self, entity: str | int, *, k: int = 5, side: str = "left") -> HitList:
        """The k most likely counterparts of an entity, best first, as ``AlignmentResult.search`` gives them.

        Args:
            entity: its row, its URI, or its name; of several with one name, the first with a link, else the first.
            k: number of answers.
            side: graph of the entity, ``left`` or ``right``.

        Raises:
            UsageError: no such entity or side, or one that is not matched.
            InputError: the store cannot be read.
        """
        row = self.find(entity, side)[0] if isinstance(entity, str) else int(entity)
        size, other = self._known["sizes"][SIDES.index(side)], SIDES[1 - SIDES.index(side)]
        if not 0 <= row < size:
            raise UsageError(f"row must be in 0..{size - 1}, got {row}")
        query = self.entities([row], side)
        if query.equal[0] >= 0:
            found, scores = self.entities([int(query.equal[0])], other), np.array([EXACT], np.float32)
        elif not query.matched[0]:
            raise UsageError(
                f"{query.label[0]!r} is not matched: it is a blank node, a term of RDF or OWL, or a number or date "
                "without an equal one in the other graph"
            )
        else:
            found, scores = self._nearest(query, min(check_count(k, "k"), MOST), other)
        return HitList(self._hits(query, found, scores))

    def _nearest(self, query: Entities, k: int, other: str) -> tuple[Entities, FloatArray]:
        """The k best answers to one entity, and their scores."""
        never = np.array([int(row) for row in query.never[0].split(",") if row], np.int64)
        vector = query.vector[0]
        if self._known["csls_k"]:
            vector = np.append(2 * vector[:-1], np.float32(1))
        rows = self.store.nearest(other, vector, min(k + len(never), self._known["sizes"][SIDES.index(other)]))
        found = self.store.take(other, rows[~np.isin(rows, never)])
        scores = (found.vector @ vector - (query.mean[0] if self._known["csls_k"] else 0)).astype(np.float32)
        order = np.lexsort((found.row, -scores))[:k]
        return found.some(order), scores[order]

    def _hits(self, query: Entities, found: Entities, scores: FloatArray) -> Iterator[Hit]:
        columns = sum(self._known["widths"].values())  # without the mean
        pair = Embeddings(query.vector[:, :columns], found.vector[:, :columns], self._known["widths"])
        shares = pair.shares(np.stack([np.zeros(len(found), np.int64), np.arange(len(found))], axis=1))
        exact = np.full(len(found), query.equal[0] >= 0)
        confidence = None if self._calibration is None else self._confidence(query, found, scores)
        return hits_of(found.row, found.label, found.display, scores, shares, exact, confidence)

    def _confidence(self, query: Entities, found: Entities, scores: FloatArray) -> FloatArray:
        """See ``pair_margins``: the best answers to either entity were stored with it."""
        assert self._calibration is not None
        if query.equal[0] >= 0:
            return np.full(len(found), EXACT, np.float32)
        mine = rival_scores(query.tops, np.zeros(len(found), np.int64), found.row)
        theirs = rival_scores(found.tops, np.arange(len(found)), np.repeat(query.row, len(found)))
        margins = np.clip(scores - np.maximum(mine, theirs), -LARGEST_MARGIN, LARGEST_MARGIN).astype(np.float32)
        return self._calibration.predict(margins)
