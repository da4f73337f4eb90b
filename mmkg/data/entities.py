"""Labels, names and display texts of the entities of a graph, without the graph itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import UsageError
from ..records import Record
from ..typing import BoolArray, IntArray
from .kg import KnowledgeGraph, is_context
from .texts.labels import Labels
from .texts.packed import Texts


@dataclass(frozen=True, eq=False, repr=False)
class EntityTable(Record):
    """Labels, names and display texts of the entities of one graph.

    Args:
        labels: URIs or strings, unique.
        names: names to search by; the label of an entity without a name.
        display: texts that reports and tables show.
    """

    labels: Sequence[str]
    names: Sequence[str]
    display: Sequence[str]

    def __post_init__(self) -> None:
        held = Labels.of(self.labels)
        for what in ("labels", "names", "display"):
            texts = Labels.of(getattr(self, what))
            held = held if texts == held else texts  # equal columns are kept once
            object.__setattr__(self, what, held)

    @staticmethod
    def of(graph: KnowledgeGraph) -> "EntityTable":
        """The table of a graph."""
        labels = Labels.of(graph.entities)
        names = labels if graph.names is None else Texts.of(graph.names).or_else(labels)
        return EntityTable(graph.entities, names, names if graph.display is None else graph.display)

    @cached_property
    def context(self) -> BoolArray:
        """Which entities are context, see ``KnowledgeGraph.context``, ``[n]``."""
        return is_context(self.labels)

    def find(self, text: str) -> list[int]:
        """Row of the entity with this label; else rows of all with this name; else of all with it in any letter case.

        Raises:
            UsageError: no such entity; the message lists the most similar names.
        """
        if rows := self.rows_of(text):
            return rows
        raise UsageError(f"no entity has the label or name {text!r}; {nearest_few(text, self.names)}")

    def rows_of(self, text: str) -> list[int]:
        """As ``find``; empty if there is no such entity."""
        names = Labels.of(self.names)
        return Labels.of(self.labels).rows_of(text) or names.rows_of(text) or self._folded.rows_of(text.casefold())

    @cached_property
    def _folded(self) -> Labels:
        """The names without differences of letter case."""
        return Labels.of(map(str.casefold, self.names))


def matched_rows(context: BoolArray, linked: IntArray) -> IntArray | None:
    """Rows of a graph that are matched: all but its context, and what a known link names.

    ``None`` = all rows, also if nothing but context is there.

    Args:
        context: which entities are context, ``[n]``.
        linked: rows with a known link.
    """
    matched = ~context
    matched[linked] = True
    return None if matched.all() or not matched.any() else np.flatnonzero(matched)


def is_among(pairs: IntArray, others: IntArray) -> BoolArray:
    """Which pairs, int64 ``[P, 2]``, are among others, int64 ``[E, 2]``; bool ``[P]``."""
    if not len(others) or not len(pairs):
        return np.zeros(len(pairs), bool)
    width = int(max(pairs[:, 1].max(), others[:, 1].max())) + 1
    found: BoolArray = np.isin(pairs[:, 0] * width + pairs[:, 1], others[:, 0] * width + others[:, 1])
    return found


def nearest_few(text: str, names: Sequence[str]) -> str:
    """Sentence for a message that lists the three names most similar to a text."""
    import difflib

    close = difflib.get_close_matches(text, list(dict.fromkeys(names[:50_000])), n=3, cutoff=0.5)
    return f"near: {', '.join(map(repr, close))}" if close else "give its URI or its name"
