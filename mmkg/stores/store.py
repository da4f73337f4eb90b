"""What a store is: two tables of entities and a few facts about the run."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ..search.neighbors import Neighbors
from ..typing import BoolArray, FloatArray, IntArray

VERSION = 1  # of what is in the tables
NO_SCORE = -100.0  # stands for "no answer" in a column of scores, which are in [-4, 4]
KEYS = ("label_key", "name_key", "folded_key")


@dataclass(frozen=True, eq=False)
class Entities:
    """Entities of one graph as the columns of a table, n rows each.

    Args:
        row: row in the graph, int64.
        label: URIs or strings.
        display: texts to show.
        label_key, name_key, folded_key: ``key_of`` the label, the name, and the name in folded case.
        best: row of the best answer, int64; -1 = none.
        best_score, second_score: scores of the two best answers, float32; -100 = none.
        mean: CSLS mean, float32; 0 where the run ranks by cosine.
        partner: row of the linked entity, int64; -1 = no link.
        confidence: of the link, float32; 0 without a link or a calibration.
        linked: whether the entity has a known link, bool.
        matched: whether the entity is matched by its vector, bool.
        equal: row of the equal literal node, int64; -1 = none.
        never: rows that are known to be wrong, comma-separated.
        state: digest of all other columns; a row whose state is the same need not be written again.
        vector: what is searched, float32 ``[n, D]`` or, with CSLS, ``[n, D + 1]``: the unit row, and minus the mean.
    """

    row: IntArray
    label: Sequence[str]
    display: Sequence[str]
    label_key: Sequence[str]
    name_key: Sequence[str]
    folded_key: Sequence[str]
    best: IntArray
    best_score: FloatArray
    second_score: FloatArray
    mean: FloatArray
    partner: IntArray
    confidence: FloatArray
    linked: BoolArray
    matched: BoolArray
    equal: IntArray
    never: Sequence[str]
    state: Sequence[str]
    vector: FloatArray

    def __len__(self) -> int:
        return len(self.row)

    @property
    def tops(self) -> Neighbors:
        """The two best answers to each entity; the row of the second is not stored."""
        ids = np.stack([self.best, np.full(len(self), -1)], axis=1)
        scores = np.stack([self.best_score, self.second_score], axis=1)
        return Neighbors(ids, np.where(scores <= NO_SCORE, -np.inf, scores).astype(np.float32))

    def some(self, places: IntArray) -> "Entities":
        """The entities at some places."""
        chosen: dict[str, Any] = {}
        for field in fields(self):
            column = getattr(self, field.name)
            chosen[field.name] = (
                column[places] if isinstance(column, np.ndarray) else [column[place] for place in places]
            )
        return Entities(**chosen)

    @staticmethod
    def of_records(records: Sequence[Mapping[str, Any]]) -> "Entities":
        """From one mapping per entity, as databases return them."""
        columns: dict[str, Any] = {}
        for field in fields(Entities):
            values = [record[field.name] for record in records]
            kind = TYPES.get(field.name)
            columns[field.name] = values if kind is None else np.array(values, kind)
        return Entities(**columns)

    def records(self) -> Iterator[dict[str, Any]]:
        """One mapping per entity, of plain Python values."""
        columns = [getattr(self, field.name) for field in fields(self)]
        plain = [column.tolist() if isinstance(column, np.ndarray) else column for column in columns]
        names = [field.name for field in fields(self)]
        for values in zip(*plain, strict=True):
            yield dict(zip(names, values, strict=True))


TYPES: dict[str, type[np.generic]] = {
    **dict.fromkeys(("row", "best", "partner", "equal"), np.int64),
    **dict.fromkeys(("best_score", "second_score", "mean", "confidence", "vector"), np.float32),
    **dict.fromkeys(("linked", "matched"), np.bool_),
}


def key_of(text: str) -> str:
    """A short key by which a text of any length and any characters is looked up."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Store(ABC):
    """A vector database that holds one run under a name.

    Every method raises ``InputError`` with one line if the database cannot be reached or refuses.

    Args:
        place: where it is, as in the address after the kind.
        name: name of the run in the database.
        create: make a database on the disk that does not exist yet.
    """

    kind: str

    def __init__(self, place: str, name: str, *, create: bool) -> None:
        self.place, self.name = place, name

    @property
    def address(self) -> str:
        """The address, as messages name it."""
        return f"{self.kind}:{self.place}#{self.name}"

    def table(self, what: str) -> str:
        """Name of a table: ``left``, ``right`` or ``facts``."""
        return f"{self.name}_{what}"

    @abstractmethod
    def facts(self) -> dict[str, Any] | None:
        """What was written as facts; ``None`` if the database has no run of this name."""

    @abstractmethod
    def write_facts(self, facts: Mapping[str, Any]) -> None:
        """Replace the facts."""

    @abstractmethod
    def create(self, dim: int) -> None:
        """Make the empty tables of both graphs, with vectors of width ``dim``."""

    @abstractmethod
    def drop(self) -> None:
        """Remove the run."""

    @abstractmethod
    def states(self, side: str) -> dict[int, str]:
        """The ``state`` of each entity that is there, by row."""

    @abstractmethod
    def upsert(self, side: str, entities: Entities) -> None:
        """Write entities; those with a row that is there already are replaced."""

    @abstractmethod
    def finish(self) -> None:
        """Make sure that what was written is on the disk."""

    @abstractmethod
    def rows_with(self, side: str, column: str, key: str) -> list[int]:
        """Rows of the entities with a key, ascending; those with a known link first."""

    @abstractmethod
    def take(self, side: str, rows: IntArray) -> Entities:
        """Entities by their rows, in that order."""

    @abstractmethod
    def nearest(self, side: str, query: FloatArray, k: int) -> IntArray:
        """Rows of the k matched entities of ``side`` with the largest inner product with ``query``."""

    @abstractmethod
    def close(self) -> None:
        """End the connection."""
