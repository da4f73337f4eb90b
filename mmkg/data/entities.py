"""What the entities of a graph are called, apart from the graph itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ..errors import UsageError
from .kg import KnowledgeGraph


@dataclass(frozen=True)
class EntityTable:
    """Labels of one graph's entities, what they are called, and what people see.

    Args:
        labels: URIs or strings, unique.
        names: by which a person may ask; the label where there is no name.
        display: what is shown.
    """

    labels: tuple[str, ...]
    names: tuple[str, ...]
    display: tuple[str, ...]

    @staticmethod
    def of(graph: KnowledgeGraph) -> "EntityTable":
        """Of a graph."""
        names = graph.entities
        if graph.names is not None:
            names = tuple(name or label for name, label in zip(graph.names, graph.entities, strict=True))
        return EntityTable(graph.entities, names, names if graph.display is None else graph.display)

    @staticmethod
    def of_columns(labels: Sequence[str], names: Sequence[str], display: Sequence[str]) -> "EntityTable":
        """Of columns read from a file; equal texts of one row are kept once."""
        called = tuple(label if name == label else name for label, name in zip(labels, names, strict=True))
        shown = tuple(name if text == name else text for name, text in zip(called, display, strict=True))
        return EntityTable(tuple(labels), called, shown)

    def find(self, text: str) -> list[int]:
        """Rows of the entity with this label, else of all with this name (then: in any letter case).

        Raises:
            UsageError: there is none; the message names the nearest.
        """
        if text in self._rows:
            return [self._rows[text]]
        if rows := [row for row, name in enumerate(self.names) if name == text]:
            return rows
        folded = text.casefold()
        if rows := [row for row, name in enumerate(self.names) if name.casefold() == folded]:
            return rows
        raise UsageError(f"no entity has the label or name {text!r}; {nearest_few(text, self.names)}")

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {label: row for row, label in enumerate(self.labels)}


def nearest_few(text: str, names: Sequence[str]) -> str:
    """The three names most like a text, for a message."""
    import difflib

    close = difflib.get_close_matches(text, list(dict.fromkeys(names[:50_000])), n=3, cutoff=0.5)
    return f"near: {', '.join(map(repr, close))}" if close else "give its URI or its name"
