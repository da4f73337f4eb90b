"""Tables of texts in files of any format: names of the columns, and rows as readers return them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ...errors import InputError, UsageError
from ...typing import IntArray
from .columns import Faults

HEAD, RELATION, TAIL = "head", "relation", "tail"
ALIASES: Mapping[str, tuple[str, ...]] = {
    HEAD: ("head", "h", "subject", "subj", "s", "source"),
    RELATION: ("relation", "rel", "r", "predicate", "pred", "p", "property"),
    TAIL: ("tail", "t", "object", "obj", "o", "target"),
    "entity": ("entity", "id", "label", "subject"),
    "attribute": ("attribute", "predicate", "property"),
    "value": ("value", "object"),
    "type": ("type", "datatype"),
    "name": ("name",),
    "picture": ("picture", "image"),
    "left": ("left", "entity1", "source"),
    "right": ("right", "entity2", "target"),
    "part": ("part", "split"),
}
TRIPLES = (HEAD, RELATION, TAIL)
ENTITIES, FACTS = ("entity", "name", "picture"), ("entity", "attribute", "value", "type")
LINKS = ("left", "right", "part")
OPTIONAL = ("name", "picture", "value", "type", "part")


class TableBlock(NamedTuple):
    """Some rows of a table: the texts of each requested column (``None`` = the column is missing), and their lines."""

    columns: Sequence[Sequence[str | None] | None]
    lines: IntArray


# (path, wanted columns, faults) -> blocks; fields of the columns not in OPTIONAL are never None or empty
TableReader = Callable[[Path, Sequence[str], Faults], Iterator[TableBlock]]


def columns_of(
    header: Sequence[str], wanted: Sequence[str], path: Path, names: Sequence[str] = (), line: int | None = None
) -> list[int | None]:
    """Position of each requested column in a header; ``None`` for a missing optional column.

    Args:
        header: names in the file.
        wanted: names of the requested columns in mmkg.
        path: the file, for messages.
        names: names of the first requested columns in the file, in place of the usual names.
        line: line of the header, for messages.

    Raises:
        InputError: a column is missing or occurs twice.
    """
    lower = [name.strip().lower() for name in header]
    places: list[int | None] = []
    for number, column in enumerate(wanted):
        called = (names[number].lower(),) if number < len(names) else ALIASES[column]
        found = [lower.index(name) for name in called if name in lower]
        if not found and column not in OPTIONAL:
            hint = "; name the columns: columns=(HEAD, RELATION, TAIL)" if column in TRIPLES else ""
            present = ", ".join(map(repr, header[:8]))
            what = " or ".join(map(repr, called[:3]))
            raise InputError(f"expected a column {what}, got {present}{hint}", path, line)
        if found and lower.count(lower[found[0]]) > 1:
            raise InputError(f"expected one column {header[found[0]]!r}, got several of this name", path, line)
        places.append(found[0] if found else None)
    return places


def check_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """The names of three columns, or none.

    Raises:
        UsageError: another number of names.
    """
    if columns and len(columns) != 3:
        raise UsageError(f"columns: expected the names of head, relation and tail, got {len(columns)} names")
    return tuple(columns)
