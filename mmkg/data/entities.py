"""Labels, names and display texts of the entities of a graph, without the graph itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import UsageError
from ..records import Record
from ..typing import BoolArray, IntArray
from .kg import KnowledgeGraph, is_context


@dataclass(frozen=True, eq=False, repr=False)
class EntityTable(Record):
    """Labels, names and display texts of the entities of one graph.

    Args:
        labels: URIs or strings, unique.
        names: names to search by; the label of an entity without a name.
        display: texts that reports and tables show.
    """

    labels: tuple[str, ...]
    names: tuple[str, ...]
    display: tuple[str, ...]

    @staticmethod
    def of(graph: KnowledgeGraph) -> "EntityTable":
        """The table of a graph."""
        names = graph.entities
        if graph.names is not None:
            names = tuple(name or label for name, label in zip(graph.names, graph.entities, strict=True))
        return EntityTable(graph.entities, names, names if graph.display is None else graph.display)

    @staticmethod
    def of_columns(labels: Sequence[str], names: Sequence[str], display: Sequence[str]) -> "EntityTable":
        """The table from columns of a file; equal texts of one row share one string in memory."""
        unique_names = tuple(label if name == label else name for label, name in zip(labels, names, strict=True))
        unique_display = tuple(name if text == name else text for name, text in zip(unique_names, display, strict=True))
        return EntityTable(tuple(labels), unique_names, unique_display)

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
        if text in self._rows:
            return [self._rows[text]]
        return list(self._named.get(text) or self._folded.get(text.casefold(), []))

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {label: row for row, label in enumerate(self.labels)}

    @cached_property
    def _named(self) -> dict[str, list[int]]:
        return _grouped(self.names)

    @cached_property
    def _folded(self) -> dict[str, list[int]]:
        return _grouped(map(str.casefold, self.names))


def _grouped(texts: Iterable[str]) -> dict[str, list[int]]:
    """The rows of each text, ascending."""
    found: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        found.setdefault(text, []).append(row)
    return found


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


def nearest_few(text: str, names: Sequence[str]) -> str:
    """Sentence for a message that lists the three names most similar to a text."""
    import difflib

    close = difflib.get_close_matches(text, list(dict.fromkeys(names[:50_000])), n=3, cutoff=0.5)
    return f"near: {', '.join(map(repr, close))}" if close else "give its URI or its name"
